"""Torch Hub's recipe for slowfast_r50, extended to the views of the test: a command.

    python -m benchmarks.hub_recipe WEIGHTS.pyth VIDEO CLIPS CROPS LAYOUT

As https://pytorch.org/hub/facebookresearch_pytorchvideo_slowfast has it: ``EncodedVideo`` decodes
each clip, the transforms are its own, and the network gets one view after another. It adds the
further clips and crops, ``inference_mode``, and LAYOUT, torch's memory layout: ``contiguous``, the
recipe's own, or ``channels_last_3d``. Prints the five best classes.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from make_pytorchvideo_logits import import_pytorchvideo

from slowfast import machine

SIDE, NUM_FRAMES, STRIDE, FPS, ALPHA = 256, 32, 2, 30, 4
MEAN, STD = [0.45] * 3, [0.225] * 3
CLIP_SECONDS = NUM_FRAMES * STRIDE / FPS


def transform() -> Any:
    """The recipe's, but for the crop and the split into pathways."""
    from pytorchvideo.transforms import ShortSideScale, UniformTemporalSubsample
    from torchvision.transforms import Compose, Lambda
    from torchvision.transforms._transforms_video import NormalizeVideo

    return Compose(
        [
            UniformTemporalSubsample(NUM_FRAMES),
            Lambda(lambda x: x / 255.0),
            NormalizeVideo(MEAN, STD),
            ShortSideScale(size=SIDE),
        ]
    )


class Recipe:
    """The network and the transforms."""

    def __init__(self, weights: Path, layout: torch.memory_format) -> None:
        from pytorchvideo.models.hub.slowfast import slowfast_r50

        model = slowfast_r50().eval()
        model.load_state_dict(torch.load(weights)["model_state"])
        self.model, self.layout = model.to(memory_format=layout), layout
        self.transform = transform()
        self.about = f"torch {torch.__version__}, PyTorchVideo 0.1.5"

    def answer(self, path: str, num_clips: int, num_crops: int) -> Any:
        """The mean of the views' probabilities ``[1, 400]``."""
        from pytorchvideo.data.encoded_video import EncodedVideo
        from pytorchvideo.transforms.functional import uniform_crop

        video = EncodedVideo.from_path(path)
        step = (float(video.duration) - CLIP_SECONDS) / max(num_clips - 1, 1)
        views = []
        for number in range(num_clips):
            # A little earlier, else the last one may find no frame.
            start = max(number * step - 0.01, 0.0)
            clip = video.get_clip(start_sec=start, end_sec=start + CLIP_SECONDS)["video"]
            clip = self.transform(clip)
            for place in range(num_crops):
                views.append(self._view(uniform_crop(clip, SIDE, place if num_crops > 1 else 1)))
        video.close()
        return torch.stack(views).mean(0).numpy()

    def _view(self, frames: Any) -> Any:
        slow = torch.linspace(0, NUM_FRAMES - 1, NUM_FRAMES // ALPHA).long()
        inputs = [torch.index_select(frames, 1, slow), frames]
        with torch.inference_mode():
            inputs = [i[None, ...].contiguous(memory_format=self.layout) for i in inputs]
            return torch.nn.Softmax(dim=1)(self.model(inputs))


def main(weights: str, video: str, num_clips: str, num_crops: str, layout: str) -> int:
    """Runs the recipe on one video."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(machine.threads())
    import_pytorchvideo()
    layouts = {
        "contiguous": torch.contiguous_format, "channels_last_3d": torch.channels_last_3d
    }  # fmt: skip
    probabilities = Recipe(Path(weights), layouts[layout]).answer(
        video, int(num_clips), int(num_crops)
    )
    best = probabilities[0].argsort()[::-1][:5]
    print(" ".join(f"{index}:{probabilities[0][index]:.4f}" for index in best))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

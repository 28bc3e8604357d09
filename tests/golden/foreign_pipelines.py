"""PyTorchVideo's and mmaction2's own test pipelines, with the packages of make_foreign_files.py.

Both give a video's averaged probabilities. What is not theirs is said where it is: the two rules
for the clips' starts that the installed releases do not have, in a subclass each.
"""

import importlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from make_pytorchvideo_logits import import_pytorchvideo

FPS = 30
IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
AT_ONCE = 6


class Views(NamedTuple):
    """What a test asks for; the crop is as large as the short side."""

    num_clips: int
    num_frames: int
    stride: int
    side: int
    alpha: int


class PyTorchVideo:
    """Its pipeline, as PySlowFast's ptv_datasets.py puts it together, and its hub's averaging.

    Args:
        to_end: the clips' starts of the main branch since 28 April 2022, not those of 0.1.5.
    """

    def __init__(self, *, to_end: bool) -> None:
        import_pytorchvideo()
        self.data = importlib.import_module("pytorchvideo.data.encoded_video")
        self.frames = importlib.import_module("pytorchvideo.data.frame_video")
        self.transforms = importlib.import_module("pytorchvideo.transforms")
        self.to_end = to_end

    def sampler(self, views: Views, crops: int) -> Any:
        """ConstantClipsPerVideoSampler."""
        module = importlib.import_module("pytorchvideo.data.clip_sampling")

        class ToEnd(module.ConstantClipsPerVideoSampler):  # type: ignore[name-defined]
            """The main branch's rule: n - 1 steps, so that the last clip ends with the video."""

            def __call__(self, last: Any, duration: Any, annotation: Any) -> Any:
                info = super().__call__(last, duration, annotation)
                room = Fraction(max(duration - self._clip_duration, 0))
                start = room / max(self._clips_per_video - 1, 1) * info.clip_index
                return info._replace(clip_start_sec=start, clip_end_sec=start + self._clip_duration)

        kind = ToEnd if self.to_end else module.ConstantClipsPerVideoSampler
        return kind(views.num_frames * views.stride / FPS, views.num_clips, crops)

    def clips(self, path: Path, fps: Fraction | None, views: Views, crops: int) -> Iterator[Any]:
        """Of each view: its clip as read, ``float [3, t, H, W]``, and the number of its crop.

        Args:
            fps: of a folder of frames; None: a video file.
        """
        if fps is None:
            video = self.data.EncodedVideo.from_path(str(path), decode_audio=False)
        else:
            video = self.frames.FrameVideo.from_directory(str(path), fps=fps)
        sampler, end, is_last = self.sampler(views, crops), 0.0, False
        while not is_last:
            start, end, _, crop, is_last = sampler(end, video.duration, {})
            if crop == 0:
                clip = video.get_clip(start, end)["video"]
            yield clip, crop

    def probabilities(
        self, model: torch.nn.Module, path: Path, fps: Fraction | None, views: Views
    ) -> np.ndarray:
        """Averaged over the views ``[K]``; within a view the softmax is of the mean logits."""
        t = self.transforms
        sample = t.UniformTemporalSubsample(views.num_frames)
        normalize = t.Normalize((0.45,) * 3, (0.225,) * 3)
        scale, crop = t.ShortSideScale(views.side), t.UniformCropVideo(views.side)
        slow = t.UniformTemporalSubsample(views.num_frames // views.alpha)
        found = []
        for clip, index in self.clips(path, fps, views, crops=3):
            scaled = scale(normalize(sample(clip) / 255))
            view = crop({"video": scaled, "aug_index": index})["video"][None]
            with torch.no_grad():
                clip = view if views.alpha == 1 else [slow(view), view]
                found.append(model(clip)[0].softmax(dim=-1))
        return torch.stack(found).mean(dim=0).double().numpy()


class MMAction2:
    """Its pipeline, as its configs of SlowFast have it, and its model's own averaging.

    Args:
        middles: the clips' starts of 0.x, which 1.2.0 has no longer.
    """

    def __init__(self, *, middles: bool) -> None:
        self.transforms = importlib.import_module("mmaction.datasets.transforms")
        self.middles = middles

    def sample_frames(self, views: Views) -> Any:
        """SampleFrames in test mode."""

        class Middles(self.transforms.SampleFrames):  # type: ignore[name-defined]
            """0.24's _get_test_clips."""

            def _get_test_clips(self, num_frames: int, ori_clip_len: float) -> Any:
                span = self.clip_len * self.frame_interval
                if num_frames < span:
                    return np.zeros(self.num_clips, int)
                interval = (num_frames - span + 1) / float(self.num_clips)
                return (np.arange(self.num_clips) * interval + interval / 2.0).astype(int)

        kind = Middles if self.middles else self.transforms.SampleFrames
        return kind(views.num_frames, views.stride, views.num_clips, test_mode=True)

    def probabilities(
        self, model: torch.nn.Module, path: Path, fps: Fraction | None, views: Views
    ) -> np.ndarray:
        """Averaged over the views ``[K]``. A folder has PNGs, which mmaction2 counts from 1."""
        t = self.transforms
        if fps is None:
            results, steps = {"filename": str(path), "start_index": 0}, [t.DecordInit()]
            decode = t.DecordDecode()
        else:
            count = len(list(path.iterdir()))
            results = {"frame_dir": str(path), "total_frames": count, "start_index": 1,
                       "filename_tmpl": "img_{:05}.png"}  # fmt: skip
            steps, decode = [], t.RawFrameDecode()
        # fmt: off
        steps += [self.sample_frames(views), decode, t.Resize((-1, views.side)),
                  t.ThreeCrop(views.side), t.FormatShape("NCTHW"), t.PackActionInputs()]
        # fmt: on
        results |= {"modality": "RGB", "label": 0}
        for step in steps:
            results = step(results)
        batch = {"inputs": [results["inputs"]], "data_samples": [results["data_samples"]]}
        with torch.no_grad():
            (sample,) = model.test_step(batch)
        return sample.pred_score.double().numpy()

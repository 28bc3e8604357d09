"""Writes what PyTorchVideo and mmaction2 make of videos with small networks of their own.

In the environment of make_foreign_files.py, with the folder of real videos:

    python tests/golden/make_protocol_files.py FOLDER

Beside this file go pytorchvideo_small.pyth and mmaction2_small.pth, saved as those systems save;
protocol_scores.json, the logits of a clip and the averaged probabilities of videos, real ones by
their SHA-256, through their own pipelines (foreign_pipelines.py); and protocol_frames.npz, which
frames their clips have.

The networks are the smallest that both sides can build, with name-seeded weights; the classifier
is scaled and shifted until the views of one video differ by about as much as its classes do, so
that other views show in the scores.
"""

import hashlib
import json
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import mmengine.runner
import numpy as np
import torch
from foreign_pipelines import IMAGENET, MMAction2, PyTorchVideo, Views
from make_foreign_files import fill_mmaction2, import_mmaction2, mmaction2_config
from make_pytorchvideo_logits import fill, import_pytorchvideo
from name_seeded import patterned_frames, seeded_clip

HERE = Path(__file__).parent
WIDTH, CLASSES, SIDE = 8, 20, 96
CLIP = (0, (1, 3, 32, 96, 96))  # seed and shape
FOLDERS = {"long": (100, 110, 153), "short": (40, 110, 153), "portrait": (75, 153, 110)}
"""Frames, height and width of patterned videos; their rate is ..."""
FOLDER_FPS = 25
GRIDS = {"recipe": Views(10, 32, 2, SIDE, 4), "long": Views(3, 64, 2, SIDE, 4),
         "one": Views(1, 16, 2, SIDE, 4)}  # fmt: skip
LENGTHS = ((250, "25"), (299, "30000/1001"), (300, "30"), (40, "30"), (54, "25"), (150, "15"),
           (620, "60"), (64, "30"), (63, "30"), (1, "30"))  # fmt: skip
"""Frames and frame rate of the videos whose frames are asked for."""
SPREAD = 1.0
"""Standard deviation of a logit over different views of a video."""


def small_pytorchvideo() -> torch.nn.Module:
    """SlowFast of depth 18, which has one block a stage there; a 64 crop's dense head."""
    create = __import__("pytorchvideo.models.slowfast", fromlist=["x"]).create_slowfast
    network: torch.nn.Module = create(
        model_depth=18, stem_dim_outs=(WIDTH, WIDTH // 8), model_num_class=CLASSES,
        head_pool_kernel_sizes=((8, 2, 2), (32, 2, 2)),
    ).eval()  # fmt: skip
    fill(network)
    return network


def small_mmaction2(models: Any) -> torch.nn.Module:
    """SlowFast 4x16, R50."""
    config = mmaction2_config(8, 5, False)
    config["backbone"]["slow_pathway"]["base_channels"] = WIDTH
    config["backbone"]["fast_pathway"]["base_channels"] = WIDTH // 8
    config["cls_head"] |= dict(in_channels=36 * WIDTH, num_classes=CLASSES, average_clips="prob")
    config["data_preprocessor"] = dict(
        type="ActionDataPreprocessor", format_shape="NCTHW", **IMAGENET
    )
    config["test_cfg"] = dict(max_testing_views=6)
    network: torch.nn.Module = models.build(config).eval()
    fill_mmaction2(network, 32 * WIDTH)
    return network


def spread_logits(linear: torch.nn.Linear, logits_VK: torch.Tensor) -> None:
    """Scales and shifts a classifier, by the logits that it gave for some views."""
    scale = SPREAD / logits_VK.std(dim=0).mean()
    with torch.no_grad():
        own = 100 * linear.bias  # name-seeded, N(0, 0.01)
        linear.bias.copy_(scale * (linear.bias - logits_VK.mean(dim=0)) + own)
        linear.weight.mul_(scale)


def round_to_half(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Its state in half the bytes, which it then has, too."""
    state = {n: x.half() if x.is_floating_point() else x for n, x in network.state_dict().items()}
    network.load_state_dict(state)
    return state


def write_folder(folder: Path, frames: np.ndarray) -> Path:
    """Frames as PNGs."""
    folder.mkdir()
    for i, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"img_{i + 1:05d}.png"), frame[..., ::-1])
    return folder


def numbered_video(path: Path, count: int, rate: Fraction) -> Path:
    """An MP4 whose frames show their number, four bits in each of three fields."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 96, 32, "yuv420p"
        for i in range(count):
            digits = np.repeat([(i >> shift & 15) * 16 + 8 for shift in (8, 4, 0)], 32)
            picture = np.broadcast_to(digits[None, :, None], (32, 96, 3)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def shown_numbers(clip_CTHW: torch.Tensor) -> list[int]:
    """What numbered_video's frames say."""
    fields = clip_CTHW[0, :, 8:24].reshape(clip_CTHW.shape[1], 16, 3, 32)[..., 8:24].mean((1, 3))
    digits = ((fields - 8) / 16).round().long()
    return [int(a * 256 + b * 16 + c) for a, b, c in digits]


def frames_of_clips(ptv: dict[str, PyTorchVideo], mm: dict[str, MMAction2]) -> dict[str, Any]:
    """For each length, grid and rule: the frames ``[n, T]`` of the clips."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for count, rate in LENGTHS:
            path = numbered_video(Path(name) / "video.mp4", count, Fraction(rate))
            for grid, views in GRIDS.items():
                key = f"{count} {rate} {grid} "
                for rule, system in ptv.items():
                    module = sys.modules["pytorchvideo.transforms"]
                    sample = module.UniformTemporalSubsample(views.num_frames)
                    clips = system.clips(path, None, views, crops=1)
                    found[key + rule] = [shown_numbers(sample(clip)) for clip, _ in clips]
                for rule, mmaction2 in mm.items():
                    video = {"total_frames": count, "start_index": 0, "avg_fps": float(
                        Fraction(rate))}  # fmt: skip
                    inds = mmaction2.sample_frames(views).transform(video)["frame_inds"]
                    found[key + rule] = inds.reshape(views.num_clips, views.num_frames)
    return {key: np.array(value, np.int16) for key, value in found.items()}


def main(videos: Path) -> None:
    """Writes all files."""
    torch.set_num_threads(2)
    import_pytorchvideo()
    models = import_mmaction2()
    rules: dict[str, Any] = {
        "pytorchvideo": PyTorchVideo(to_end=True), "pytorchvideo-0.1": PyTorchVideo(to_end=False),
        "mmaction2": MMAction2(middles=True), "mmaction2-1.2": MMAction2(middles=False),
    }  # fmt: skip
    ptv = {name: rule for name, rule in rules.items() if name.startswith("py")}
    mm = {name: rule for name, rule in rules.items() if name.startswith("mm")}
    np.savez_compressed(HERE / "protocol_frames.npz", **frames_of_clips(ptv, mm))

    networks = {"pytorchvideo": small_pytorchvideo(), "mmaction2": small_mmaction2(models)}
    frames = torch.from_numpy(patterned_frames(96, SIDE, SIDE))
    clips = [frames[i : i + 32].permute(3, 0, 1, 2)[None] / 255 for i in range(0, 65, 8)]
    clips = [(clip - 0.45) / 0.225 for clip in clips]

    def logits(system: str, clip_NCTHW: torch.Tensor) -> torch.Tensor:
        network = networks[system]
        with torch.no_grad():
            if system == "mmaction2":
                return network.cls_head(network.backbone(clip_NCTHW))
            sample = sys.modules["pytorchvideo.transforms"].UniformTemporalSubsample(8)
            return network([sample(clip_NCTHW[0])[None], clip_NCTHW])

    scores: dict[str, Any] = {"logits": {}, "folders": {}, "videos": {}}
    for system, network in networks.items():
        linear = [m for m in network.modules() if isinstance(m, torch.nn.Linear)][0]
        spread_logits(linear, torch.cat([logits(system, clip) for clip in clips]))
        state = round_to_half(network)
        if system == "mmaction2":
            mmengine.runner.save_checkpoint(
                {"meta": {"epoch": 256, "dataset_meta": {}}, "state_dict": state},
                str(HERE / "mmaction2_small.pth"),
            )
        else:
            torch.save({"model_state": state}, HERE / "pytorchvideo_small.pyth")
        scores["logits"][system] = logits(system, torch.from_numpy(seeded_clip(*CLIP)))[0].tolist()

    def all_rules(path: Path, fps: Fraction | None) -> dict[str, list[float]]:
        found = {}
        for rule, system in rules.items():
            network = rule.partition("-")[0]
            views = Views(10, 32, 2, SIDE, {"pytorchvideo": 4, "mmaction2": 8}[network])
            found[rule] = system.probabilities(networks[network], path, fps, views).tolist()
            print(path.name, rule, np.round(sorted(found[rule])[-5:], 3), flush=True)
        return found

    with tempfile.TemporaryDirectory() as name:
        for case, shape in FOLDERS.items():
            folder = write_folder(Path(name) / case, patterned_frames(*shape))
            scores["folders"][case] = all_rules(folder, Fraction(FOLDER_FPS))
    for path in sorted(videos.iterdir()):
        scores["videos"][hashlib.sha256(path.read_bytes()).hexdigest()] = {
            "name": path.name, **all_rules(path, None)
        }  # fmt: skip
    (HERE / "protocol_scores.json").write_text(json.dumps(scores, indent=0) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Writes full-size checkpoints of PyTorchVideo and mmaction2, and what they make of a real video.

In the environment of make_foreign_files.py; check_full_size.py then compares ours, in the
project's environment:

    python tests/golden/make_full_size.py FOLDER VIDEO [--clips 10]

Into FOLDER go the files (140 to 250 MB each) and full_size.json: for each network the logits of a
name-seeded clip of 256 x 256 pixels, and the averaged probabilities of the video, clips x 3 views
of 256 x 256 pixels read through the system's own pipeline (foreign_pipelines.py). The weights are
name-seeded; the classifier is scaled and shifted as in make_protocol_files.py.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import mmengine.runner
import torch
from foreign_pipelines import IMAGENET, MMAction2, PyTorchVideo, Views
from make_foreign_files import (
    fill_mmaction2,
    import_mmaction2,
    mmaction2_config,
    mmaction2_logits,
    slowonly_config,
)
from make_protocol_files import spread_logits
from make_pytorchvideo_logits import fill, import_pytorchvideo
from name_seeded import patterned_frames, seeded_clip

SIDE = 256
MMACTION2 = dict(slow_frames="strided", pool_size=None)
CASES: list[dict[str, Any]] = [
    dict(rule="pytorchvideo-0.1", constructor="slowfast_r50", alpha=4),
    dict(rule="pytorchvideo-0.1", constructor="slowfast_r101", alpha=4),
    dict(rule="mmaction2", constructor="slowfast_r50_4x16", settings=(8, 5, False, 50)),
    dict(rule="mmaction2", constructor="slowfast_r50", settings=(4, 7, False, 50)),
    dict(rule="mmaction2", constructor="slowfast_r101", settings=(4, 7, False, 101)),
    dict(rule="pytorchvideo-0.1", constructor="slow_r50", alpha=1, clip=(8, 8)),
    dict(rule="mmaction2", constructor="slow_r50", alpha=1, clip=(8, 8)),
    dict(rule="mmaction2", constructor="slow_r50_4x16", alpha=1, clip=(4, 16)),
]
"""``clip``: its frames and their stride, if they are not 32 and 2."""


class Foreign:
    """One system's network, with its way from a clip to logits and from a video to scores."""

    def __init__(self, case: dict[str, Any], hub: Any, functions: Any, models: Any) -> None:
        self.is_ptv = case["rule"].startswith("pytorchvideo")
        if self.is_ptv:
            self.functions = functions
            self.network = getattr(hub, case["constructor"])().eval()
            fill(self.network)
            self.alpha, self.pipeline = case["alpha"], PyTorchVideo(to_end=False)
            self.given: dict[str, Any] = {"average_positions": "score"}
            return
        is_slow = case.get("alpha") == 1
        config = slowonly_config() if is_slow else mmaction2_config(*case["settings"])
        config["cls_head"]["average_clips"] = "prob"
        config["data_preprocessor"] = dict(
            type="ActionDataPreprocessor", format_shape="NCTHW", **IMAGENET
        )
        config["test_cfg"] = dict(max_testing_views=3)
        self.network = models.build(config).eval()
        fill_mmaction2(self.network)
        self.pipeline, self.alpha, self.given = MMAction2(middles=True), 1, MMACTION2
        if not is_slow:
            self.alpha, kernel, norm, _ = case["settings"]
            self.given = MMACTION2 | {"fusion_kernel": kernel, "lateral_norm": norm}

    def logits(self, clip_NCTHW: torch.Tensor) -> torch.Tensor:
        """``[N, K]``."""
        with torch.no_grad():
            if self.is_ptv and self.alpha == 1:
                return self.network(clip_NCTHW)
            if self.is_ptv:
                num_slow = clip_NCTHW.shape[2] // self.alpha
                slow = self.functions.uniform_temporal_subsample(clip_NCTHW, num_slow)
                return self.network([slow, clip_NCTHW])
            return mmaction2_logits(self.network, clip_NCTHW)

    def save(self, path: Path) -> None:
        """As the system does."""
        if self.is_ptv:
            torch.save({"model_state": self.network.state_dict()}, path)
        else:
            content = {"meta": {"epoch": 256}, "state_dict": self.network.state_dict()}
            mmengine.runner.save_checkpoint(content, str(path))


def main(argv: list[str] | None = None) -> None:
    """Writes all files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("--clips", type=int, default=10)
    args = parser.parse_args(argv)
    args.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    hub, functions = import_pytorchvideo()
    models = import_mmaction2()
    frames = torch.from_numpy(patterned_frames(96, 224, 224))
    clips = [frames[i : i + 32].permute(3, 0, 1, 2)[None] / 127.5 - 1 for i in (0, 32, 64)]
    rows = []
    for i, case in enumerate(CASES):
        start, foreign = time.perf_counter(), Foreign(case, hub, functions, models)
        linear = [m for m in foreign.network.modules() if isinstance(m, torch.nn.Linear)][0]
        count, stride = case.get("clip", (32, 2))
        seen = [clip[:, :, :: 32 // count] for clip in clips]
        spread_logits(linear, torch.cat([foreign.logits(clip) for clip in seen]))
        seeded = (0, (1, 3, count, SIDE, SIDE))
        file = f"{i}_{case['rule']}_{case['constructor']}.pyth"
        foreign.save(args.folder / file)
        views = Views(args.clips, count, stride, SIDE, foreign.alpha)
        found = foreign.pipeline.probabilities(foreign.network, args.video, None, views)
        rows.append({
            "file": file, "rule": case["rule"], "constructor": case["constructor"],
            "given": foreign.given, "clips": args.clips, "clip": seeded, "video": args.video.name,
            "grid": (count, stride),
            "logits": foreign.logits(torch.from_numpy(seeded_clip(*seeded)))[0].tolist(),
            "probabilities": found.tolist(),
        })  # fmt: skip
        print(file, f"{time.perf_counter() - start:.0f} s", flush=True)
        (args.folder / "full_size.json").write_text(json.dumps(rows))


if __name__ == "__main__":
    main()

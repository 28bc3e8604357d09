"""What VisualDL's pictures cost a training, in steps: those of the defaults, and histograms.

    python -m benchmarks.dashboard_costs [-c CONFIG] [-o KEY=VALUE ...] [--rounds 5] [--json FILE]

A step without anybody who looks on, the pictures of clips, the pictures of classes and the
histograms are timed one after the other in every round, on one core; the ratios are of medians.
"""

# ruff: noqa: E402  (Paddle's libraries read the environment as they are loaded)
import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from slowfast import machine

machine.import_paddle()

import numpy as np
import paddle

from benchmarks.timing import medians, one_core
from slowfast.config import Config, load_config
from slowfast.models import build_model
from slowfast.train.class_pictures import classes_picture, confusion_picture
from slowfast.train.class_results import of_one_label
from slowfast.train.curves import MetricWriter
from slowfast.train.cut import Place
from slowfast.train.watch import FirstStep

DEMO = "configs/recognition/slowfast/moving_shapes.yaml"
VIDEOS = 10
"""Of each class, in the pictures of classes."""


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status, 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("-c", "--config", default=DEMO)
    parser.add_argument("-o", "--override", nargs="+", default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file for the medians")
    options = parser.parse_args(arguments)
    cfg = load_config(options.config, options.override)
    paddle.seed(0)
    with (
        one_core(),
        tempfile.TemporaryDirectory() as folder,
        MetricWriter(folder, 0, Place(0, 0)) as writer,
    ):
        seconds = medians("dashboard", contenders(cfg, writer), options.rounds)
    step = seconds["a step"]
    for name, value in seconds.items():
        print(f"{name:<12} {value:8.3f} s  {value / step:6.2f} steps")
    print(f"{machine.processor()}, one core, medians of {options.rounds} rounds")
    if options.json:
        options.json.write_text(json.dumps(seconds), encoding="utf-8")
    return 0


def contenders(cfg: Config, writer: MetricWriter) -> dict[str, Callable[[], object]]:
    """What is timed: a step of the config's network, and all that VisualDL can be shown."""
    model, K = build_model(cfg.model, cfg.data.crop_size, cfg.train.task), cfg.model.num_classes
    size, rng = cfg.data.crop_size, np.random.default_rng(0)
    shape = (cfg.train.batch_size, 3, cfg.data.num_frames, size, size)
    clip_NCTHW = paddle.to_tensor(rng.standard_normal(shape, np.float32))
    targets = paddle.to_tensor(rng.integers(K, size=len(clip_NCTHW)))
    names = [f"class number {k}" for k in range(K)]
    results = of_one_label(rng.integers(K, size=(VIDEOS * K, 2)).tolist(), K)
    sgd = paddle.optimizer.Momentum(1e-6, parameters=model.parameters())
    assert results.confused is not None
    confused = results.confused

    def step() -> None:
        paddle.nn.functional.cross_entropy(model(clip_NCTHW), targets).backward()
        sgd.step()
        sgd.clear_grad()

    def clips() -> None:
        first = FirstStep(writer, cfg, 1, names, shows=True, counts=False)
        first.clips(clip_NCTHW, targets, [])

    def classes() -> None:
        writer.picture("val/classes", 1, classes_picture(results, names))
        writer.picture("val/confusion", 1, confusion_picture(confused, names))

    def histograms() -> None:
        FirstStep(writer, cfg, 1, names, shows=False, counts=True).gradients(model)

    return {"a step": step, "clips": clips, "classes": classes, "histograms": histograms}


if __name__ == "__main__":
    sys.exit(main())

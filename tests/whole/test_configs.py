"""The configs that come with the project: their networks, rates and headers; each one trains."""

import dataclasses
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import yaml
from support.paths import REPOSITORY
from support.tiny_run import main_here, tiny_data

from slowfast.config import Config, load_config
from slowfast.models import slowfast as network
from slowfast.models.cost import count_parameters
from slowfast.models.variants import build_model
from slowfast.train.recipe.learning_rate import learning_rate
from slowfast.train.recipe.multigrid import expand

FOLDER = REPOSITORY / "configs/recognition/slowfast"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
STH_FLIPS = (2, 4, 30, 41, 52, 66)
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))

# Frames of a clip, trainable parameters, and (epoch, learning rate) at some places.
COSINE_196 = [(0, 0.01), (17, 0.0513785), (34, 0.0927571), (98, 0.05), (195, 6.42e-6)]
COSINE_256 = [(0, 0.01), (17, 0.0528552), (34, 0.0957105), (128, 0.05), (255, 3.765e-6)]
STEPS_256 = [(0, 0.01), (17, 0.055), (34, 0.1), (94, 0.01), (154, 0.001), (196, 1e-4), (255, 1e-4)]
EXPECTED: dict[str, tuple[int, int, Sequence[tuple[float, float]]]] = {
    "slowfast": (32, 34_480_216, COSINE_196),
    "slowfast-single": (32, 34_480_216, COSINE_196),
    "slowfast_8x8": (32, 34_566_488, COSINE_196),
    "slow_8x8": (8, 32_454_096, COSINE_196),
    "slow_4x16": (4, 32_454_096, COSINE_196),
    "slowfast_r101_8x8": (32, 62_826_968, COSINE_196),
    "slowfast_16x8_r101_50_50": (64, 53_774_808, COSINE_196),
    "slowfast_multigrid": (32, 34_566_488, STEPS_256[:-1]),
    "slowfast_r50_4x16x1_256e": (32, 34_479_288, COSINE_256),
    "slowfast_prebn_r50_4x16x1_256e": (32, 34_479_288, COSINE_256),
    "slowfast_r50_8x8x1_256e": (32, 34_565_560, COSINE_256),
    "slowfast_r50_8x8x1_256e_steplr": (32, 34_566_488, STEPS_256),
    "slowfast_prebn_r50_8x8x1_256e_steplr": (32, 34_566_488, STEPS_256),
    "slowfast_multigrid_r50_8x8x1_358e": (32, 34_566_488, [(0, 0.1), *STEPS_256[3:-1]]),
    "slowfast_r101_r50_4x16x1_256e": (32, 62_384_312, COSINE_256),
    "slowfast_r101_8x8x1_256e": (32, 62_912_312, COSINE_256),
    "slowfast_r152_r50_4x16x1_256e": (32, 84_843_704, COSINE_256),
    "slowfast_r50_16x8x1_22e_sthv1": (
        64, 34_044_630, [(0, 0.006), (0.19, 0.06), (14, 0.006), (18, 0.0006), (21, 0.0006)]
    ),
    # 2,305 parameters a class fewer than slowfast.yaml has.
    "ucf101": (32, 34_480_216 - 299 * 2305, [(0, 0.001), (15, 1e-4), (30, 1e-5), (39, 1e-5)]),
    "charades_16x8": (
        64, 34_566_488 - 243 * 2305,
        [(0, 1e-4), (2, 0.0188), (4, 0.0375), (40, 0.0375), (41, 0.00375), (49, 3.75e-4)],
    ),
    "charades_8x8": (32, 34_566_488 - 243 * 2305, [(0, 1e-4), (5, 0.2457445), (30, 0.125)]),
    "finetune": (32, 34_480_216 - 398 * 2305, [(0, 0.001), (1, 0.0099384), (10, 0.005)]),
}  # fmt: skip
# mmaction2's table of results: config, top-1, top-5, GPU memory.
TABLE = [
    ("slowfast_r50_4x16x1_256e", "74.75", "91.73", "6,203"),
    ("slowfast_r50_4x16x1_256e", "73.95", "91.50", "6,203"),
    ("slowfast_r50_4x16x1_256e", "76.0", "92.54", "6,203"),
    ("slowfast_prebn_r50_4x16x1_256e", "76.34", "92.67", "6,203"),
    ("slowfast_r50_8x8x1_256e", "76.94", "92.8", "9,062"),
    ("slowfast_r50_8x8x1_256e_steplr", "76.34", "92.61", "9,062"),
    ("slowfast_multigrid_r50_8x8x1_358e", "76.07", "92.21", "9,062"),
    ("slowfast_prebn_r50_8x8x1_256e_steplr", "76.58", "92.85", "9,062"),
    ("slowfast_r101_r50_4x16x1_256e", "76.69", "93.07", "16,628"),
    ("slowfast_r101_8x8x1_256e", "77.90", "93.51", "25,994"),
    ("slowfast_r152_r50_4x16x1_256e", "77.13", "93.20", "10,077"),
    ("slowfast_r50_16x8x1_22e_sthv1", "49.67", "79.00", "9,293"),
]
MMACTION2 = sorted({name for name, *_ in TABLE})


def config(name: str) -> Config:
    return load_config(FOLDER / f"{name}.yaml")


def header(name: str) -> str:
    """The comment at the top of a config as one line."""
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(line.removeprefix("#").strip() for line in lines[:first]) + " "


def test_every_config_is_tested_here() -> None:
    assert sorted({*EXPECTED, "moving_shapes", "moving_shapes_several"}) == NAMES


@pytest.mark.parametrize("name", EXPECTED)
def test_the_network_is_the_published_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, params, _ = EXPECTED[name]
    cfg = config(name)
    monkeypatch.setattr(network, "initialize", lambda model: None)
    classes = cfg.model.num_classes or 2  # finetune's come from the labels
    with paddle.LazyGuard():  # shapes alone: 0.1 s, not several
        own = dataclasses.replace(cfg.model, num_classes=classes)
        model = build_model(own, cfg.data.crop_size)
    assert count_parameters(model) == params
    assert cfg.data.num_frames == frames


@pytest.mark.parametrize("name", EXPECTED)
def test_the_learning_rate_at_some_epochs(name: str) -> None:
    cfg = config(name)
    for epoch, rate in EXPECTED[name][2]:
        found = learning_rate(epoch, cfg.optim, cfg.train.epochs)
        assert found == pytest.approx(rate, rel=1e-3), epoch


@pytest.mark.parametrize("name", NAMES)
def test_a_file_holds_what_differs_from_the_defaults_alone(name: str) -> None:
    tree, cfg, plain = yaml.safe_load((FOLDER / f"{name}.yaml").read_text()), config(name), Config()
    output_dir = tree.pop("output_dir")
    for section, values in tree.items():
        for key in values:
            found = getattr(getattr(cfg, section), key)
            assert found != getattr(getattr(plain, section), key), f"{section}.{key}"
    others = [config(other).output_dir for other in NAMES if other != name]
    if name not in ("slowfast", "slowfast-single"):  # one network, one folder
        assert output_dir not in others


@pytest.mark.parametrize("name", NAMES)
def test_the_header_tells_source_result_memory_cost_and_command(name: str) -> None:
    text = header(name)
    facts = re.search(
        r" Source: (.+?) Expected: (.+?) GPU memory: (.+?) Cost: (.+?) Run(?:: |, )(.+)", text
    )
    assert facts, text
    source, expected, memory, cost, run = facts.groups()
    assert re.search(r"mmaction2 0\.x|PySlowFast|PaddleVideo|ours|none", source), source
    numbers = r"top-1 \d\d\.\d+, top-5 \d\d\.\d+|mAP \d\d\.\d+|depends|docs/"
    assert re.search(numbers, expected), expected
    assert re.search(r"[\d,]+ [MG]B for \d clips|not reported|none", memory), memory
    assert re.search(r"GPU hours|not reported", cost), cost
    script = re.search(r"bash (run_\w+\.sh)(?: (?:\\ )?-c (\S+))?", run)
    assert script and (REPOSITORY / script[1]).is_file(), run
    if script[2]:
        assert REPOSITORY / script[2] == FOLDER / f"{name}.yaml"


@pytest.mark.parametrize(("name", "top1", "top5", "memory"), TABLE)
def test_mmaction2s_table_is_accounted_for(name: str, top1: str, top5: str, memory: str) -> None:
    text = header(name)
    assert re.search(rf"\b{top1}, (top-5 )?{top5}\b", text), text
    assert f" {memory} MB for " in text


@pytest.mark.parametrize("name", MMACTION2)
def test_mmaction2s_recipe(name: str) -> None:
    cfg = config(name)
    assert cfg.model.slow_frames == "strided"
    assert cfg.model.head_pooling == "global"
    assert cfg.model.lateral_norm == ("steplr" in name or "multigrid" in name)
    assert not cfg.optim.nesterov
    assert cfg.optim.grad_clip == 40
    assert cfg.optim.bn_weight_decay == cfg.optim.weight_decay
    assert cfg.data.crop_area == (0.08, 1.0)
    np.testing.assert_allclose(cfg.data.crop_aspect, (3 / 4, 4 / 3))
    for ours, theirs in zip((cfg.data.mean, cfg.data.std), IMAGENET, strict=True):
        np.testing.assert_allclose(255 * np.array(ours), theirs, rtol=1e-9)
    prebn = {
        "slowfast_prebn_r50_4x16x1_256e": 1,
        "slowfast_prebn_r50_8x8x1_256e_steplr": 5,
        "slowfast_multigrid_r50_8x8x1_358e": 3,
    }
    assert cfg.train.precise_bn_batches == (200 if name in prebn else 0)
    if name in prebn:
        assert cfg.train.precise_bn_interval == prebn[name]
    assert cfg.train.multigrid == ("multigrid" in name)


@pytest.mark.parametrize("name", ["charades_16x8", "charades_8x8"])
def test_pyslowfasts_recipe_of_charades(name: str) -> None:
    cfg = config(name)
    assert cfg.train.task == "multi" and cfg.test.average_clips == "max"
    assert (cfg.test.num_clips, cfg.test.num_crops, cfg.test.crop_size) == (10, 3, 256)
    assert cfg.test.protocol == "charades" and cfg.data.spacing == "stride"
    assert cfg.data.frame_fps == cfg.data.target_fps == 24
    assert cfg.data.inverse_short_side and cfg.model.num_classes == 157
    assert cfg.model.dropout == 0.5 and cfg.optim.nesterov
    is_longer = name == "charades_16x8"
    assert cfg.train.sync_bn == is_longer
    assert cfg.train.precise_bn_batches == (200 if is_longer else 0)
    assert (cfg.data.min_short_side, cfg.data.max_short_side) == (256, 340 if is_longer else 320)


def test_the_batches_of_8_gpus_need_no_other_learning_rate() -> None:
    for name in EXPECTED:
        if name != "slowfast-single":
            cfg = config(name)
            assert cfg.optim.base_batch_size == 8 * cfg.train.batch_size, name


TINY = {"width": 8, "slow_depth": 14, "fast_depth": 14}
"""The networks at their full size are compared above."""


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_two_steps_of_training(name: str, tmp_path: Path) -> None:
    """An epoch of two steps, of clips with the config's T frames and small pictures."""
    cfg, data, out = config(name), tiny_data(), tmp_path / "out"
    classes = cfg.model.num_classes or 24  # finetune's come from the labels
    videos = (data / "train.list").read_text(encoding="utf-8").splitlines()
    if not cfg.train.multigrid:  # that takes 16 clips, and then 8
        videos = videos[:2]
    (tmp_path / "two.list").write_text("\n".join(videos), encoding="utf-8")
    tiny: dict[str, Any] = {**TINY}
    if cfg.model.temporal_blocks:
        tiny["temporal_blocks"] = (1, 1, 1, 1)
    overrides = [
        f"data.root={data}", "data.train_list=two.list",
        "data.crop_size=32", "data.min_short_side=32", "data.max_short_side=40",
        "data.num_workers=0", "train.batch_size=1", "train.log_interval=1", f"output_dir={out}",
        *(f"model.{key}={list(v) if isinstance(v, tuple) else v}" for key, v in tiny.items()),
    ]  # fmt: skip
    if cfg.train.sync_bn:  # on GPUs only
        overrides.append("train.sync_bn=false")
    if cfg.train.precise_bn_batches:
        overrides += ["train.precise_bn_batches=1", "train.precise_bn_interval=1"]
    if cfg.data.labels.endswith(".txt"):  # not one of those built in
        overrides.append("data.labels=labels.txt")
    if cfg.model.pretrained:
        model = build_model(dataclasses.replace(cfg.model, num_classes=400, **tiny), 32)
        paddle.save(model.state_dict(), str(tmp_path / "400.pdparams"))
        overrides.append("model.pretrained=400.pdparams")
    path = FOLDER / f"{name}.yaml"
    done = main_here("-c", path, "--max_iters", "2", "-o", *overrides, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = re.findall(r"1/(\d+) *\] train step:(\d+) +loss: (\S+) lr: (\S+)", done.stdout)
    assert [int(step) for _, step, _, _ in steps] == [0, 1], done.stdout
    epochs, _, loss, rate = steps[0]
    assert int(epochs) == (358 if cfg.train.multigrid else cfg.train.epochs)
    # A fresh classifier knows nothing: the loss of a guess, about 6.0 for 400 classes, or of a
    # yes or no for each.
    guesses = 2 if cfg.train.task == "multi" else classes
    assert float(loss) == pytest.approx(math.log(guesses), abs=0.8 if guesses > 2 else 0.1)
    assert math.isfinite(float(steps[1][2]))
    first = learning_rate(0, expand(cfg).optim, cfg.train.epochs) / cfg.optim.base_batch_size
    assert float(rate) == pytest.approx(first, abs=1e-6)
    assert ("batch norm's statistics" in done.stdout) == (cfg.train.precise_bn_batches > 0)
    if cfg.model.pretrained:
        count = len(model.state_dict())
        assert f"{count - 2} of {count} tensors loaded from 400.pdparams; " in done.stdout
        assert f"400 classes in the file, {classes} in the network" in done.stdout

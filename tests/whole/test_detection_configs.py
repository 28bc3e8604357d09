"""The configs of AVA: their networks, rates, recipes and headers; each one trains."""

import functools
import math
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import paddle
import pytest
import yaml
from support.key_frames import write_ava
from support.paths import REPOSITORY
from support.tiny_run import main_here

from slowfast.config import Config, load_config
from slowfast.models import slowfast as network
from slowfast.models.cost import count_parameters
from slowfast.models.variants import build_model
from slowfast.train.recipe.optim import learning_rate

FOLDER = REPOSITORY / "configs/detection/slowfast"
NAMES = sorted(path.stem for path in FOLDER.glob("ava*.yaml"))
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))

# Frames of a clip, trainable parameters, and (epoch, learning rate) at some places. mmaction2's
# files have an output for the background besides: 2,305 parameters more, with context 4,609.
SHORT = [(0, 0.000125), (2.5, 0.0500625), (5, 0.1), (9.9, 0.1), (10, 0.01), (15, 0.001)]
COSINE = [(0, 0.0075), (2, 0.0678), (5, 0.0375), (9.5, 0.000462)]
EXPECTED: dict[str, tuple[int, int, Sequence[tuple[float, float]]]] = {
    "ava22_8x8_r50": (32, 33_828_888, SHORT),
    "ava22_8x8_r101_nl": (32, 59_342_488, SHORT),
    "ava22_slow_4x16_r50": (4, 31_798_416, SHORT),
    "ava21_r50_4x16x1_20e": (32, 33_743_993 - 2305, [(0, 0.02), (5, 0.2), (10, 0.02), (15, 0.002)]),
    "ava21_context_r50_4x16x1_20e": (32, 33_930_617 - 4609, [(0, 0.02), (5, 0.2), (19, 0.002)]),
    "ava21_r50_8x8x1_20e": (32, 33_830_265 - 2305, [(0, 0.01), (5, 0.1), (10, 0.01), (15, 0.001)]),
    "ava22_r50_8x8x1_cosine_10e": (32, 33_830_265 - 2305, COSINE),
    "ava22_temporal_max_r50_8x8x1_cosine_10e": (32, 33_830_265 - 2305, COSINE),
    "ava22_temporal_max_focal_r50_8x8x1_cosine_10e": (32, 33_830_265 - 2305, COSINE),
    "ava21_8x8_r50": (32, 33_743_993 - 2305, [(0, 0.0075), (5, 0.075), (9.9, 0.075)]),
}
PYSLOWFAST, PADDLEVIDEO = [*EXPECTED][:3], "ava21_8x8_r50"
MMACTION2 = [name for name in EXPECTED if name not in (*PYSLOWFAST, PADDLEVIDEO)]
# Mean average precision as published.
PUBLISHED = {
    "ava22_8x8_r50": ["24.7", "24.67"], "ava22_8x8_r101_nl": ["29.1", "28.2", "29.4"],
    "ava22_slow_4x16_r50": ["19.5"], "ava21_r50_4x16x1_20e": ["24.32", "24.4"],
    "ava21_context_r50_4x16x1_20e": ["25.34", "25.4"], "ava21_r50_8x8x1_20e": ["25.80", "25.5"],
    "ava22_r50_8x8x1_cosine_10e": ["26.1", "25.90"],
    "ava22_temporal_max_r50_8x8x1_cosine_10e": ["26.4", "26.41"],
    "ava22_temporal_max_focal_r50_8x8x1_cosine_10e": ["26.8", "26.65"], "ava21_8x8_r50": ["23.2"],
}  # fmt: skip


def config(name: str) -> Config:
    return load_config(FOLDER / f"{name}.yaml")


def header(name: str) -> str:
    """The comment at the top of a config as one line."""
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(line.removeprefix("#").strip() for line in lines[:first])


def test_every_config_is_tested_here() -> None:
    assert sorted(EXPECTED) == NAMES


@pytest.mark.parametrize("name", EXPECTED)
def test_the_network_and_the_learning_rates_are_the_published_ones(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, params, rates = EXPECTED[name]
    cfg = config(name)
    monkeypatch.setattr(network, "initialize", lambda model: None)
    with paddle.LazyGuard():  # shapes alone
        model = build_model(cfg.model, cfg.data.crop_size, cfg.train.task)
    assert count_parameters(model) == params
    assert (cfg.data.num_frames, cfg.model.num_classes) == (frames, 80)
    for epoch, rate in rates:
        found = learning_rate(epoch, cfg.optim, cfg.train.epochs)
        assert found == pytest.approx(rate, rel=2e-3), epoch
    assert cfg.optim.base_batch_size == 8 * cfg.train.batch_size


@pytest.mark.parametrize("name", NAMES)
def test_a_file_holds_what_differs_from_the_defaults_alone(name: str) -> None:
    tree, cfg, plain = yaml.safe_load((FOLDER / f"{name}.yaml").read_text()), config(name), Config()
    assert tree.pop("output_dir") == f"output/{name}"
    for section, values in tree.items():
        for key in values:
            found = getattr(getattr(cfg, section), key)
            assert found != getattr(getattr(plain, section), key), f"{section}.{key}"


@pytest.mark.parametrize("name", NAMES)
def test_the_header_tells_source_boxes_result_and_command(name: str) -> None:
    text, path = header(name), FOLDER / f"{name}.yaml"
    facts = re.search(
        r" Source: (.+?) Expected: (mAP .+?) GPU memory: .+? Cost: .+? Run: (\S.+?) Data: (.+)",
        text,
    )
    assert facts, text
    source, expected, command, data = facts.groups()
    assert re.search(r"^(mmaction2 [01]\.x|PySlowFast|PaddleVideo), configs/\S+\.(py|yaml)", source)
    for number in PUBLISHED[name]:
        assert number in expected
    assert re.search(r"on the boxes of .+ detector, by (its|mmaction2's) rule", expected)
    wanted = f"bash run_train_multi.sh -c {path.relative_to(REPOSITORY)}"
    assert command == wanted and data.startswith("docs/detection.md")
    if (pretrained := config(name).model.pretrained) and (own := Path(pretrained).parent.name):
        (trained,) = (REPOSITORY / "configs/recognition/slowfast").glob(f"{own}.yaml")
        assert load_config(trained).output_dir == str(Path(pretrained).parent)
        assert f"the weights that {own}.yaml trains" in data


@pytest.mark.parametrize("name", PYSLOWFAST)
def test_pyslowfasts_recipe(name: str) -> None:
    cfg = config(name)
    data, detection = cfg.data, cfg.detection
    assert (data.min_short_side, data.max_short_side, data.crop_size) == (256, 320, 224)
    assert data.inverse_short_side and cfg.optim.nesterov and not cfg.optim.grad_clip
    assert (cfg.optim.weight_decay, cfg.optim.bn_weight_decay) == (1e-7, 0)
    assert (cfg.train.epochs, cfg.train.val_interval, detection.val_every) == (20, 5, 4)
    assert detection.box_score == (0.9 if "slow" in name else 0.8)
    assert detection.learns_negatives and not detection.keeps_best and not detection.jitter
    assert detection.rule == cfg.test.protocol == "pyslowfast"
    assert cfg.test.short_side == (224 if name == "ava22_8x8_r50" else 256)
    assert (cfg.model.dilations, cfg.model.roi_size) == ((2, 2), 7)
    assert cfg.model.roi_aligned == ("r101" not in name)


@pytest.mark.parametrize("name", [*MMACTION2, PADDLEVIDEO])
def test_mmaction2s_recipe_which_is_paddlevideos_too(name: str) -> None:
    cfg, is_theirs = config(name), name != PADDLEVIDEO
    data, detection, optim = cfg.data, cfg.detection, cfg.optim
    assert (data.min_short_side, data.max_short_side, data.crop_size) == (256, 320, 256)
    assert not data.inverse_short_side and not optim.nesterov and optim.weight_decay == 1e-5
    assert (optim.grad_clip, optim.bn_weight_decay) == ((40, 1e-5) if is_theirs else (0, 0))
    for ours, theirs in zip((data.mean, data.std), IMAGENET, strict=True):
        np.testing.assert_allclose(255 * np.array(ours), theirs, rtol=1e-9)
    assert (detection.box_score, detection.keeps_best, detection.match_iou) == (0.9, True, 0.9)
    assert not detection.learns_negatives and detection.rule == "mmaction2"
    is_one = "_20e" in name  # of version 1.x
    assert cfg.test.protocol == ("mmaction2-1.2" if is_one else "mmaction2")
    assert detection.jitter and cfg.test.short_side == 256
    assert (cfg.model.dilations, cfg.model.roi_size) == ((1, 1), 8)
    assert cfg.model.roi_aligned and cfg.model.roi_dropout_first and not cfg.model.lateral_norm
    assert cfg.model.slow_frames == ("strided" if is_theirs else "linspace")
    assert cfg.model.roi_context == ("context" in name)
    assert cfg.model.roi_time == ("max" if "temporal_max" in name else "mean")
    focal = (3, 1) if "focal" in name else (1, 0)
    assert (cfg.train.focal_alpha, cfg.train.focal_gamma) == focal
    assert cfg.train.epochs == (20 if is_one else 10)


@functools.cache
def ava() -> Path:
    """A folder of films and their lists, kept for the whole test session."""
    folder = Path(tempfile.mkdtemp(prefix="slowfast-tests-")) / "ava"
    write_ava(folder, 2, 1)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_two_steps_of_training(name: str, tmp_path: Path) -> None:
    """Of clips with the config's T frames and small pictures."""
    cfg = config(name)
    tiny = ["model.width=8", "model.slow_depth=14", "model.fast_depth=14"]
    if cfg.model.nonlocal_blocks:
        tiny += ["model.temporal_blocks=[1,1,1,1]", "model.nonlocal_blocks=[0]"]
    classifier = load_config(FOLDER / f"{name}.yaml", [*tiny, "model.num_classes=400"]).model
    paddle.save(build_model(classifier, 32).state_dict(), str(tmp_path / "400.pdparams"))
    files = [
        f"detection.{split}_{what}={ava()}/{split}_{what}{Path(own).suffix}"
        for split in ("train", "val") for what in ("boxes", "excluded")
        if (own := getattr(cfg.detection, f"{split}_{what}"))
    ]  # fmt: skip
    overrides = [
        f"data.root={ava()}/videos", f"data.train_list={ava()}/train.csv", "detection.valid=[]",
        f"data.val_list={ava()}/val.csv", "data.crop_size=32", "data.min_short_side=32",
        "data.max_short_side=40", "test.short_side=32", "test.crop_size=32", "data.num_workers=0",
        "train.batch_size=2", "train.log_interval=1", "model.pretrained=400.pdparams",
        f"output_dir={tmp_path}/out", *files, *tiny,
    ]  # fmt: skip
    done = main_here(
        "--validate", "-c", FOLDER / f"{name}.yaml", "--max_iters", "2", "-o", *overrides,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"train step:(\d+) +loss: (\S+) lr: (\S+)", done.stdout)
    assert [int(step) for step, _, _ in found] == [0, 1], done.stdout
    # A fresh classifier knows nothing: of each class yes or no.
    wanted = cfg.train.focal_alpha * 0.5**cfg.train.focal_gamma * math.log(2)
    assert float(found[0][1]) == pytest.approx(wanted, abs=0.1 * wanted)
    first = learning_rate(0, cfg.optim, cfg.train.epochs) * 2 / cfg.optim.base_batch_size
    assert float(found[0][2]) == pytest.approx(first, abs=1e-6)
    assert "head.projection.weight, head.projection.bias left as initialised" in done.stdout

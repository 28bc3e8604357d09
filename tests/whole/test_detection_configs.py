"""The configs of AVA: their networks, rates, recipes and headers; each one trains."""

import functools
import math
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import paddle
import pytest
import yaml
from support.key_frames import write_ava
from support.paths import REPOSITORY
from support.tiny_run import main_here

from slowfast.config import Config, load_config
from slowfast.models import slowfast as network
from slowfast.models.variants import CONSTRUCTORS, build_model
from slowfast.train.recipe.learning_rate import learning_rate
from slowfast.zoo.catalogue import CATALOGUE
from slowfast.zoo.source_settings import OF_BOXES

FOLDER = REPOSITORY / "configs/detection/slowfast"
NAMES = sorted(path.stem for path in FOLDER.glob("ava*.yaml"))

# The published files of the same network, and (epoch, learning rate) of the recipe at some places.
SHORT = [(0, 0.000125), (2.5, 0.0500625), (5, 0.1), (9.9, 0.1), (10, 0.01), (15, 0.001)]
COSINE = [(0, 0.0075), (2, 0.0678), (5, 0.0375), (9.5, 0.000462)]
LONG = [(0, 0.02), (5, 0.2), (10, 0.02), (15, 0.002)]
KINETICS_1X, KINETICS_0X = "slowfast_kinetics400-pretrained-r50", "slowfast_kinetics_pretrained_r50"
EXPECTED: dict[str, tuple[list[str], Sequence[tuple[float, float]]]] = {
    "ava22_8x8_r50": (["pytorchvideo/ava/SLOWFAST_8x8_R50_DETECTION"], SHORT),
    "ava22_8x8_r101_nl": (
        ["pyslowfast/ava/SLOWFAST_32x2_R101_50_50", "pyslowfast/ava/SLOWFAST_32x2_R101_50_50_v2.1"],
        SHORT,
    ),
    "ava22_slow_4x16_r50": (
        ["pyslowfast/ava/C2D_8x8_R50", "pytorchvideo/ava/SLOW_4x16_R50_DETECTION"], SHORT
    ),
    "ava21_r50_4x16x1_20e": (
        [f"mmaction2/{KINETICS_1X}_8xb16-4x16x1-20e_ava21-rgb",
         f"mmaction2/{KINETICS_0X}_4x16x1_20e_ava_rgb"],
        LONG,
    ),
    "ava21_context_r50_4x16x1_20e": (
        [f"mmaction2/{KINETICS_1X}-context_8xb16-4x16x1-20e_ava21-rgb",
         "mmaction2/slowfast_context_kinetics_pretrained_r50_4x16x1_20e_ava_rgb"],
        LONG,
    ),
    "ava21_r50_8x8x1_20e": (
        [f"mmaction2/{KINETICS_1X}_8xb8-8x8x1-20e_ava21-rgb",
         f"mmaction2/{KINETICS_0X}_8x8x1_20e_ava_rgb"],
        [(epoch, rate / 2) for epoch, rate in LONG],
    ),
    "ava22_r50_8x8x1_cosine_10e": (
        [f"mmaction2/{KINETICS_0X}_8x8x1_cosine_10e_ava22_rgb",
         f"mmaction2/{KINETICS_1X}_8xb6-8x8x1-cosine-10e_ava22-rgb"],
        COSINE,
    ),
    "ava22_temporal_max_r50_8x8x1_cosine_10e": (
        ["mmaction2/slowfast_temporal_max_kinetics_pretrained_r50_8x8x1_cosine_10e_ava22_rgb",
         f"mmaction2/{KINETICS_1X}-temporal-max_8xb6-8x8x1-cosine-10e_ava22-rgb"],
        COSINE,
    ),
    "ava22_temporal_max_focal_r50_8x8x1_cosine_10e": (
        ["mmaction2/slowfast_temporal_max_focal_alpha3_gamma1_kinetics_pretrained_r50_8x8x1_"
         "cosine_10e_ava22_rgb",
         "mmaction2/slowfast_r50-k400-pre-temporal-max-focal-alpha3-gamma1_8xb6-8x8x1-cosine-10e_"
         "ava22-rgb"],
        COSINE,
    ),
    "ava21_8x8_r50": (
        ["paddlevideo/SlowFastRCNN_AVA"], [(0, 0.0075), (5, 0.075), (9.9, 0.075)]
    ),
}  # fmt: skip
SYSTEMS = {"mmaction2": "mmaction2", "paddlevideo": "PaddleVideo"}


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
    (first, *_), rates = EXPECTED[name]
    cfg, published = config(name), CATALOGUE[first]
    monkeypatch.setattr(network, "initialize", lambda model: None)
    with paddle.LazyGuard():  # shapes alone
        model = build_model(cfg.model, cfg.data.crop_size, cfg.train.task)
        same = CONSTRUCTORS[published.constructor](**published.weights.arguments)
    shapes, wanted = ({n: x.shape for n, x in net.state_dict().items()} for net in (model, same))
    assert shapes == wanted
    for epoch, rate in rates:
        found = learning_rate(epoch, cfg.optim, cfg.train.epochs)
        assert found == pytest.approx(rate, rel=2e-3), epoch
    assert cfg.optim.base_batch_size == 8 * cfg.train.batch_size


@pytest.mark.parametrize("name", EXPECTED)
def test_the_settings_are_those_of_the_published_files(name: str) -> None:
    """How PySlowFast tests those that it trained with Caffe2 is not how it trains."""
    cfg, published = config(name), CATALOGUE[EXPECTED[name][0][0]]
    system = SYSTEMS.get(published.weights.name.partition("/")[0])
    for key, value in ((OF_BOXES[system] if system else {}) | published.settings).items():
        section, _, field = key.partition(".")
        found = getattr(getattr(cfg, section), field)
        assert found == (tuple(value) if isinstance(value, list) else value), key


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
    for published in EXPECTED[name][0]:
        assert f"{CATALOGUE[published].weights.scores['mAP']:g}" in expected
    assert re.search(r"on the boxes of .+ detector, by (its|mmaction2's) rule", expected)
    wanted = f"bash run_train_multi.sh -c {path.relative_to(REPOSITORY)}"
    assert command == wanted and data.startswith("docs/detection.md")
    if (pretrained := config(name).model.pretrained) and (own := Path(pretrained).parent.name):
        (trained,) = (REPOSITORY / "configs/recognition/slowfast").glob(f"{own}.yaml")
        assert load_config(trained).output_dir == str(Path(pretrained).parent)
        assert f"the weights that {own}.yaml trains" in data


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

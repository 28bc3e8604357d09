"""The network and its protocol are told from a file, whatever system it is of."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.foreign_names import (
    caffe2,
    mmaction2,
    older_paddle,
    paddlevideo,
    pyslowfast,
    pytorchvideo,
    pytorchvideo_trained,
)
from support.paths import REPOSITORY

from slowfast.config import Config, ConfigError, ModelConfig, config_of, dump_changes, load_config
from slowfast.models.variants import build_model
from slowfast.weights.damage import WeightsError
from slowfast.weights.load import Checkpoint
from slowfast.weights.names import find_tensors, translate
from slowfast.weights.systems import Tensors
from slowfast.zoo.architecture import Settings, model_settings
from slowfast.zoo.origin import home_settings

CONFIGS = REPOSITORY / "configs" / "recognition" / "slowfast"
SYSTEMS: tuple[Callable[[Tensors], Tensors], ...] = (
    dict, paddlevideo, older_paddle, pyslowfast, pytorchvideo, pytorchvideo_trained, mmaction2,
    caffe2,
)  # fmt: skip
ALPHA_AND_FRAMES = {"model.alpha": 4, "data.num_frames": 32}


@functools.lru_cache
def small_tensors(model: ModelConfig) -> Tensors:
    """Of the network of a config, whose width should be small."""
    state = build_model(model, train_crop=32).state_dict()
    return {name: np.broadcast_to(np.float32(1), tensor.shape) for name, tensor in state.items()}


def tiny(**given: Any) -> ModelConfig:
    defaults: dict[str, Any] = dict(slow_depth=14, fast_depth=14, width=8, num_classes=3)
    return ModelConfig(**defaults | given)


def checkpoint(state: Tensors, **content: Any) -> Checkpoint:
    """A file of this state, with what is beside it."""
    content = {"state_dict": state, **content}
    return Checkpoint(Path("a.pth"), content, translate(find_tensors(content)))


# The published networks, by the configs that train them; the width is ours.
PUBLISHED = {
    "4x16": "slowfast",
    "4x16, mmaction2": "slowfast_r50_4x16x1_256e",
    "4x16, mmaction2, precise batch norm": "slowfast_prebn_r50_4x16x1_256e",
    "8x8": "slowfast_8x8",
    "8x8, mmaction2": "slowfast_r50_8x8x1_256e",
    "8x8, mmaction2, steps": "slowfast_r50_8x8x1_256e_steplr",
    "8x8, mmaction2, multigrid": "slowfast_multigrid_r50_8x8x1_358e",
    "8x8 R101": "slowfast_r101_8x8",
    "8x8 R101, mmaction2": "slowfast_r101_8x8x1_256e",
    "16x8 R101": "slowfast_16x8_r101_50_50",
    "4x16 R101 and R50": "slowfast_r101_r50_4x16x1_256e",
    "4x16 R152 and R50": "slowfast_r152_r50_4x16x1_256e",
    "16x8, Something-Something": "slowfast_r50_16x8x1_22e_sthv1",
}
TOLD = ("name", "num_classes", "slow_depth", "fast_depth", "width", "beta_inv", "temporal_blocks",
        "stem_kernel", "fusion_kernel", "lateral_norm")  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED.values(), ids=PUBLISHED)
def test_every_published_network_of_every_system_is_told(name: str) -> None:
    cfg = load_config(CONFIGS / f"{name}.yaml", ["model.width=8", "model.beta_inv=4"])
    ours = small_tensors(cfg.model)
    for system in SYSTEMS:
        found = translate(system(ours))
        told = config_of(model_settings(found.tensors)).model
        for key in TOLD:
            assert getattr(told, key) == getattr(cfg.model, key), (system, key)


@pytest.mark.parametrize(("name", "width"), [("slow_only", 8), ("fast_only", 16)])
def test_one_pathway_alone_is_told(name: str, width: int) -> None:
    model = tiny(name=name, slow_depth=26, fast_depth=26, width=width, alpha=1)
    for system in (dict, paddlevideo, pyslowfast, caffe2):
        home = home_settings(checkpoint(system(small_tensors(model))), {"data.num_frames": 8})
        assert config_of(home.settings).model == model


def test_a_stems_kernel_and_widths_are_told() -> None:
    model = tiny(stem_kernel=3, width=16, beta_inv=2, fast_depth=26, fusion_kernel=9)
    told = config_of(model_settings(small_tensors(model))).model
    assert told == model


def test_blocks_without_temporal_kernels() -> None:
    for blocks in ((2, 2, 1, 2), (1, 2, 2, 2), (2, 0, 2, 1)):
        model = tiny(slow_depth=26, fast_depth=26, temporal_blocks=blocks)
        assert model_settings(small_tensors(model))["model.temporal_blocks"] == blocks


def changed(shapes: dict[str, tuple[int, ...] | None], **model: Any) -> Tensors:
    """A tiny network's tensors, some of another shape, or none."""
    tensors = dict(small_tensors(tiny(**model)))
    for name, shape in shapes.items():
        if shape is None:
            del tensors[name]
        else:
            tensors[name] = np.broadcast_to(np.float32(1), shape)
    return tensors


BLOCK = "branch2.a.weight"
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no such depth": (
        {f"s3.pathway1_res1.{BLOCK}": (2, 8, 3, 1, 1)},
        "its fast pathway has [1, 2, 1, 1] blocks in res2..res5; known: R14 [1, 1, 1, 1], R26",
    ),
    "other temporal kernels": (
        {f"s4.pathway0_res0.{BLOCK}": (32, 64, 5, 1, 1)},
        "the blocks of its slow pathway's res4 have temporal kernels 5; known: 3, from some block",
    ),
    "one pathway without": (
        {f"s4.pathway0_res0.{BLOCK}": (32, 64, 1, 1, 1)},
        "res4 has temporal kernels in 0 blocks of the slow pathway and 1 of the fast one; here",
    ),
    "stems of another kind": (
        {"s1.pathway0_stem.conv.weight": (8, 3, 3, 7, 7)},
        "its stems have temporal kernels 3, 5; SlowFast's have 1 (slow) and 5 (fast)",
    ),
    "a stem of 2D": (
        {"s1.pathway0_stem.conv.weight": (8, 3, 7, 7)},
        "s1.pathway0_stem.conv.weight is [8, 3, 7, 7]: no convolution over time and space",
    ),
    "stem and res5 disagree": (
        {"s1.pathway0_stem.conv.weight": (80_000, 3, 1, 7, 7)},
        "s5.pathway0_res0.branch2.b.weight is [64, 64, 1, 3, 3]; by its stem and its classes it "
        "would be [640000, 640000, 1, 3, 3]",
    ),
    "res5 without numbers": (
        {"s1.pathway1_stem.conv.weight": (800, 3, 5, 7, 7),
         "s5.pathway1_res0.branch2.b.weight": (6400, 6400, 0, 3, 3)},
        "s5.pathway1_res0.branch2.b.weight is [6400, 6400, 0, 3, 3]; by its stem and its classes",
    ),
    "a stem's kernel of one axis": (
        {"s1.pathway0_stem.conv.weight": (8, 3, 1, 1001, 7)},
        "s1.pathway0_stem.conv.weight is [8, 3, 1, 1001, 7]; by its stem and its classes it would",
    ),
    "a long lateral kernel": (
        {"s4_fuse.conv_f2s.weight": (1, 1, 10_001, 1, 1)},
        "s4_fuse.conv_f2s.weight is [1, 1, 10001, 1, 1]; by its stem and its classes it would be "
        "[32, 16, 10001, 1, 1]",
    ),
    "no lateral connections": (
        {"s4_fuse.conv_f2s.weight": None},
        "it has two pathways without the lateral connection s4_fuse.conv_f2s",
    ),
    "no classifier": (
        {"head.projection.bias": None}, "it has no classifier (head.projection): features alone, or"
    ),
    "a classifier of another kind": (
        {"head.projection.bias": (4_000_000,)},
        "head.projection.weight is [288, 3]; by its stem and its classes it would be "
        "[288, 4000000]",
    ),
    "not SlowFast": (
        {"s1.pathway0_stem.conv.weight": None},
        "it has no SlowFast stem by the name that PaddleVideo, PySlowFast, PyTorchVideo, mmaction2 "
        "or this project gives it; the first of its 191 tensors is s1.pathway0_stem.bn.weight",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("shapes", "message"), FAULTS.values(), ids=FAULTS)
def test_what_is_none_of_our_networks_is_refused(shapes: dict[str, Any], message: str) -> None:
    with pytest.raises(WeightsError) as caught:
        model_settings(changed(shapes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pathways_with_unlike_temporal_blocks_are_refused() -> None:
    # PySlowFast has a config of that kind, SLOWFAST_8x8_R101_50_101.
    tensors = changed(
        {f"s4.pathway0_res1.{BLOCK}": (32, 128, 1, 1, 1)}, slow_depth=26, fast_depth=26
    )
    message = "res4 has temporal kernels in 1 blocks of the slow pathway and 2 of the fast one"
    with pytest.raises(WeightsError, match=message):
        model_settings(tensors)


def test_a_2d_network_is_refused() -> None:
    model = tiny(name="slow_only", temporal_blocks=(1, 1, 0, 0))
    with pytest.raises(WeightsError, match="no temporal kernels in res4 and res5: a 2D network"):
        model_settings(small_tensors(model))


# Each system's own test.

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


@pytest.mark.parametrize(
    ("system", "differs"),
    [
        (paddlevideo, {}),
        (older_paddle, {}),
        (pyslowfast, {}),
        (caffe2, {}),
        (pytorchvideo, {"model": {"average_positions": "score"},
                        "test": {"protocol": "pytorchvideo"}}),
        (pytorchvideo_trained, {"test": {"protocol": "pytorchvideo"}}),
        (mmaction2, {"model": {"slow_frames": "strided", "head_pooling": "global"},
                     "data": IMAGENET, "test": {"protocol": "mmaction2"}}),
    ],
)  # fmt: skip
def test_each_systems_habits(system: Any, differs: dict[str, Any]) -> None:
    model = tiny(alpha=4)
    home = home_settings(checkpoint(system(small_tensors(model))), ALPHA_AND_FRAMES)
    of_tiny = {"alpha": 4, "slow_depth": 14, "fast_depth": 14, "width": 8, "num_classes": 3}
    expected = {**differs, "model": of_tiny | differs.get("model", {})}
    assert config_of(home.settings) == config_of(expected)
    assert (home.notes, home.embedded) == ([], {})


def test_what_lightning_has_trained_is_pytorchvideos_own() -> None:
    """It calls tensors as PySlowFast does, which averages probabilities."""
    state = pytorchvideo_trained(small_tensors(tiny(alpha=4)))
    content = {"state_dict": state, "pytorch-lightning_version": "1.9.0"}
    home = home_settings(Checkpoint(Path("a"), content, translate(state)), ALPHA_AND_FRAMES)
    assert home.settings["model.average_positions"] == "score"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "it does not tell its --alpha and --num_frames: name them; published ones like it: "
             "--alpha 8 --num_frames 32 (4x16)"),
        ({"model.alpha": 8}, "it does not tell its --num_frames: name them; "),
        ({"data.num_frames": 32}, "it does not tell its --alpha: name them; "),
    ],
)  # fmt: skip
def test_alpha_and_frames_are_asked_for(given: Settings, message: str) -> None:
    tensors = small_tensors(ModelConfig(width=8))
    with pytest.raises(WeightsError) as caught:
        home_settings(checkpoint(pyslowfast(tensors)), given)
    assert str(caught.value).startswith(message)


def test_the_published_networks_are_told_where_alpha_is_asked_for() -> None:
    for name in set(PUBLISHED.values()) - {"slowfast_r50_8x8x1_256e_steplr"}:
        cfg = load_config(CONFIGS / f"{name}.yaml", ["model.width=8", "model.beta_inv=4"])
        with pytest.raises(WeightsError) as caught:
            home_settings(checkpoint(small_tensors(cfg.model)), {})
        flags = f"--alpha {cfg.model.alpha} --num_frames {cfg.data.num_frames} ("
        assert flags in str(caught.value), name
    with pytest.raises(WeightsError, match="none like it is known"):
        home_settings(checkpoint(small_tensors(tiny())), {})
    alone = tiny(name="slow_only")
    with pytest.raises(WeightsError, match="tell its --num_frames: name them; published slow path"):
        home_settings(checkpoint(small_tensors(alone)), {})


# Configs in the file.

PYSLOWFAST = """
DATA:
  CROP: &id001 [1, 2]
  MEAN: [0.4, 0.5, 0.6]
  NUM_FRAMES: 16
  REVERSE_INPUT_CHANNEL: false
  SAMPLING_RATE: 3
  STD: [0.2, 0.25, 0.3]
  TARGET_FPS: 25
  TEST_CROP_SIZE: 224
  TRAIN_CROP_SIZE: 160
  TRAIN_JITTER_SCALES: [192, 320]
DETECTION: {ENABLE: false}
MODEL: {ARCH: slowfast, HEAD_ACT: softmax}
RESNET:
  SPATIAL_DILATIONS: [[1, 1], [1, 1], [1, 1], [1, 1]]
  SPATIAL_STRIDES: [[1, 1], [2, 2], [2, 2], [2, 2]]
  STRIDE_1X1: false
SLOWFAST: {ALPHA: 2}
SOLVER: {BASE_LR: 0.1, LRS: *id001}
TEST: {DATASET: kinetics, NUM_ENSEMBLE_VIEWS: 4, NUM_SPATIAL_CROPS: 3}
TRAIN: {DATASET: kinetics}
"""
FROM_PYSLOWFAST: dict[str, dict[str, Any]] = {
    "model": {"alpha": 2, "slow_depth": 14, "fast_depth": 14, "width": 8, "num_classes": 3},
    "data": {"num_frames": 16, "sampling_stride": 3, "target_fps": 25, "mean": [0.4, 0.5, 0.6],
             "std": [0.2, 0.25, 0.3], "crop_size": 160, "min_short_side": 192},
    "test": {"num_clips": 4, "short_side": 224, "crop_size": 224},
}  # fmt: skip


def home_of(system: Any, given: Settings | None = None, **content: Any) -> tuple[Config, list[str]]:
    home = home_settings(checkpoint(system(small_tensors(tiny())), **content), given or {})
    return config_of(home.settings), home.notes


def test_pyslowfasts_config_as_text_and_as_a_mapping() -> None:
    assert home_of(pyslowfast, cfg=PYSLOWFAST) == (config_of(FROM_PYSLOWFAST), [])
    as_mapping = {"SLOWFAST": {"ALPHA": 2}, "DATA": {"NUM_FRAMES": 16}, "TEST": 3}
    cfg, _ = home_of(pyslowfast, cfg=as_mapping)
    assert (cfg.model.alpha, cfg.data.num_frames) == (2, 16)


def test_pytorchvideos_clips_in_pyslowfast() -> None:
    text = PYSLOWFAST.replace("TEST: {DATASET: kinetics", "TEST: {DATASET: ptvkinetics")
    test = {"num_clips": 4, "short_side": 192, "crop_size": 192, "protocol": "pytorchvideo"}
    text = text.replace("TEST_CROP_SIZE: 224", "TEST_CROP_SIZE: 192")
    for system in (pyslowfast, pytorchvideo_trained):
        assert home_of(system, cfg=text) == (config_of(FROM_PYSLOWFAST | {"test": test}), [])
    # PyTorchVideo's own file has seen the same clips; its head averages logits.
    of_hub, _ = home_of(pytorchvideo, cfg=text)
    assert (of_hub.model.average_positions, of_hub.test.protocol) == ("score", "pytorchvideo")
    # One trained by PySlowFast on its own clips is tested on them.
    cfg, _ = home_of(pytorchvideo_trained, cfg=PYSLOWFAST)
    assert cfg == config_of(FROM_PYSLOWFAST)


def test_what_pyslowfast_does_in_another_way_is_noted() -> None:
    text = PYSLOWFAST.replace("kinetics", "charades").replace("CHANNEL: false", "CHANNEL: true")
    text = text.replace("HEAD_ACT: softmax", "HEAD_ACT: sigmoid")
    text = text.replace("DATA:\n", "DATA:\n  ENSEMBLE_METHOD: max\n")
    cfg, notes = home_of(pyslowfast, cfg=text)
    assert cfg == config_of(FROM_PYSLOWFAST)
    assert [note[:32] for note in notes] == [
        "PySlowFast tests on charades, wh", "its classes do not exclude each ",
        "PySlowFast takes the largest sco",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{ENABLE: false}", "{ENABLE: true}", "DETECTION.ENABLE: it detects, and does not classif"),
        ("STRIDE_1X1: false", "STRIDE_1X1: true", "RESNET.STRIDE_1X1=True, which SlowFast's has n"),
        ("[2, 2], [2, 2]]", "[2, 2], [1, 1]]", "RESNET.SPATIAL_STRIDES=[[1, 1], [2, 2], [2, 2],"),
        ("[1, 1], [1, 1]]", "[1, 1], [2, 2]]", "RESNET.SPATIAL_DILATIONS=[[1, 1], [1, 1], [1, 1]"),
        ("CHANNEL: false", "CHANNEL: true",
         "DATA.REVERSE_INPUT_CHANNEL=True with the data set kinetics: it has seen BGR pictures"),
        ("TRAIN: {DATASET: kinetics}", "TRAIN: {DATASET: ssv2}",
         "DATA.REVERSE_INPUT_CHANNEL=False with the data set ssv2: it has seen BGR pictures"),
    ],
)  # fmt: skip
def test_what_pyslowfasts_tensors_do_not_tell_is_refused(old: str, new: str, message: str) -> None:
    assert old in PYSLOWFAST
    with pytest.raises(WeightsError) as caught:
        home_of(pyslowfast, cfg=PYSLOWFAST.replace(old, new))
    assert f"its config has {message}" in str(caught.value)


def test_one_pathway_has_no_use_for_pyslowfasts_alpha() -> None:
    state = pyslowfast(small_tensors(tiny(name="slow_only")))
    text = PYSLOWFAST.replace("ARCH: slowfast", "ARCH: slow")
    home = home_settings(checkpoint(state, cfg=text), {})
    assert config_of(home.settings).model == tiny(name="slow_only", alpha=1)


MMACTION2 = """
/home/someone/_base_/models/slowfast_r50.py
# model settings
model = dict(
    backbone=dict(
        type='ResNet3dSlowFast',
        resample_rate=8,  # tau
        speed_ratio=8,  # alpha
        slow_pathway=dict(type='resnet3d', norm_cfg=dict(type='BN3d'))),
    cls_head=dict(num_classes=400))
configs/mine.py
model = dict(backbone=dict(resample_rate=2, speed_ratio=2), test_cfg=dict(average_clips='score'))
img_norm_cfg = dict(mean=[100, 110.5, 127.5], std=[51, 25.5, 60], to_bgr=False)
pattern = '\\d+.jpg'
file_client_args = dict({'io': 'disk'})
steps, others = [1], [2]
train_pipeline = [dict(type='SampleFrames', clip_len=99, frame_interval=9, num_clips=1)]
test_pipeline = [
    dict(type='SampleFrames', clip_len=16, frame_interval=3, num_clips=4, test_mode=True),
    dict(type='RawFrameDecode', **file_client_args),
    dict(type='Resize', scale=(-1, 240)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='Normalize', **img_norm_cfg),
]
data = dict(test=dict(pipeline=test_pipeline, weight=2 * 3, shape=f'{pattern}'))
"""
FROM_MMACTION2: dict[str, dict[str, Any]] = {
    "model": {"alpha": 2, "slow_depth": 14, "fast_depth": 14, "width": 8, "num_classes": 3,
              "slow_frames": "strided", "head_pooling": "global"},
    "data": {"num_frames": 16, "sampling_stride": 3, "mean": [0.392157, 0.433333, 0.5],
             "std": [0.2, 0.1, 0.235294]},
    "test": {"num_clips": 4, "num_crops": 1, "short_side": 240, "crop_size": 224,
             "average_clips": "score", "protocol": "mmaction2"},
}  # fmt: skip


def test_mmaction2s_config_of_0x() -> None:
    assert home_of(mmaction2, meta={"config": MMACTION2}) == (config_of(FROM_MMACTION2), [])
    # Whole, as later versions write it, and other numbers than its own in the file's.
    flat = MMACTION2.replace("test=dict(pipeline=test_pipeline", "test=dict(pipeline=[]")
    cfg, _ = home_of(mmaction2, ALPHA_AND_FRAMES, meta={"config": flat})
    assert (cfg.test.num_clips, cfg.data.sampling_stride) == (10, 2)  # of an empty pipeline
    three = MMACTION2.replace("CenterCrop", "ThreeCrop").replace("num_clips=4, ", "")
    cfg, _ = home_of(mmaction2, meta={"config": three})
    assert (cfg.test.num_clips, cfg.test.num_crops) == (1, 3)


def test_mmaction2s_config_of_1x() -> None:
    text = MMACTION2.replace("    dict(type='Normalize', **img_norm_cfg),\n", "")
    text = text.replace("data = dict(test=", "test_dataloader = dict(dataset=")
    text = text.replace("test_cfg=dict(average_clips", "cls_head=dict(average_clips")
    text += "\nmodel['data_preprocessor'] = 3"
    text += "\nmodel = dict(data_preprocessor=dict(mean=(100, 110.5, 127.5), std=[51, 25.5, 60]))"
    expected = FROM_MMACTION2 | {"test": FROM_MMACTION2["test"] | {"protocol": "mmaction2-1.2"}}
    assert home_of(mmaction2, meta={"cfg": text}) == (config_of(expected), [])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("resample_rate=2", "resample_rate=4",
         "its config has resample_rate=4 and speed_ratio=2: its fast pathway leaves frames out"),
        ("to_bgr=False", "to_bgr=True",
         "its config has to_bgr=True: it has seen BGR pictures, here all are RGB"),
    ],
)  # fmt: skip
def test_what_mmaction2s_tensors_do_not_tell_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        home_of(mmaction2, meta={"config": MMACTION2.replace(old, new)})


def test_what_is_given_wins_and_is_said() -> None:
    given = {"model.alpha": 4, "data.num_frames": 16, "data.sampling_stride": 2}
    cfg, notes = home_of(pyslowfast, given, cfg=PYSLOWFAST)
    assert (cfg.model.alpha, cfg.data.num_frames, cfg.data.sampling_stride) == (4, 16, 2)
    assert notes == [
        "model.alpha=4, where its own config has 2",
        "data.sampling_stride=2, where its own config has 3",
    ]


LETTERS = "abcdefghijklmnopqrstuvwxyz"
STEPS = list(zip(LETTERS[:-1], LETTERS[1:], strict=True))
NESTED = "a = [1]\n" + "".join(f"{b} = [{a}, {a}]\n" for a, b in STEPS)  # z: 2^25 numbers
NESTED_YAML = "a: &a [1]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in STEPS)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"cfg": "a: [1"}, "while parsing a flow sequence"),
        ({"cfg": "a: !!python/object/apply:os.system ['touch it']"}, "could not determine a con"),
        ({"cfg": "a: &x {b: 1}\nc: {<<: [*x, *x]}"}, "could not determine a constructor"),
        ({"cfg": "[" * 2000}, "maximum recursion depth exceeded"),
        ({"cfg": "a: 1\n" * 100_000}, "it has 500,000 characters, more than 100,000"),
        ({"cfg": "DATA: {NUM_FRAMES: 0x1" + "0" * 5000 + "}"}, "Exceeds the limit"),
        ({"meta": {"config": "model = dict("}}, "'(' was never closed"),
        ({"meta": {"cfg": "(" * 1000}}, "too many nested parentheses"),
        ({"meta": {"cfg": "a = 1\0"}}, "null bytes"),
    ],
)  # fmt: skip
def test_a_config_that_is_none_is_left_out(content: dict[str, Any], reason: str) -> None:
    cfg, notes = home_of(dict, ALPHA_AND_FRAMES, **content)
    assert cfg.model.alpha == 4
    (note,) = notes
    assert note.startswith("the config in the file is left out: ")
    assert reason in note
    assert "\n" not in note


def test_nothing_in_a_config_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "import os\nos.system('touch hacked')\nmodel = __import__('os').system('touch hacked')\n"
    text += "data = dict(test=[open('hacked', 'w') for _ in range(1)], **open('hacked', 'w'))\n"
    home_of(mmaction2, ALPHA_AND_FRAMES, meta={"config": text})
    home_of(mmaction2, ALPHA_AND_FRAMES, meta={"config": text}, cfg=[1], hooks=3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("model.alpha", {"meta": {"cfg": NESTED + "model = dict(backbone=dict(speed_ratio=z))"}}),
        ("data.num_frames",
         {"meta": {"config": NESTED + "test_pipeline = [dict(type='SampleFrames', clip_len=z)]"}}),
        ("model.alpha", {"cfg": NESTED_YAML + "SLOWFAST: {ALPHA: *z}"}),
    ],
)  # fmt: skip
def test_a_small_config_cannot_claim_much(key: str, content: dict[str, Any]) -> None:
    given = {name: value for name, value in ALPHA_AND_FRAMES.items() if name != key}
    home = home_settings(checkpoint(small_tensors(tiny()), **content), given)
    assert home.settings[key].startswith("[[[[[[[...], [...]]")
    assert len(home.settings[key]) < 310
    with pytest.raises(ConfigError, match=rf"{key}='\[\[.* is not a whole number"):
        config_of(home.settings)


def test_changes_alone_are_dumped(tmp_path: Path) -> None:
    cfg = config_of(FROM_MMACTION2)
    text = dump_changes(cfg)
    (tmp_path / "a.yaml").write_text(text)
    assert load_config(tmp_path / "a.yaml") == cfg
    assert "width: 8" in text
    assert "dropout" not in text
    assert dump_changes(Config()) == "{}\n"
    (tmp_path / "b.yaml").write_text("# nothing\n{}\n")
    assert load_config(tmp_path / "b.yaml") == Config()

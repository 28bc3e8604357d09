"""Configs that PySlowFast and mmaction2 keep beside the weights."""

from pathlib import Path
from typing import Any

import pytest
from support.checkpoints import ALPHA_AND_FRAMES, checkpoint, home_of, shapes_of, tiny
from support.foreign_names import mmaction2, pyslowfast, pytorchvideo, pytorchvideo_trained

from slowfast.config import ConfigError, config_of
from slowfast.weights.damage import WeightsError
from slowfast.zoo.origin import home_settings

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


def test_pyslowfasts_config_as_text_and_as_a_mapping() -> None:
    assert home_of(pyslowfast, cfg=PYSLOWFAST) == (config_of(FROM_PYSLOWFAST), [])
    as_mapping = {"SLOWFAST": {"ALPHA": 2}, "DATA": {"NUM_FRAMES": 16}, "TEST": 3}
    cfg, _ = home_of(pyslowfast, cfg=as_mapping)
    assert (cfg.model.alpha, cfg.data.num_frames) == (2, 16)


def test_pytorchvideos_clips_in_pyslowfast() -> None:
    text = PYSLOWFAST.replace("TEST: {DATASET: kinetics", "TEST: {DATASET: ptvkinetics")
    text = text.replace("TEST_CROP_SIZE: 224", "TEST_CROP_SIZE: 192")
    test = {"num_clips": 4, "short_side": 192, "crop_size": 192, "protocol": "pytorchvideo"}
    for system in (pyslowfast, pytorchvideo_trained):
        assert home_of(system, cfg=text) == (config_of(FROM_PYSLOWFAST | {"test": test}), [])
    # PyTorchVideo's own file has seen the same clips; its head averages logits.
    of_hub, _ = home_of(pytorchvideo, cfg=text)
    assert (of_hub.model.average_positions, of_hub.test.protocol) == ("score", "pytorchvideo")
    # One trained by PySlowFast on its own clips is tested on them.
    cfg, _ = home_of(pytorchvideo_trained, cfg=PYSLOWFAST)
    assert cfg == config_of(FROM_PYSLOWFAST)


def test_pyslowfast_on_charades() -> None:
    """Several labels, the maximum over views, and frames that are counted, whatever TARGET_FPS."""
    text = PYSLOWFAST.replace("kinetics", "charades").replace("CHANNEL: false", "CHANNEL: true")
    text = text.replace("HEAD_ACT: softmax", "HEAD_ACT: sigmoid")
    text = text.replace("DATA:\n", "DATA:\n  ENSEMBLE_METHOD: max\n")
    own = {"target_fps": 24, "frame_fps": 24, "frame_pattern": "{name}-{:06d}.jpg",
           "spacing": "stride"}  # fmt: skip
    expected = config_of(FROM_PYSLOWFAST | {
        "data": FROM_PYSLOWFAST["data"] | own,
        "test": FROM_PYSLOWFAST["test"] | {"average_clips": "max", "protocol": "charades"},
        "train": {"task": "multi"},
    })  # fmt: skip
    assert home_of(pyslowfast, cfg=text) == (expected, [])
    # PyTorchVideo's data set of the same frames; its crops are of the test's own short side.
    text = text.replace("charades", "ptvcharades")
    cfg, (note,) = home_of(pytorchvideo_trained, cfg=text)
    assert cfg == expected
    assert note == "PyTorchVideo begins its clips of Charades at other frames than PySlowFast"


@pytest.mark.parametrize(("old", "new", "task", "average"), [
    ("HEAD_ACT: softmax", "HEAD_ACT: sigmoid", "multi", "prob"),
    ("DATA:\n", "DATA:\n  MULTI_LABEL: true\n", "multi", "prob"),
    ("DATA:\n", "DATA:\n  MULTI_LABEL: false\n  ENSEMBLE_METHOD: sum\n", "single", "prob"),
    ("DATA:\n", "DATA:\n  ENSEMBLE_METHOD: max\n", "single", "max"),
])  # fmt: skip
def test_several_labels_and_the_maximum_on_any_data(
    old: str, new: str, task: str, average: str
) -> None:
    cfg, notes = home_of(pyslowfast, cfg=PYSLOWFAST.replace(old, new))
    assert (cfg.train.task, cfg.test.average_clips, notes) == (task, average, [])
    assert (cfg.test.protocol, cfg.data.target_fps) == ("pyslowfast", 25)


def test_what_pyslowfast_does_in_another_way_is_noted() -> None:
    text = PYSLOWFAST.replace("kinetics", "ssv2").replace("CHANNEL: false", "CHANNEL: true")
    cfg, (note,) = home_of(pyslowfast, cfg=text)
    assert cfg == config_of(FROM_PYSLOWFAST)
    assert note.startswith("PySlowFast tests on ssv2, where it spreads a clip's frames in another")


@pytest.mark.parametrize(("old", "new", "message"), [
    ("{ENABLE: false}", "{ENABLE: true}", "RESNET.SPATIAL_STRIDES=[[1, 1], [2, 2], [2, 2], [2,"),
    ("STRIDE_1X1: false", "STRIDE_1X1: true", "RESNET.STRIDE_1X1=True, which SlowFast does n"),
    ("[2, 2], [2, 2]]", "[2, 2], [1, 1]]", "RESNET.SPATIAL_STRIDES=[[1, 1], [2, 2], [2, 2],"),
    ("[1, 1], [1, 1]]", "[1, 1], [2, 2]]", "RESNET.SPATIAL_DILATIONS=[[1, 1], [1, 1], [1, 1]"),
    ("CHANNEL: false", "CHANNEL: true",
     "DATA.REVERSE_INPUT_CHANNEL=True with the data set kinetics: it has seen BGR pictures"),
    ("TRAIN: {DATASET: kinetics}", "TRAIN: {DATASET: ssv2}",
     "DATA.REVERSE_INPUT_CHANNEL=False with the data set ssv2: it has seen BGR pictures"),
])  # fmt: skip
def test_what_pyslowfasts_tensors_do_not_tell_is_refused(old: str, new: str, message: str) -> None:
    assert old in PYSLOWFAST
    with pytest.raises(WeightsError) as caught:
        home_of(pyslowfast, cfg=PYSLOWFAST.replace(old, new))
    assert f"its config has {message}" in str(caught.value)


def test_one_pathway_has_no_use_for_pyslowfasts_alpha() -> None:
    state = pyslowfast(shapes_of(tiny(name="slow_only")))
    text = PYSLOWFAST.replace("ARCH: slowfast", "ARCH: slow")
    home = home_settings(checkpoint(state, cfg=text), {})
    cfg = config_of(home.settings)
    assert cfg.model == tiny(name="slow_only", alpha=1)
    assert (cfg.data.num_frames, cfg.data.sampling_stride) == (16, 3)


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


@pytest.mark.parametrize(("old", "new"), [
    ("cls_head=dict(", "cls_head=dict(loss_cls=dict(type='BCELossWithLogits'), "),
    ("cls_head=dict(", "cls_head=dict(multi_class=True, "),
    ("data = dict(test=dict(", "data = dict(test=dict(multi_class=True, "),
    ("data = dict(test=dict(", "test_dataloader = dict(dataset=dict(multi_class=True, "),
])  # fmt: skip
def test_mmaction2s_several_labels(old: str, new: str) -> None:
    text = MMACTION2.replace(old, new)
    assert text != MMACTION2
    cfg, notes = home_of(mmaction2, meta={"config": text})
    assert (cfg.train.task, cfg.test.average_clips, notes) == ("multi", "score", [])
    cfg, (note,) = home_of(mmaction2, meta={"config": text.replace("'score'", "'prob'")})
    assert (cfg.train.task, cfg.test.average_clips) == ("multi", "prob")
    assert note.startswith("mmaction2 averages softmax over the views, here sigmoid: ")


def test_mmaction2s_slow_pathway_alone() -> None:
    text = MMACTION2.replace("resample_rate=8,  # tau", "").replace("speed_ratio=8,  # alpha", "")
    text = text.replace("resample_rate=2, speed_ratio=2", "depth=50")
    state = mmaction2(shapes_of(tiny(name="slow_only")))
    cfg = config_of(home_settings(checkpoint(state, meta={"config": text}), {}).settings)
    assert (cfg.model.name, cfg.model.alpha) == ("slow_only", 1)
    assert (cfg.data.num_frames, cfg.data.sampling_stride) == (16, 3)
    assert (cfg.model.head_pooling, cfg.test.protocol) == ("global", "mmaction2")


@pytest.mark.parametrize(("old", "new", "message"), [
    ("resample_rate=2", "resample_rate=4",
     "its config has resample_rate=4 and speed_ratio=2: its fast pathway leaves frames out"),
    ("to_bgr=False", "to_bgr=True",
     "its config has to_bgr=True: it has seen BGR pictures, here all are RGB"),
])  # fmt: skip
def test_what_mmaction2s_tensors_do_not_tell_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        home_of(mmaction2, meta={"config": MMACTION2.replace(old, new)})


LETTERS = "abcdefghijklmnopqrstuvwxyz"
STEPS = list(zip(LETTERS[:-1], LETTERS[1:], strict=True))
NESTED = "a = [1]\n" + "".join(f"{b} = [{a}, {a}]\n" for a, b in STEPS)  # z: 2^25 numbers
NESTED_YAML = "a: &a [1]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in STEPS)


@pytest.mark.parametrize(("content", "reason"), [
    ({"cfg": "a: [1"}, "while parsing a flow sequence"),
    ({"cfg": "a: !!python/object/apply:os.system ['touch it']"}, "could not determine a con"),
    ({"cfg": "a: &x {b: 1}\nc: {<<: [*x, *x]}"}, "could not determine a constructor"),
    ({"cfg": "[" * 500}, "maximum recursion depth exceeded"),
    ({"cfg": "a: 1\n" * 100_000}, "it has 500,000 characters, more than 100,000"),
    ({"cfg": "DATA: {NUM_FRAMES: 0x1" + "0" * 5000 + "}"}, "Exceeds the limit"),
    ({"meta": {"config": "model = dict("}}, "'(' was never closed"),
    ({"meta": {"cfg": "(" * 1000}}, "too many nested parentheses"),
    ({"meta": {"cfg": "a = 1\0"}}, "null bytes"),
])  # fmt: skip
def test_a_config_that_is_none_is_left_out(content: dict[str, Any], reason: str) -> None:
    cfg, notes = home_of(dict, ALPHA_AND_FRAMES, **content)
    assert cfg.model.alpha == 4
    (note,) = notes
    assert note.startswith("the config in the file is left out: ") and reason in note
    assert "\n" not in note


def test_nothing_in_a_config_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "import os\nos.system('touch hacked')\nmodel = __import__('os').system('touch hacked')\n"
    text += "data = dict(test=[open('hacked', 'w') for _ in range(1)], **open('hacked', 'w'))\n"
    home_of(mmaction2, ALPHA_AND_FRAMES, meta={"config": text})
    home_of(mmaction2, ALPHA_AND_FRAMES, meta={"config": text}, cfg=[1], hooks=3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("key", "content"), [
    ("model.alpha", {"meta": {"cfg": NESTED + "model = dict(backbone=dict(speed_ratio=z))"}}),
    ("data.num_frames",
     {"meta": {"config": NESTED + "test_pipeline = [dict(type='SampleFrames', clip_len=z)]"}}),
    ("model.alpha", {"cfg": NESTED_YAML + "SLOWFAST: {ALPHA: *z}"}),
])  # fmt: skip
def test_a_small_config_cannot_claim_much(key: str, content: dict[str, Any]) -> None:
    given = {name: value for name, value in ALPHA_AND_FRAMES.items() if name != key}
    home = home_settings(checkpoint(shapes_of(tiny()), **content), given)
    assert home.settings[key].startswith("[[[[[[[...], [...]]")
    assert len(home.settings[key]) < 310
    with pytest.raises(ConfigError, match=rf"{key}='\[\[.* is not a whole number"):
        config_of(home.settings)

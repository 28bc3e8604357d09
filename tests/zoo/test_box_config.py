"""What the configs in detectors' files say of boxes."""

from types import SimpleNamespace
from typing import Any

import pytest
from support.checkpoints import checkpoint, shapes_of, tiny
from support.foreign_names import mmaction2_boxes, pyslowfast, pytorchvideo_boxes

from slowfast.config import Config, config_of
from slowfast.data.clips.window_reader import KeyWindows
from slowfast.data.samples import KeyFrame, Sample
from slowfast.weights.damage import WeightsError
from slowfast.zoo.origin import home_settings

PYSLOWFAST = """
AVA: {BGR: false, DETECTION_SCORE_THRESH: 0.85}
DATA: {NUM_FRAMES: 64, SAMPLING_RATE: 2, REVERSE_INPUT_CHANNEL: false, TEST_CROP_SIZE: 240}
DETECTION: {ALIGNED: false, ENABLE: true, ROI_XFORM_RESOLUTION: 9, SPATIAL_SCALE_FACTOR: 16}
MODEL: {ARCH: slowfast, HEAD_ACT: sigmoid}
NONLOCAL:
  INSTANTIATION: dot_product
  LOCATION: [[[], []], [[], []], [[0], []], [[], []]]
  POOL: [[[2, 2, 2], [2, 2, 2]], [[2, 2, 2], [2, 2, 2]], [[2, 2, 2], [2, 2, 2]], [[2, 2, 2]]]
RESNET:
  SPATIAL_DILATIONS: [[1, 1], [1, 1], [1, 1], [3, 2]]
  SPATIAL_STRIDES: [[1, 1], [2, 2], [2, 2], [1, 1]]
SLOWFAST: {ALPHA: 8}
TEST: {DATASET: ava}
TRAIN: {DATASET: ava}
"""


def of_pyslowfast(text: str, names: Any = pyslowfast, **model: Any) -> Config:
    state = names(shapes_of(tiny(**model), "detection"))
    home = home_settings(checkpoint(state, cfg=text), {})
    assert home.notes == []
    return config_of(home.settings)


def test_pyslowfasts_config() -> None:
    cfg = of_pyslowfast(PYSLOWFAST, nonlocal_blocks=(0,))
    assert cfg.train.task == "detection"
    assert (cfg.model.alpha, cfg.model.dilations, cfg.model.nonlocal_blocks) == (8, (3, 2), (0,))
    assert (cfg.model.roi_size, cfg.model.roi_aligned) == (9, False)
    assert (cfg.data.num_frames, cfg.test.short_side) == (64, 240)
    assert (cfg.detection.box_score, cfg.detection.rule) == (0.85, "pyslowfast")
    aligned = of_pyslowfast(PYSLOWFAST.replace("ALIGNED: false", "ALIGNED: true"))
    assert aligned.model.roi_aligned
    assert of_pyslowfast(PYSLOWFAST.replace("0.85", "0.9")).detection.box_score == 0.9


def test_pyslowfasts_slow_pathway_alone() -> None:
    text = PYSLOWFAST.replace("[[1, 1], [1, 1], [1, 1], [3, 2]]", "[[1], [1], [1], [2]]")
    text = text.replace("[[1, 1], [2, 2], [2, 2], [1, 1]]", "[[1], [2], [2], [1]]")
    cfg = of_pyslowfast(text.replace("ARCH: slowfast", "ARCH: slow"), name="slow_only", alpha=1)
    assert (cfg.model.alpha, cfg.model.dilations) == (1, (2, 2))


def test_pytorchvideos_detector_in_pyslowfast_is_told_by_the_config() -> None:
    """It is built in another way than that config and PyTorchVideo's hub have it."""
    cfg = of_pyslowfast(PYSLOWFAST, pytorchvideo_boxes)
    assert (cfg.model.dilations, cfg.model.roi_aligned) == ((3, 1), True)
    state = pytorchvideo_boxes(shapes_of(tiny(), "detection"))
    home = home_settings(checkpoint(state), {"model.alpha": 4, "data.num_frames": 32})
    cfg = config_of(home.settings)
    assert (cfg.model.dilations, cfg.model.roi_aligned) == ((2, 2), False)
    assert (cfg.train.task, cfg.test.protocol) == ("detection", "pyslowfast")


@pytest.mark.parametrize(("old", "new", "message"), [
    ("FACTOR: 16", "FACTOR: 32", "DETECTION.SPATIAL_SCALE_FACTOR=32; here it is 16"),
    ("HEAD_ACT: sigmoid", "HEAD_ACT: softmax", "MODEL.HEAD_ACT='softmax'; here it is 'sigmoid'"),
    ("BGR: false", "BGR: true", "AVA.BGR=True; here it is False"),
    ("dot_product", "softmax", "NONLOCAL.INSTANTIATION='softmax'; here it is 'dot_product'"),
    ("[2, 2, 2], [2, 2, 2]], [[2, 2, 2]]]", "[1, 2, 2], [2, 2, 2]], [[2, 2, 2]]]", "NONLOCAL.POOL"),
    ("[2, 2], [1, 1]]", "[2, 2], [2, 2]]", "RESNET.SPATIAL_STRIDES=[[1, 1], [2, 2], [2, 2], [2, 2"),
    ("[1, 1], [3, 2]]", "[2, 2], [3, 2]]", "RESNET.SPATIAL_DILATIONS=[[1, 1], [1, 1], [2, 2], [1"),
])  # fmt: skip
def test_what_pyslowfasts_detectors_here_do_not_have_is_refused(
    old: str, new: str, message: str
) -> None:
    text = PYSLOWFAST.replace(old, new)
    assert text != PYSLOWFAST
    if "POOL" in message:
        text = text.replace("[[1, 2, 2], [2, 2, 2]], [[2, 2, 2]]]", "[[1, 2, 2]], [[2, 2, 2]]]")
    with pytest.raises(WeightsError) as caught:
        of_pyslowfast(text)
    assert f"its config has {message}" in str(caught.value)


MMACTION2 = """
model = dict(
    type='FastRCNN',
    backbone=dict(
        type='ResNet3dSlowFast', resample_rate=8, speed_ratio=8,
        slow_pathway=dict(dilations=(1, 1, 1, 2)), fast_pathway=dict(depth=50)),
    roi_head=dict(
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor3D', roi_layer_type='RoIAlign', output_size=6,
            with_temporal_pool=True, temporal_pool_mode='max', aligned=False, sampling_ratio=2),
        bbox_head=dict(
            type='BBoxHeadAVA', in_channels=288, num_classes=4, multilabel=True, dropout_ratio=0.4,
            focal_alpha=3.0, focal_gamma=1.0, dropout_before_pool=False)))
img_norm_cfg = dict(mean=[100, 110.5, 127.5], std=[51, 25.5, 60], to_bgr=False)
val_pipeline = [
    dict(type='SampleAVAFrames', clip_len=16, frame_interval=3),
    dict(type='Resize', scale=(-1, 240)),
    dict(type='Normalize', **img_norm_cfg)]
data = dict(
    train=dict(person_det_score_thr=0.9), val=dict(
        pipeline=val_pipeline, person_det_score_thr=0.7, timestamp_start=800))
data['test'] = data['val']
"""


def of_mmaction2(text: str, key: str = "config", **given: Any) -> tuple[Config, list[str]]:
    state = mmaction2_boxes(shapes_of(tiny(**given), "detection"))
    home = home_settings(checkpoint(state, meta={key: text}), {})
    return config_of(home.settings), home.notes


def test_mmaction2s_config_of_0x() -> None:
    cfg, notes = of_mmaction2(MMACTION2)
    assert notes == [] and cfg.train.task == "detection"
    model = cfg.model
    assert (model.alpha, model.num_classes, model.dilations) == (8, 3, (2, 1))
    assert (model.roi_size, model.roi_aligned, model.roi_sampling) == (6, False, 2)
    assert (model.roi_time, model.roi_context, model.roi_dropout_first) == ("max", False, False)
    assert (model.dropout, model.slow_frames) == (0.4, "strided")
    assert (cfg.data.num_frames, cfg.data.sampling_stride, cfg.test.short_side) == (16, 3, 240)
    assert cfg.data.mean == (0.392157, 0.433333, 0.5)
    assert (cfg.train.focal_alpha, cfg.train.focal_gamma) == (3, 1)
    detection = cfg.detection
    assert (detection.box_score, detection.start, detection.first_id) == (0.7, 800, 1)
    assert detection.jitter and detection.keeps_best and detection.rule == "mmaction2"
    assert cfg.test.protocol == "mmaction2"


def test_mmaction2s_config_of_1x_and_classes_of_its_own() -> None:
    text = MMACTION2.replace("    train=dict(person_det_score_thr=0.9), val=dict(", "    val=dict(")
    text = text.replace("data = dict(\n    val=dict(", "val_dataloader = dict(dataset=dict(\n")
    text += "custom = [3, 6, 10]\ntrain_dataloader = dict(dataset=dict(custom_classes=custom))\n"
    cfg, notes = of_mmaction2(text, "cfg", roi_context=True)
    assert notes == [] and cfg.model.roi_context
    assert (cfg.test.protocol, cfg.detection.jitter) == ("mmaction2-1.2", True)
    assert (cfg.detection.ids, cfg.detection.box_score) == ((3, 6, 10), 0.7)
    assert cfg.test.short_side == 240


def test_mmaction2s_config_for_multisports() -> None:
    text = MMACTION2.replace("num_classes=4", "num_classes=4, background_class=False")
    text = text.replace("multilabel=True", "multilabel=False")
    text = text.replace("timestamp_start=800", "timestamp_start=1, start_index=0, fps=1")
    text = text.replace("clip_len=16, frame_interval=3", "clip_len=32, frame_interval=2")
    cfg, (note,) = of_mmaction2(text, "cfg")
    assert cfg.model.labels_per_box == "one" and cfg.train.focal_gamma == 0
    detection = cfg.detection
    assert (detection.first_id, detection.start, detection.rate, detection.valid) == (0, 1, 25, ())
    assert (cfg.data.target_fps, cfg.test.protocol) == (25, "mmaction2")
    assert cfg.model.num_classes == 4  # the file's first output is no background
    assert note.endswith("MultiSports' 25 a second: detection.rate=25, data.target_fps=25")
    # Of a film at 25 a second; mmaction2's for time 501 are 501 - 1 - 32 + 0, 2, 4, ... from 0 on.
    assert frames_of(cfg, 501, 25) == [*range(468, 532, 2)]
    cfg, _ = of_mmaction2(text.replace("start_index=0, ", ""), "cfg")
    assert cfg.test.protocol == "mmaction2-1.2" and frames_of(cfg, 501, 25)[0] == 469


def frames_of(cfg: Config, time: float, fps: int) -> list[int]:
    """The frames of the clip around a time, of a film."""
    film: Any = SimpleNamespace(num_frames=2000, seconds=lambda numbers: numbers / fps)
    seconds = (time - cfg.detection.start) / cfg.detection.rate
    sample = Sample("a.mp4", key=KeyFrame("a", time, seconds, ()))
    windows = KeyWindows(cfg.data, cfg.detection, cfg.test.protocol)
    return windows.of(sample, film).tolist()


@pytest.mark.parametrize(("data", "protocol"), [
    ("start_index=0", "mmaction2"), ("start_index=1", "mmaction2-1.2"),
    ("type='AVADataset'", "mmaction2-1.2"), ("type='AVAKineticsDataset'", "mmaction2"),
])  # fmt: skip
def test_where_the_frames_count_from_0_1x_has_those_of_0x(data: str, protocol: str) -> None:
    """It adds what they count from twice."""
    text = MMACTION2.replace("timestamp_start=800", f"timestamp_start=800, {data}")
    cfg, notes = of_mmaction2(text, "cfg")
    assert (cfg.test.protocol, notes) == (protocol, [])


def test_frames_of_another_rate_than_avas() -> None:
    cfg, (note,) = of_mmaction2(MMACTION2.replace("start=800", "start=0, fps=25"))
    assert note == "its clips count 25 frames a second (data.target_fps, data.frame_fps)"
    assert (cfg.data.target_fps, cfg.data.frame_fps, cfg.detection.rate) == (25, 25, 1)
    assert frames_of(cfg, 20, 25)[8] == 500
    cfg, notes = of_mmaction2(MMACTION2.replace("start=800", "start=0, fps=30"))
    assert (cfg.data.target_fps, notes) == (30, [])


def test_what_an_mmaction2_config_leaves_out_is_as_its_own_default() -> None:
    text = MMACTION2.replace("output_size=6,", "").replace(", dropout_ratio=0.4", "")
    text = text.replace(", dropout_before_pool=False", "").replace("aligned=False, ", "")
    model = of_mmaction2(text)[0].model
    assert (model.roi_size, model.dropout) == (16, 0)
    assert model.roi_dropout_first and model.roi_aligned
    for kind in ("type='SingleRoIExtractor3D', ", "type='BBoxHeadAVA', "):  # as over a _base_
        text = text.replace(kind, "")
    model = of_mmaction2(text)[0].model
    assert (model.roi_size, model.dropout) == (8, 0.5)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("roi_layer_type='RoIAlign'", "roi_layer_type='RoIPool'", "roi_layer_type='RoIPool'; here it"),
    ("sampling_ratio=2", "featmap_stride=8", "featmap_stride=8; here it is 16"),
    ("with_temporal_pool=True", "with_temporal_pool=False", "with_temporal_pool=False; here it is"),
    ("multilabel=True", "spatial_pool_type='avg'", "spatial_pool_type='avg'; here it is 'max'"),
    ("roi_head=dict(", "roi_head=dict(shared_head=dict(type='ACRNHead'), ", "a shared_head (ACRN"),
    ("sampling_ratio=2", "pool_mode='max'", "pool_mode='max'; here it is 'avg'"),
])  # fmt: skip
def test_what_mmaction2s_detectors_here_do_not_have_is_refused(
    old: str, new: str, message: str
) -> None:
    text = MMACTION2.replace(old, new)
    assert text != MMACTION2
    with pytest.raises(WeightsError) as caught:
        of_mmaction2(text)
    assert f"its config has {message}" in str(caught.value)


def test_mmaction2s_slow_pathway_alone() -> None:
    text = MMACTION2.replace("resample_rate=8, speed_ratio=8,", "dilations=(1, 1, 1, 1))")
    text = text.replace(
        "        slow_pathway=dict(dilations=(1, 1, 1, 2)), fast_pathway=dict(depth=50)),\n", ",\n"
    )
    cfg, _ = of_mmaction2(text, name="slow_only", alpha=1)
    assert (cfg.model.name, cfg.model.alpha, cfg.model.dilations) == ("slow_only", 1, (1, 1))

"""The table of published networks: what it says of a network is what the network has."""

import inspect
from typing import Any

import paddle
import pytest

import slowfast.models
from slowfast.config import load_config
from slowfast.data.labels import read_labels
from slowfast.models.cost import count_parameters, summarize
from slowfast.models.published import VARIANTS
from slowfast.models.published_ava import MMACTION2_POOLING, OF_MMACTION2, WITH_CONTEXT
from slowfast.models.published_files import OPENMMLAB, OPENMMLAB_AVA, Variant, Weights
from slowfast.models.slowfast import SinglePathway, SlowFast, VideoClassifier

GENERAL = {*inspect.signature(VideoClassifier).parameters}
ARGUMENTS = {
    2: GENERAL | {*inspect.signature(SlowFast).parameters},
    1: GENERAL | {*inspect.signature(SinglePathway).parameters},
}
"""By the number of pathways."""
# Constructor, its arguments, trainable parameters, 1e9 multiply-adds at 224.
NETWORKS: list[tuple[str, dict[str, Any], int, float]] = [
    ("slowfast_r50_4x16", {}, 34_480_216, 27.639),
    ("slowfast_r50_4x16", dict(lateral_norm=False), 34_479_288, 27.639),
    ("slowfast_r50", {}, 34_566_488, 50.309),
    ("slowfast_r50", dict(lateral_norm=False), 34_565_560, 50.309),
    ("slowfast_r101", {}, 62_826_968, 96.397),
    ("slowfast_r101", dict(fusion_kernel=7, lateral_norm=False), 62_912_312, 96.711),
    ("slowfast_16x8_r101_50_50", {}, 53_774_808, 163.095),
    ("slowfast_r101_r50_4x16", {}, 62_384_312, 49.475),
    ("slowfast_r152_r50_4x16", {}, 84_843_704, 69.668),
    ("slowfast_r50_16x8_sthv1", {}, 34_044_630, 100.616),
    ("slow_r50", {}, 32_454_096, 41.745),
    ("slow_r50_4x16", {}, 32_454_096, 20.873),
    ("slowfast_r50_16x8_charades", {}, 34_006_373, 100.616),
    ("slowfast_r50_charades", {}, 34_006_373, 50.309),
    ("slow_r50_charades", {}, 31_956_189, 41.745),
    ("slowfast_r50_detection", {}, 33_828_888, 74.181),
    ("slowfast_r50_detection", OF_MMACTION2, 33_827_960, 74.181),
    ("slowfast_r50_detection", OF_MMACTION2 | {"fusion_kernel": 5}, 33_741_688, 73.867),
    ("slowfast_r50_4x16_detection", OF_MMACTION2, 33_741_688, 40.259),
    ("slowfast_r50_4x16_detection", WITH_CONTEXT, 33_926_008, 40.260),
    ("slowfast_r101_50_50_nl_detection", {}, 59_342_488, 110.969),  # and the products of positions
    ("slow_r50_detection", {}, 31_798_416, 31.815),
    ("slow_r50_detection", MMACTION2_POOLING, 31_798_416, 31.815),
]
BOXES = 8
# In a non-local block 8 x 16 x 16 positions see 4 x 8 x 8 others, twice, in 512 channels.
NONLOCAL = 2 * 2048 * 256 * 512 / 1e9


@pytest.mark.parametrize(("name", "given", "params", "gmacs"), NETWORKS)
def test_parameters_of_every_network(
    name: str, given: dict[str, Any], params: int, gmacs: float
) -> None:
    variant = VARIANTS[name]
    files = [weights for weights in variant.weights if weights.arguments == given]
    assert files
    assert count_parameters(without_weights(name, given)) == params
    for weights in files:
        millions, giga = weights.cost or variant.cost
        assert millions == round(params / 1e6, 2)
        frames = weights.settings.get("data.num_frames", variant.num_frames) / variant.num_frames
        convolutions, products = at_256(name, gmacs)
        assert giga == pytest.approx(frames * convolutions + frames**2 * products, rel=5e-4)


NO_MULTIPLY_ADDS = ({"lateral_norm": False}, OF_MMACTION2, MMACTION2_POOLING)
"""Arguments whose layers have none."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "given", "params", "gmacs"),
    [network for network in NETWORKS if network[1] not in NO_MULTIPLY_ADDS],
)
def test_multiply_adds_of_every_network(
    name: str, given: dict[str, Any], params: int, gmacs: float
) -> None:
    variant, net = VARIANTS[name], without_weights(name, given)
    rows = summarize(net, (1, 3, variant.num_frames, 256, 256), BOXES)
    assert sum(row.params for row in rows) == params
    assert sum(row.macs for row in rows) / 1e9 == pytest.approx(sum(at_256(name, gmacs)), rel=5e-4)
    of_boxes, of_clips = [BOXES, variant.num_classes], [1, 4, variant.num_classes]
    assert rows[-1].shapes == [of_boxes if net.has_boxes else of_clips]  # 2 x 2 positions


def without_weights(name: str, given: dict[str, Any]) -> VideoClassifier:
    with paddle.LazyGuard():  # of which the shapes alone are needed
        net: VideoClassifier = getattr(slowfast.models, name)(**given)
    return net


def at_256(name: str, gmacs: float) -> tuple[float, float]:
    """Multiply-adds of the layers, and of the products of positions."""
    # The sides of all feature maps are 32nds of both sizes.
    products = len(VARIANTS[name].arguments.get("nonlocal_blocks", ())) * NONLOCAL
    return gmacs * (256 / 224) ** 2, products


def test_parameters_of_detectors_that_no_file_here_has() -> None:
    """PySlowFast's 4x16; and as many tensors as their files have, less the counters."""
    for name, params, tensors in (
        ("slowfast_r50_4x16_detection", 33_742_616, 552),
        ("slowfast_r50_detection", 33_828_888, 552),
        ("slowfast_r101_50_50_nl_detection", 59_342_488, 1098),
        ("slow_r50_detection", 31_798_416, 267),
    ):
        with paddle.LazyGuard():
            net = getattr(slowfast.models, name)()
        assert (count_parameters(net), len(net.state_dict())) == (params, tensors)


def test_no_network_is_without_a_row_above() -> None:
    rows = [(name, given) for name, given, *_ in NETWORKS]
    used = [(name, file.arguments) for name, row in VARIANTS.items() for file in row.weights]
    assert all(row in rows for row in used)
    assert all(row in used for row in rows)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_network_is_called_what_it_is(name: str) -> None:
    variant = VARIANTS[name]
    slow = variant.num_frames // variant.alpha
    both = len(variant.depths) == 2
    kind, stride = "SlowFast" if both else "Slow", variant.sampling_stride * variant.alpha
    assert variant.text.startswith(f"{kind} {slow}x{stride}, ")
    seen = f", of which the slow pathway sees {slow}" if both else ""
    places = {"charades": "video", "ava": "box"}
    several = f", any number of them in a {places.get(variant.labels)}"
    several = several if variant.labels in places else ""
    assert variant.about == (
        f"{variant.text}: clips of {variant.num_frames} frames{seen}. {variant.cost[0]:.1f} M "
        f"parameters with {variant.num_classes} classes{several}."
    )
    assert all(f"r{depth}" in name for depth in variant.depths)
    assert name.startswith(f"{kind.lower()}_")
    assert set(variant.arguments) <= ARGUMENTS[len(variant.depths)]
    assert name.endswith("detection") == ("for boxes" in variant.text)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_no_tensor_tells_is_a_config(name: str) -> None:
    variant = VARIANTS[name]
    cfg = load_config(None, [f"{key}={value}" for key, value in variant.config.items()])
    assert (cfg.model.alpha, cfg.data.num_frames) == (variant.alpha, variant.num_frames)
    assert (cfg.data.sampling_stride, cfg.data.labels) == (variant.sampling_stride, variant.labels)
    test = (cfg.train.task, cfg.test.average_clips, cfg.test.protocol)
    clips = (cfg.data.target_fps, cfg.data.frame_fps, cfg.data.spacing)
    if name.endswith("charades"):
        assert test == ("multi", "max", "charades") and clips == (24, 24, "stride")
    else:
        task = "detection" if name.endswith("detection") else "single"
        assert test == (task, "prob", "pyslowfast") and clips == (30, 30, "spread")
    assert len(read_labels(variant.labels, variant.num_classes) or []) == variant.num_classes


FILES = [(variant, weights) for variant in VARIANTS.values() for weights in variant.weights]


@pytest.mark.parametrize(("variant", "weights"), FILES, ids=[file.name for _, file in FILES])
def test_a_file_is_where_and_what_its_name_says(variant: Variant, weights: Weights) -> None:
    name = weights.name
    system = name.partition("/")[0]
    ends = {"paddlevideo": ".pdparams", "pytorchvideo": ".pyth", "pyslowfast": ".pkl",
            "mmaction2": f"-{weights.sha256}.pth"}  # fmt: skip
    assert weights.url.endswith(ends[system])
    assert weights.url.startswith("https://") and weights.page.startswith("https://")
    is_openmmlab = weights.page.startswith((OPENMMLAB, OPENMMLAB_AVA.partition("{")[0]))
    assert is_openmmlab == (system == "mmaction2") == (len(weights.sha256) == 8)
    assert set(weights.arguments) <= ARGUMENTS[len(variant.depths)]
    if variant.labels == "charades":
        assert [*weights.scores] == ["mAP"] and 30 < weights.scores["mAP"] < 45
    elif variant.labels == "ava":
        assert [*weights.scores] == ["mAP"] and 19 < weights.scores["mAP"] < 38
    else:
        assert [*weights.scores] == ["top-1", "top-5"]
        assert 40 < weights.scores["top-1"] < weights.scores["top-5"] < 100
    settings = variant.config | weights.settings
    if ids := settings.get("detection.ids"):
        settings["model.num_classes"] = len(ids)
    assert load_config(None, [f"{key}={value}" for key, value in settings.items()])
    frames = weights.settings.get("data.num_frames", variant.num_frames)
    stride = variant.alpha * variant.sampling_stride
    said = f"{frames // variant.alpha}x{stride}"
    if "R101_50_50" in name and variant.labels == "ava":  # of the fast pathway
        said = f"{frames}x{variant.sampling_stride}"
    if name not in NAMED_OTHERWISE:
        assert said in name


NAMED_OTHERWISE = (
    "paddlevideo/SlowFast", "paddlevideo/SlowFastRCNN_AVA", "pyslowfast/ava/C2D_8x8_R50",
    "mmaction2/slowfast_r50-k400-pre-temporal-max-focal-alpha3-gamma1_8xb6-8x8x1-cosine-10e_"
    "ava22-rgb",
)  # fmt: skip


def test_no_name_and_no_url_stands_twice() -> None:
    names, urls = {file.name for _, file in FILES}, {file.url for _, file in FILES}
    assert len(names) == len(urls) == len(FILES) == 62

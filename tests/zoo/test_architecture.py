"""The network is told from the tensors of a file, whatever system it is of."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.checkpoints import checkpoint, shapes_of, tiny
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

from slowfast.config import config_of, load_config
from slowfast.weights.damage import WeightsError
from slowfast.weights.names import translate
from slowfast.weights.systems import Tensors
from slowfast.zoo.architecture import model_settings
from slowfast.zoo.origin import home_settings

CONFIGS = REPOSITORY / "configs" / "recognition" / "slowfast"
SYSTEMS: tuple[Callable[[Tensors], Tensors], ...] = (
    dict, paddlevideo, older_paddle, pyslowfast, pytorchvideo, pytorchvideo_trained, mmaction2,
    caffe2,
)  # fmt: skip
PUBLISHED = (
    "slowfast", "slowfast_r50_4x16x1_256e", "slowfast_prebn_r50_4x16x1_256e",
    "slowfast_8x8", "slowfast_r50_8x8x1_256e", "slowfast_r50_8x8x1_256e_steplr",
    "slowfast_multigrid_r50_8x8x1_358e", "slowfast_r101_8x8", "slowfast_r101_8x8x1_256e",
    "slowfast_16x8_r101_50_50", "slowfast_r101_r50_4x16x1_256e", "slowfast_r152_r50_4x16x1_256e",
    "slowfast_r50_16x8x1_22e_sthv1",
)  # fmt: skip
TOLD = ("name", "num_classes", "slow_depth", "fast_depth", "width", "beta_inv", "temporal_blocks",
        "stem_kernel", "fusion_kernel", "lateral_norm")  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_network_of_every_system_is_told(name: str) -> None:
    cfg = load_config(CONFIGS / f"{name}.yaml", ["model.width=8", "model.beta_inv=4"])
    ours = shapes_of(cfg.model)
    for system in SYSTEMS:
        told = config_of(model_settings(translate(system(ours)).tensors)).model
        for key in TOLD:
            assert getattr(told, key) == getattr(cfg.model, key), (system, key)


@pytest.mark.parametrize(("name", "width"), [("slow_only", 8), ("fast_only", 16)])
def test_one_pathway_alone_is_told(name: str, width: int) -> None:
    model = tiny(name=name, slow_depth=26, fast_depth=26, width=width, alpha=1)
    for system in SYSTEMS if name == "slow_only" else (dict, paddlevideo, pyslowfast, caffe2):
        told = config_of(model_settings(translate(system(shapes_of(model))).tensors)).model
        for key in TOLD:
            assert getattr(told, key) == getattr(model, key), (system, key)
        file = checkpoint(system(shapes_of(model)))
        home = home_settings(file, {"data.num_frames": 8, "data.sampling_stride": 8})
        assert home.settings["model.alpha"] == 1


def test_a_stems_kernel_and_widths_are_told() -> None:
    model = tiny(stem_kernel=3, width=16, beta_inv=2, fast_depth=26, fusion_kernel=9)
    assert config_of(model_settings(shapes_of(model))).model == model


def test_blocks_without_temporal_kernels() -> None:
    for blocks in ((2, 2, 1, 2), (1, 2, 2, 2), (2, 0, 2, 1)):
        model = tiny(slow_depth=26, fast_depth=26, temporal_blocks=blocks)
        assert model_settings(shapes_of(model))["model.temporal_blocks"] == blocks


STEM, BLOCK = "s1.pathway0_stem.conv.weight", "branch2.a.weight"
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({f"s3.pathway1_res1.{BLOCK}": (2, 8, 3, 1, 1)},
     "its fast pathway has [1, 2, 1, 1] blocks in res2..res5; known: R14 [1, 1, 1, 1], R26"),
    ({f"s4.pathway0_res0.{BLOCK}": (32, 64, 5, 1, 1)},
     "the blocks of its slow pathway's res4 have temporal kernels 5; known: 3, from some block"),
    ({f"s4.pathway0_res0.{BLOCK}": (32, 64, 1, 1, 1)},
     "res4 has temporal kernels in 0 blocks of the slow pathway and 1 of the fast one; here"),
    ({STEM: (8, 3, 3, 7, 7)},
     "its stems have temporal kernels 3, 5; SlowFast's have 1 (slow) and 5 (fast)"),
    ({STEM: (8, 3, 7, 7)},
     "s1.pathway0_stem.conv.weight is [8, 3, 7, 7]: no convolution over time and space"),
    ({STEM: (80_000, 3, 1, 7, 7)},
     "s5.pathway0_res0.branch2.b.weight is [64, 64, 1, 3, 3]; by its stem and its classes it "
     "would be [640000, 640000, 1, 3, 3]"),
    ({"s1.pathway1_stem.conv.weight": (800, 3, 5, 7, 7),
      "s5.pathway1_res0.branch2.b.weight": (6400, 6400, 0, 3, 3)},
     "s5.pathway1_res0.branch2.b.weight is [6400, 6400, 0, 3, 3]; by its stem and its classes"),
    ({STEM: (8, 3, 1, 1001, 7)},
     "s1.pathway0_stem.conv.weight is [8, 3, 1, 1001, 7]; by its stem and its classes it would"),
    ({"s4_fuse.conv_f2s.weight": (1, 1, 10_001, 1, 1)},
     "s4_fuse.conv_f2s.weight is [1, 1, 10001, 1, 1]; by its stem and its classes it would be "
     "[32, 16, 10001, 1, 1]"),
    ({"s4_fuse.conv_f2s.weight": None},
     "it has two pathways without the lateral connection s4_fuse.conv_f2s"),
    ({"head.projection.bias": None},
     "it has no classifier (head.projection): features alone"),
    ({"head.projection.bias": (4_000_000,)},
     "head.projection.weight is [288, 3]; by its stem and its classes it would be "
     "[288, 4000000]"),
    ({STEM: None},
     "it has no SlowFast stem by the name that PaddleVideo, PySlowFast, PyTorchVideo, mmaction2 "
     "or this project gives it; the first of its 191 tensors is s1.pathway0_stem.bn.weight"),
]  # fmt: skip


def changed(shapes: dict[str, Any], **model: Any) -> Tensors:
    """A tiny network's tensors, some of another shape, or left out (None)."""
    tensors = shapes_of(tiny(**model)) | {
        name: np.broadcast_to(np.float32(1), shape) for name, shape in shapes.items() if shape
    }
    return {name: tensor for name, tensor in tensors.items() if shapes.get(name, True)}


@pytest.mark.parametrize(("shapes", "message"), FAULTS)
def test_what_is_none_of_our_networks_is_refused(shapes: dict[str, Any], message: str) -> None:
    with pytest.raises(WeightsError) as caught:
        model_settings(changed(shapes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pathways_with_unlike_temporal_blocks_are_refused() -> None:
    # PySlowFast has a config of that kind, SLOWFAST_8x8_R101_50_101.
    shapes = {f"s4.pathway0_res1.{BLOCK}": (32, 128, 1, 1, 1)}
    message = "res4 has temporal kernels in 1 blocks of the slow pathway and 2 of the fast one"
    with pytest.raises(WeightsError, match=message):
        model_settings(changed(shapes, slow_depth=26, fast_depth=26))


def test_a_2d_network_is_refused() -> None:
    model = tiny(name="slow_only", temporal_blocks=(1, 1, 0, 0))
    with pytest.raises(WeightsError, match="no temporal kernels in res4 and res5: a 2D network"):
        model_settings(shapes_of(model))


@pytest.mark.parametrize("given", [
    {}, {"roi_context": True}, {"nonlocal_blocks": (0, 1)},
    {"name": "slow_only", "alpha": 1, "roi_context": True, "nonlocal_blocks": (1,)},
], ids=str)  # fmt: skip
def test_what_the_tensors_of_a_detector_tell(given: dict[str, Any]) -> None:
    model = tiny(slow_depth=26, fast_depth=26, **given)
    told = config_of(model_settings(shapes_of(model, "detection"))).model
    for key in (*TOLD, "roi_context", "nonlocal_blocks"):
        assert getattr(told, key) == getattr(model, key), key


@pytest.mark.parametrize(("shapes", "message"), [
    ({"s4.pathway0_nonlocal0.conv_theta.weight": (64, 9, 1, 1, 1)},
     "s4.pathway0_nonlocal0.conv_theta.weight is [64, 9, 1, 1, 1]; by its stem and its classes it "
     "would be [64, 128, 1, 1, 1]"),
    ({"head.projection.bias": None, "roi_head.bbox_head.fc_cls.2.weight": (3, 9)},
     "its classifier of boxes has two layers (mmaction2's mlp_head); here it has one"),
])  # fmt: skip
def test_detectors_that_are_not_ours_are_refused(shapes: dict[str, Any], message: str) -> None:
    with pytest.raises(WeightsError) as caught:
        model_settings(changed(shapes))
    assert message in str(caught.value)

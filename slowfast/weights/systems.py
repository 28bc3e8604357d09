"""Other systems' names of SlowFast's tensors, as tables; ours are those of models/slowfast.py.

Named groups of the patterns: ``n`` number of the stage, ``p`` pathway, ``i`` block, ``x``
convolution of the branch; ``same``: what needs no change. The tables were checked against the
systems' own networks, see tests/golden.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Tensors = dict[str, np.ndarray[Any, Any]]

FEATURES = "s5.pathway1_res0.branch2.c.weight"
"""Its first axis: the features of the fast pathway."""


class System(NamedTuple):
    """One system's way to name the tensors of the network."""

    name: str
    mark: str
    """Pattern of the names of its slow stem's convolution."""
    layers: tuple[tuple[str, str], ...]
    """Pattern of a layer's name, and ours."""
    kinds: dict[str, str]
    """Its last part of a tensor's name, and ours."""
    classifier: Callable[[np.ndarray[Any, Any], Tensors], np.ndarray[Any, Any]]
    """Our classifier ``[features, classes]`` from its, and the other tensors by our names."""
    unused: tuple[str, ...] = ()
    """Last parts of the names of what is left out."""
    separator: str = "."
    """What comes before the last part of a name."""
    stage: int = 0
    """Our number of a stage less its."""
    convolutions: str = "abc"
    """Its letters of a branch's convolutions."""


def _same(weight: np.ndarray[Any, Any], tensors: Tensors) -> np.ndarray[Any, Any]:
    return weight


def _transposed(weight: np.ndarray[Any, Any], tensors: Tensors) -> np.ndarray[Any, Any]:
    """From ``[classes, features]``, perhaps as a convolution ``[..., 1, 1, 1]`` (caffe2)."""
    if weight.ndim > 2 and weight.shape[2:] == (1,) * (weight.ndim - 2):
        weight = weight.reshape(weight.shape[:2])
    return weight.T


def _fast_first(weight: np.ndarray[Any, Any], tensors: Tensors) -> np.ndarray[Any, Any]:
    """From ``[classes, features]`` with the fast pathway's features before the slow one's."""
    if weight.ndim != 2 or FEATURES not in tensors:
        return weight
    fast = tensors[FEATURES].shape[0]
    return np.concatenate([weight[:, fast:], weight[:, :fast]], axis=1).T


PADDLE_KINDS = {kind: kind for kind in ("weight", "bias", "_mean", "_variance")}
TORCH_KINDS = {
    "weight": "weight",
    "bias": "bias",
    "running_mean": "_mean",
    "running_var": "_variance",
}

PADDLEVIDEO = System(
    # The older Paddle entry's names are these without "backbone.".
    name="PaddleVideo",
    mark=r"(backbone\.)?s1\.pathway0_stem\._conv\.weight",
    layers=(
        (r"(backbone\.)?s1\.pathway(?P<p>[01])_stem\._(?P<same>conv|bn)",
         "s1.pathway{p}_stem.{same}"),
        (r"(backbone\.)?s(?P<n>[1-4])_fuse\._(?P<same>conv_f2s|bn)", "s{n}_fuse.{same}"),
        (r"(backbone\.)?(?P<same>s[2-5]\..+|head\.projection)", "{same}"),
    ),
    kinds=PADDLE_KINDS,
    classifier=_same,
)  # fmt: skip

PYSLOWFAST = System(
    name="PySlowFast",
    mark=r"s1\.pathway0_stem\.bn\.running_mean",
    layers=((r"(?P<same>s[1-5][._].+|head\.projection)", "{same}"),),
    kinds=TORCH_KINDS,
    classifier=_transposed,
    unused=("num_batches_tracked",),
)

PYTORCHVIDEO = System(
    # "model." is in front of what PySlowFast has trained.
    name="PyTorchVideo",
    mark=r"(model\.)?blocks\.0\.multipathway_blocks\.0\.conv\.weight",
    layers=tuple(
        (rf"(model\.)?blocks\.{theirs}", ours)
        for theirs, ours in (
            (r"0\.multipathway_blocks\.(?P<p>[01])\.conv", "s1.pathway{p}_stem.conv"),
            (r"0\.multipathway_blocks\.(?P<p>[01])\.norm", "s1.pathway{p}_stem.bn"),
            (r"(?P<n>[0-3])\.multipathway_fusion\.conv_fast_to_slow", "s{n}_fuse.conv_f2s"),
            (r"(?P<n>[0-3])\.multipathway_fusion\.norm", "s{n}_fuse.bn"),
            (r"(?P<n>[1-4])\.multipathway_blocks\.(?P<p>[01])\.res_blocks\.(?P<i>\d+)"
             r"\.branch1_conv", "s{n}.pathway{p}_res{i}.branch1"),
            (r"(?P<n>[1-4])\.multipathway_blocks\.(?P<p>[01])\.res_blocks\.(?P<i>\d+)"
             r"\.branch1_norm", "s{n}.pathway{p}_res{i}.branch1_bn"),
            (r"(?P<n>[1-4])\.multipathway_blocks\.(?P<p>[01])\.res_blocks\.(?P<i>\d+)"
             r"\.branch2\.conv_(?P<x>[abc])", "s{n}.pathway{p}_res{i}.branch2.{x}"),
            (r"(?P<n>[1-4])\.multipathway_blocks\.(?P<p>[01])\.res_blocks\.(?P<i>\d+)"
             r"\.branch2\.norm_(?P<x>[abc])", "s{n}.pathway{p}_res{i}.branch2.{x}_bn"),
            (r"6\.proj", "head.projection"),
        )
    ),
    kinds=TORCH_KINDS,
    classifier=_transposed,
    unused=("num_batches_tracked",),
    stage=1,
)  # fmt: skip

MMACTION2 = System(
    name="mmaction2",
    mark=r"backbone\.slow_path\.conv1\.conv\.weight",
    layers=tuple(
        (rf"backbone\.(?P<p>slow|fast)_path\.{theirs}", ours)
        for theirs, ours in (
            (r"conv1\.(?P<same>conv|bn)", "s1.pathway{p}_stem.{same}"),
            (r"conv1_lateral\.conv", "s1_fuse.conv_f2s"),
            (r"conv1_lateral\.bn", "s1_fuse.bn"),
            (r"layer(?P<n>[1-3])_lateral\.conv", "s{n}_fuse.conv_f2s"),
            (r"layer(?P<n>[1-3])_lateral\.bn", "s{n}_fuse.bn"),
            (r"layer(?P<n>[1-4])\.(?P<i>\d+)\.downsample\.conv", "s{n}.pathway{p}_res{i}.branch1"),
            (r"layer(?P<n>[1-4])\.(?P<i>\d+)\.downsample\.bn", "s{n}.pathway{p}_res{i}.branch1_bn"),
            (r"layer(?P<n>[1-4])\.(?P<i>\d+)\.conv(?P<x>[123])\.conv",
             "s{n}.pathway{p}_res{i}.branch2.{x}"),
            (r"layer(?P<n>[1-4])\.(?P<i>\d+)\.conv(?P<x>[123])\.bn",
             "s{n}.pathway{p}_res{i}.branch2.{x}_bn"),
        )
    ) + ((r"cls_head\.fc_cls", "head.projection"),),
    kinds=TORCH_KINDS,
    classifier=_fast_first,
    unused=("num_batches_tracked",),
    stage=1,
    convolutions="123",
)  # fmt: skip

CAFFE2 = System(
    name="PySlowFast (caffe2)",
    mark="conv1_w",
    layers=(
        (r"(?P<p>t_|)conv1", "s1.pathway{p}_stem.conv"),
        (r"(?P<p>t_|)res_conv1_bn", "s1.pathway{p}_stem.bn"),
        (r"t_pool1_subsample", "s1_fuse.conv_f2s"),
        (r"t_pool1_subsample_bn", "s1_fuse.bn"),
        (r"t_res(?P<n>[2-4])_\d+_branch2c_bn_subsample", "s{n}_fuse.conv_f2s"),
        (r"t_res(?P<n>[2-4])_\d+_branch2c_bn_subsample_bn", "s{n}_fuse.bn"),
        (r"(?P<p>t_|)res(?P<n>[2-5])_(?P<i>\d+)_branch1", "s{n}.pathway{p}_res{i}.branch1"),
        (r"(?P<p>t_|)res(?P<n>[2-5])_(?P<i>\d+)_branch1_bn", "s{n}.pathway{p}_res{i}.branch1_bn"),
        (r"(?P<p>t_|)res(?P<n>[2-5])_(?P<i>\d+)_branch2(?P<x>[abc])",
         "s{n}.pathway{p}_res{i}.branch2.{x}"),
        (r"(?P<p>t_|)res(?P<n>[2-5])_(?P<i>\d+)_branch2(?P<x>[abc])_bn",
         "s{n}.pathway{p}_res{i}.branch2.{x}_bn"),
        (r"pred", "head.projection"),
    ),
    kinds={"w": "weight", "b": "bias", "s": "weight", "rm": "_mean", "riv": "_variance"},
    classifier=_transposed,
    unused=("momentum", "iter", "lr"),
    separator="_",
)  # fmt: skip

SYSTEMS = (PADDLEVIDEO, PYSLOWFAST, PYTORCHVIDEO, MMACTION2, CAFFE2)

"""Other systems' names of SlowFast's tensors, as tables; ours are those of models/slowfast.py.

Named groups of the patterns: ``n`` number of the stage, ``p`` pathway, ``i`` block, ``x``
convolution of the branch; ``layer``, ``fuse``, ``bn``: convolution or batch norm of a stem, of a
lateral connection, of a block; ``part``: of a non-local block; ``same``: what needs no change. The
tables were checked against the systems' own networks, see tests/golden.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Tensors = dict[str, np.ndarray[Any, Any]]

WORDS = {
    "p": {"slow": "0", "fast": "1", "": "0", "t_": "1"},
    "x": {"1": "a", "2": "b", "3": "c"},
    "layer": {"norm": "bn"},
    "fuse": {"conv": "conv_f2s", "conv_fast_to_slow": "conv_f2s", "": "conv_f2s",
             "norm": "bn", "_bn": "bn"},
    "bn": {"conv": "", "norm": "_bn", "bn": "_bn"},
    "part": {name: f"conv_{name}" for name in ("theta", "phi", "g", "out")},
}  # fmt: skip
"""The systems' words and ours, by group; other words are the same in all."""

FEATURES = "s5.pathway1_res0.branch2.c.weight"
"""Its first axis: the features of the fast pathway."""

PADDLE_KINDS = {kind: kind for kind in ("weight", "bias", "_mean", "_variance")}
TORCH_KINDS = {"weight": "weight", "bias": "bias", "running_mean": "_mean",
               "running_var": "_variance"}  # fmt: skip


class System(NamedTuple):
    """One system's way to name the tensors of the network."""

    name: str
    mark: str
    """Pattern of the names of its slow stem's convolution."""
    layers: tuple[tuple[str, str], ...]
    """Pattern of a layer's name, and ours."""
    classifier: Callable[[np.ndarray[Any, Any], Tensors], np.ndarray[Any, Any]]
    """Our classifier ``[features, classes]`` from its own and the other tensors by our names."""
    kinds: dict[str, str] = TORCH_KINDS
    """The last part of its tensors' names, and of ours."""
    unused: tuple[str, ...] = ("num_batches_tracked",)
    """Last parts of the names of tensors that are left out."""
    separator: str = "."
    """What comes before the last part of a name."""
    stage: int = 0
    """Our number of a stage minus its number."""
    boxes: "BoxHead | None" = None
    """How it names the classifier of boxes, if not as that of clips."""


class BoxHead(NamedTuple):
    """A system's classifier of boxes."""

    layer: str
    """Pattern of its name."""
    classifier: Callable[[np.ndarray[Any, Any], Tensors], np.ndarray[Any, Any]]
    """As that of ``System``."""
    has_background: bool = False
    """The first output is the background, which is left out."""
    beside: str = ""
    """What the network's names, but not the head's, have in front in the system's own files."""
    unused: str = r"\Z."
    """Pattern of our names of tensors that are in its files without a use."""


def _transposed(weight: np.ndarray[Any, Any], tensors: Tensors) -> np.ndarray[Any, Any]:
    """From ``[classes, features]``, perhaps as a convolution ``[..., 1, 1, 1]`` (caffe2)."""
    if weight.ndim > 2 and weight.shape[2:] == (1,) * (weight.ndim - 2):
        weight = weight.reshape(weight.shape[:2])
    return weight.T


def _fast_first(weight: np.ndarray[Any, Any], tensors: Tensors) -> np.ndarray[Any, Any]:
    """From ``[classes, features]`` with the fast pathway's features before the slow one's."""
    if weight.ndim != 2 or FEATURES not in tensors:  # a slow pathway alone
        return weight.T
    fast = tensors[FEATURES].shape[0]
    return np.concatenate([weight[:, fast:], weight[:, :fast]], axis=1).T


PADDLEVIDEO = System(
    # The older Paddle entry's names are these without "backbone.".
    name="PaddleVideo",
    mark=r"(backbone\.)?s1\.pathway0_stem\._conv\.weight",
    layers=(
        (r"(backbone\.)?s1\.pathway(?P<p>[01])_stem\._(?P<layer>conv|bn)",
         "s1.pathway{p}_stem.{layer}"),
        (r"(backbone\.)?s(?P<n>[1-4])_fuse\._(?P<same>conv_f2s|bn)", "s{n}_fuse.{same}"),
        (r"roi_head\.bbox_head\.fc_cls", "head.projection"),
        (r"(backbone\.)?(?P<same>s[2-5]\..+|head\.projection)", "{same}"),
    ),
    classifier=lambda weight, tensors: weight,
    kinds=PADDLE_KINDS,
    unused=(),
    boxes=BoxHead(
        r"roi_head\.bbox_head\.fc_cls", lambda weight, tensors: weight, has_background=True,
        unused=r"s\d_fuse\.bn\..+",
    ),
)  # fmt: skip

PYSLOWFAST = System(
    name="PySlowFast",
    mark=r"s1\.pathway0_stem\.bn\.running_mean",
    layers=((r"(?P<same>s[1-5][._].+|head\.projection)", "{same}"),),
    classifier=_transposed,
)

OURS = System(
    name="",
    mark=r"s1\.pathway0_stem\.bn\._mean",
    layers=((r"(?P<same>.+)", "{same}"),),
    classifier=lambda weight, tensors: weight,
    kinds=PADDLE_KINDS,
    unused=(),
)

_WAY = r"(multipathway_blocks\.(?P<p>[01])\.)?"
_BLOCK = rf"(?P<n>[1-4])\.{_WAY}res_blocks\.(?P<i>\d+)"
PYTORCHVIDEO = System(
    # A slow pathway alone, its create_resnet, has no multipathway_blocks.
    name="PyTorchVideo",
    mark=r"blocks\.0\.(multipathway_blocks\.0\.)?conv\.weight",
    layers=tuple(
        (rf"blocks\.{theirs}", ours)
        for theirs, ours in (
            (rf"0\.{_WAY}(?P<layer>conv|norm)", "s1.pathway{p}_stem.{layer}"),
            (r"(?P<n>[0-3])\.multipathway_fusion\.(?P<fuse>conv_fast_to_slow|norm)",
             "s{n}_fuse.{fuse}"),
            (rf"{_BLOCK}\.branch1_(?P<bn>conv|norm)", "s{n}.pathway{p}_res{i}.branch1{bn}"),
            (rf"{_BLOCK}\.branch2\.(?P<bn>conv|norm)_(?P<x>[abc])",
             "s{n}.pathway{p}_res{i}.branch2.{x}{bn}"),
            (r"[56]\.proj", "head.projection"),
        )
    ) + ((r"detection_head\.proj", "head.projection"),),
    classifier=_transposed,
    stage=1,
    boxes=BoxHead(r"detection_head\.proj", _transposed, beside="model."),
)  # fmt: skip

MMACTION2 = System(
    # A slow pathway alone, its ResNet3dSlowOnly, has no slow_path.
    name="mmaction2",
    mark=r"backbone\.(slow_path\.)?conv1\.conv\.weight",
    layers=tuple(
        (rf"backbone\.((?P<p>slow|fast)_path\.)?{theirs}", ours)
        for theirs, ours in (
            (r"conv1\.(?P<layer>conv|bn)", "s1.pathway{p}_stem.{layer}"),
            (r"conv1_lateral\.(?P<fuse>conv|bn)", "s1_fuse.{fuse}"),
            (r"layer(?P<n>[1-3])_lateral\.(?P<fuse>conv|bn)", "s{n}_fuse.{fuse}"),
            (r"layer(?P<n>[1-4])\.(?P<i>\d+)\.downsample\.(?P<bn>conv|bn)",
             "s{n}.pathway{p}_res{i}.branch1{bn}"),
            (r"layer(?P<n>[1-4])\.(?P<i>\d+)\.conv(?P<x>[123])\.(?P<bn>conv|bn)",
             "s{n}.pathway{p}_res{i}.branch2.{x}{bn}"),
        )
    ) + ((r"cls_head\.fc_cls|roi_head\.bbox_head\.fc_cls", "head.projection"),),
    classifier=_fast_first,
    stage=1,
    boxes=BoxHead(r"roi_head\.bbox_head\.fc_cls", _transposed, has_background=True),
)  # fmt: skip

CAFFE2 = System(
    name="PySlowFast (caffe2)",
    mark="conv1_w",
    layers=(
        (r"(?P<p>t_|)conv1", "s1.pathway{p}_stem.conv"),
        (r"(?P<p>t_|)res_conv1_bn", "s1.pathway{p}_stem.bn"),
        (r"t_pool1_subsample(?P<fuse>|_bn)", "s1_fuse.{fuse}"),
        (r"t_res(?P<n>[2-4])_\d+_branch2c_bn_subsample(?P<fuse>|_bn)", "s{n}_fuse.{fuse}"),
        (r"(?P<p>t_|)res(?P<n>[2-5])_(?P<i>\d+)_branch1(?P<bn>|_bn)",
         "s{n}.pathway{p}_res{i}.branch1{bn}"),
        (r"(?P<p>t_|)res(?P<n>[2-5])_(?P<i>\d+)_branch2(?P<x>[abc])(?P<bn>|_bn)",
         "s{n}.pathway{p}_res{i}.branch2.{x}{bn}"),
        (r"nonlocal_conv(?P<n>\d)_(?P<i>\d+)_(?P<part>theta|phi|g|out|bn)",
         "s{n}.pathway0_nonlocal{i}.{part}"),
        (r"pred", "head.projection"),
    ),
    classifier=_transposed,
    kinds={"w": "weight", "b": "bias", "s": "weight", "rm": "_mean", "riv": "_variance"},
    unused=("momentum", "iter", "lr"),
    separator="_",
)  # fmt: skip

SYSTEMS = (PADDLEVIDEO, PYSLOWFAST, PYTORCHVIDEO, MMACTION2, CAFFE2)

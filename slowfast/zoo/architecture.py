"""Recognises the network of a file's tensors by their names and shapes.

Shapes of convolutions are ``[out, in, time, height, width]``.
"""

import re
from typing import Any

import numpy as np

from slowfast.config import DEPTHS
from slowfast.models.variants import fast_pathway, slow_pathway
from slowfast.weights.damage import WeightsError, one_line
from slowfast.weights.systems import Tensors

Settings = dict[str, Any]
"""Values by the config's keys, such as ``model.alpha``."""

PATHWAYS = {"slow": slow_pathway(50), "fast": fast_pathway(50)}
"""Their temporal kernels tell them apart; a block without a temporal kernel has 1."""
BETA_INV = 8
"""Slow channels per fast channel. A fast pathway alone does not tell it."""


def model_settings(tensors: Tensors) -> Settings:
    """The model's settings, except alpha, which the tensors do not tell.

    Args:
        tensors: by our names.

    Raises:
        WeightsError: this project has no such network; the message says why.
    """
    stems = [_shape(tensors, f"s1.pathway{p}_stem.conv.weight") for p in (0, 1)]
    slow = stems[0]
    if not slow:
        raise WeightsError(
            "it has no SlowFast stem by the name that PaddleVideo, PySlowFast, PyTorchVideo, "
            f"mmaction2 or this project gives it; the first of its {len(tensors):,} tensors is "
            f"{one_line(next(iter(tensors)))}"
        )
    if "head.projection.bias" not in tensors:
        raise WeightsError(_no_classifier(tensors))
    pathways = _pathways(slow, stems[1])
    depths = [_depth(tensors, p, name) for p, name in enumerate(pathways)]
    _check_sizes(tensors, pathways)
    if blocks := sorted({int(match[1]) for name in tensors if (match := _NONLOCAL.match(name))}):
        inner = 8 * slow[0]
        for block in blocks:
            name = f"s4.pathway0_nonlocal{block}.conv_theta.weight"
            _check_shape(tensors, name, (inner, 2 * inner, 1, 1, 1))
    settings = {
        "model.num_classes": tensors["head.projection.bias"].size,
        "model.slow_depth": depths[0],
        "model.fast_depth": depths[-1],
        "model.stem_kernel": slow[3],
        "model.temporal_blocks": _temporal_blocks(tensors, pathways, depths),
    }
    if blocks:
        settings["model.nonlocal_blocks"] = tuple(blocks)
    if tensors["head.projection.weight"].shape[0] == 2 * _features(tensors, pathways):
        settings["model.roi_context"] = True
    if pathways == ["fast"]:
        return settings | {"model.name": "fast_only", "model.width": slow[0] * BETA_INV}
    settings |= {"model.width": slow[0]}
    if pathways == ["slow"]:
        return settings | {"model.name": "slow_only"}
    lateral = _shape(tensors, "s4_fuse.conv_f2s.weight")
    if not lateral:
        raise WeightsError("it has two pathways without the lateral connection s4_fuse.conv_f2s")
    fast = stems[1][0]
    _check_shape(tensors, "s4_fuse.conv_f2s.weight", (32 * fast, 16 * fast, lateral[2], 1, 1))
    if fast < 1 or slow[0] % fast:
        raise WeightsError(f"its stems have {slow[0]} and {fast} channels, no multiple")
    return settings | {
        "model.beta_inv": slow[0] // fast,
        "model.fusion_kernel": lateral[2],
        "model.lateral_norm": "s1_fuse.bn.weight" in tensors,
    }


_NONLOCAL = re.compile(r"s4\.pathway0_nonlocal(\d+)\.")


def _no_classifier(tensors: Tensors) -> str:
    """Why a network without ``head.projection`` is refused."""
    if any("fc_cls.2." in name for name in tensors):
        return "its classifier of boxes has two layers (mmaction2's mlp_head); here it has one"
    return "it has no classifier (head.projection): features alone"


def _features(tensors: Tensors, pathways: list[str]) -> int:
    """Channels of the last stage, of all pathways together."""
    stems = [tensors[f"s1.pathway{p}_stem.conv.weight"] for p in range(len(pathways))]
    return sum(32 * stem.shape[0] for stem in stems)


def _shape(tensors: Tensors, name: str) -> tuple[int, ...]:
    """The shape of a convolution's kernel; empty if there is none."""
    if name not in tensors:
        return ()
    shape = tensors[name].shape
    if len(shape) != 5:
        raise WeightsError(f"{name} is {list(shape)}: no convolution over time and space")
    return shape


def _pathways(first: tuple[int, ...], second: tuple[int, ...]) -> list[str]:
    """Which pathways there are, by the stems' shapes."""
    kernels = [shape[2] for shape in (first, second) if shape]
    for pathways in (["slow", "fast"], ["slow"], ["fast"]):
        if kernels == [PATHWAYS[name].stem_temporal_kernel for name in pathways]:
            return pathways
    raise WeightsError(
        f"its stems have temporal kernels {', '.join(map(str, kernels))}; SlowFast's have 1 (slow) "
        "and 5 (fast)"
    )


def _check_sizes(tensors: Tensors, pathways: list[str]) -> None:
    """Raises a WeightsError unless all tensors are there that tell the network's size.

    Whole shapes are compared: otherwise a small file could claim a network larger than memory.
    """
    for p in range(len(pathways)):
        stem = f"s1.pathway{p}_stem.conv.weight"
        channels, _, time, height, _ = tensors[stem].shape
        _check_shape(tensors, stem, (channels, 3, time, height, height))
        last = 8 * channels
        _check_shape(tensors, f"s5.pathway{p}_res0.branch2.b.weight", (last, last, 1, 3, 3))
    classes, features = tensors["head.projection.bias"].size, _features(tensors, pathways)
    if tensors.get("head.projection.weight", np.zeros(0)).shape == (2 * features, classes):
        return  # a detector that also sees the whole picture
    _check_shape(tensors, "head.projection.weight", (features, classes))


def _check_shape(tensors: Tensors, name: str, expected: tuple[int, ...]) -> None:
    """Raises a WeightsError if a tensor is of another shape."""
    if name not in tensors:
        raise WeightsError(f"{name} is missing")
    if tensors[name].shape != expected:
        raise WeightsError(
            f"{name} is {list(tensors[name].shape)}; by its stem and its classes it would be "
            f"{list(expected)}"
        )


def _depth(tensors: Tensors, pathway: int, name: str) -> int:
    """Depth of a pathway's ResNet, from the blocks of its stages."""
    pattern = re.compile(rf"s([2-5])\.pathway{pathway}_res\d+\.branch2\.a\.weight")
    stages = [match[1] for match in map(pattern.fullmatch, tensors) if match]
    found = tuple(stages.count(stage) for stage in "2345")
    for depth, blocks in DEPTHS.items():
        if found == blocks:
            return depth
    known = ", ".join(f"R{depth} {list(blocks)}" for depth, blocks in DEPTHS.items())
    raise WeightsError(f"its {name} pathway has {list(found)} blocks in res2..res5; known: {known}")


def _temporal_blocks(tensors: Tensors, pathways: list[str], depths: list[int]) -> tuple[int, ...]:
    """How many blocks of res2..res5 have a temporal kernel, in all pathways; empty: all have."""
    found, has_all = [], []
    for stage in range(4):
        blocks = {name: DEPTHS[depth][stage] for name, depth in zip(pathways, depths, strict=True)}
        counts = {
            name: _temporal_count(tensors, stage, p, name)
            for p, name in enumerate(pathways)
            if PATHWAYS[name].temporal_kernels[stage] > 1
        }
        is_whole = all(counts[name] == blocks[name] for name in counts)
        number = max(blocks.values()) if is_whole else max(counts.values())
        if any(count != min(number, blocks[name]) for name, count in counts.items()):
            raise WeightsError(
                f"res{stage + 2} has temporal kernels in {counts['slow']} blocks of the slow "
                f"pathway and {counts['fast']} of the fast one; here both have as many"
            )
        found.append(number)
        has_all.append(is_whole)
    if not any(found[2:]):
        raise WeightsError("it has no temporal kernels in res4 and res5: a 2D network")
    return () if all(has_all) else tuple(found)


def _temporal_count(tensors: Tensors, stage: int, pathway: int, name: str) -> int:
    """How many blocks of a stage have SlowFast's temporal kernel; they must be its first ones."""
    kernel = PATHWAYS[name].temporal_kernels[stage]
    layer = f"s{stage + 2}.pathway{pathway}_res"
    kernels: list[int] = []
    while shape := _shape(tensors, f"{layer}{len(kernels)}.branch2.a.weight"):
        kernels.append(shape[2])
    count = kernels.count(kernel)
    if kernels != [kernel] * count + [1] * (len(kernels) - count):
        raise WeightsError(
            f"the blocks of its {name} pathway's res{stage + 2} have temporal kernels "
            f"{', '.join(map(str, kernels))}; known: {kernel}, from some block on 1"
        )
    return count

"""What a network for boxes has of its own, as nodes of ONNX: RoIAlign, and what belongs to it.

Legend: N clips, K boxes of all clips, C channels, H x W cells of the feature map, S x S cells of a
box.
"""

from typing import Any

import numpy as np

Node = tuple[str, list[Any], dict[str, Any]]
"""An ONNX operator, its inputs (values of the program, constants, or nodes), and its attributes."""


def roi_align(given: dict[str, Any], x_NCHW: Any, boxes_K4: Any, counts_N: Any) -> Node:
    """Paddle's roi_align, which is told how many boxes each clip has; ONNX's is told whose each
    box is, and calls ``aligned`` half_pixel."""
    return "RoiAlign", [x_NCHW, boxes_K4, clip_of_each(counts_N)], {
        "output_height": given["pooled_height"], "output_width": given["pooled_width"],
        "spatial_scale": given["spatial_scale"], "sampling_ratio": max(given["sampling_ratio"], 0),
        "coordinate_transformation_mode":
            "half_pixel" if given["aligned"] else "output_half_pixel",
    }  # fmt: skip


def repeated(given: dict[str, Any], x: Any, counts_N: Any) -> Node:
    """Each clip's part as often as it has boxes."""
    return "Gather", [x, clip_of_each(counts_N)], {"axis": given["axis"]}


def clip_of_each(counts_N: Any) -> Node:
    """The clip of each box ``[K]``, int64: as many as have all their boxes before it."""
    ends_N: Node = ("CumSum", [counts_N, np.array(0)], {})
    number: Node = ("ReduceSum", [counts_N], {"keepdims": 0})
    places_K: Node = ("Range", [np.array(0, np.int32), number, np.array(1, np.int32)], {})
    places_K1: Node = ("Unsqueeze", [places_K, np.array([1])], {})
    is_before_KN: Node = ("GreaterOrEqual", [places_K1, ends_N], {})
    return "ReduceSum", [("Cast", [is_before_KN], {"to": 7}), np.array([1])], {"keepdims": 0}


def adaptive_mean(x_NCHW: Any, size: list[int]) -> Node:
    """The mean of each of S x S parts of a picture of any size, which may overlap by a cell; ONNX
    has no operator for it: matrices of the parts' cells are multiplied from both sides."""
    high, wide = size
    rows: Node = ("MatMul", [_parts(x_NCHW, 2, high), x_NCHW], {})
    columns_WS: Node = ("Transpose", [_parts(x_NCHW, 3, wide)], {"perm": [1, 0]})
    return "MatMul", [rows, columns_WS], {}


def _parts(x_NCHW: Any, axis: int, number: int) -> Node:
    """The share of each cell along an axis in each part, ``[number, L]`` for L cells: part i has
    those from ``floor(i L / number)`` to below ``ceil((i + 1) L / number)``."""
    length: Node = ("Shape", [x_NCHW], {"start": axis, "end": axis + 1})
    first = np.arange(number)[:, None]
    starts: Node = ("Div", [("Mul", [first, length], {}), np.array(number)], {})
    above: Node = ("Add", [("Mul", [first + 1, length], {}), np.array(number - 1)], {})
    ends: Node = ("Div", [above, np.array(number)], {})
    scalar: Node = ("Squeeze", [length, np.array([0])], {})
    cells: Node = ("Range", [np.array(0), scalar, np.array(1)], {})
    has: Node = (
        "And", [("GreaterOrEqual", [cells, starts], {}), ("Less", [cells, ends], {})], {}
    )  # fmt: skip
    ones: Node = ("Cast", [has], {"to": 1})
    sums: Node = ("Cast", [("Sub", [ends, starts], {})], {"to": 1})
    return "Div", [ones, sums], {}

"""A traced network in ONNX, for other runtimes.

Paddle's own exporter is not used: paddle2onnx 2.1.0 takes 50 s for R50, installs packages by
itself, and ends the process at an operator that it does not know.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from slowfast.predict.runtime import onnx_boxes
from slowfast.predict.runtime.onnx_boxes import Node

Array = NDArray[Any]

ROWS = "rows"
"""The name of the graph's output."""
AXES = {"clips": "NTHWC", "boxes": "K4", "counts": "N"}
"""What the axes of its inputs are called whose length is open."""
OPSET, IR = 18, 10
"""Versions of ONNX's operators and of its files."""


def to_onnx(traced: Any) -> onnx.ModelProto:
    """The traced network in ONNX.

    Raises:
        NotImplementedError: it has an operator, or a form of one, that ``OPERATORS`` has not.
    """
    program = traced.forward.concrete_program
    writer = _Writer({p.name: p.numpy() for p in program.parameters[0]})
    for operator in program.main_program.global_block().ops:
        writer.write(operator)
    (rows,) = (value for value in program.outputs if value is not None)
    of_each = "K" if len(writer.inputs) > 1 else "N"
    writer.nodes.append(helper.make_node("Identity", [writer.name(rows)], [ROWS]))
    graph = helper.make_graph(
        writer.nodes, "slowfast", writer.inputs,
        [helper.make_tensor_value_info(ROWS, TensorProto.FLOAT, [of_each, rows.shape[1]])],
        writer.initializers,
    )  # fmt: skip
    model = helper.make_model(
        graph,
        producer_name="slowfast",
        ir_version=IR,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )  # fmt: skip
    onnx.checker.check_model(model)
    return model


class _Writer:
    """Writes the operators of a program, in order, as ONNX nodes."""

    def __init__(self, parameters: dict[str, Array]) -> None:
        self.inputs: list[onnx.ValueInfoProto] = []
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._parameters = parameters
        self._known: dict[int, Any] = {}
        """By the id of a value of the program: a constant, or the values that a list has."""
        self._names: dict[int, str] = {}

    def write(self, operator: Any) -> None:
        """Writes an operator of Paddle."""
        kind, given = operator.name().removeprefix("pd_op."), operator.attrs()
        values, result = operator.operands_source(), operator.results()[0]
        if kind == "data":
            self._names[result.id] = given["name"]
            self.inputs.append(_input(given, result.shape))
        elif kind == "builtin.parameter":
            self._known[result.id] = self._parameters[given["parameter_name"]]
        elif kind == "builtin.combine":
            self._known[result.id] = values
        elif kind in CONSTANTS:
            self._known[result.id] = CONSTANTS[kind](given)
        elif kind in OPERATORS:
            given_values = (self._known.get(v.id, v) for v in values if v.initialized())
            self._names[result.id] = self._add(*OPERATORS[kind](given, *given_values))
        else:
            raise NotImplementedError(f"{operator.name()} has no form in ONNX here")

    def _add(self, operator: str, inputs: list[Any], attributes: dict[str, Any]) -> str:
        """Adds a node; returns the name of its output."""
        names = [self.name(value) for value in inputs]
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [output], output, **attributes))
        return output

    def name(self, value: Any) -> str:
        """The name of a value in the graph; a constant becomes an initializer, a node is added."""
        if isinstance(value, tuple):
            return self._add(*value)
        value = value if isinstance(value, np.ndarray) else self._known.get(value.id, value)
        if not isinstance(value, np.ndarray):
            return self._names[value.id]
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(value, name))
        return name


def _input(given: dict[str, Any], shape: list[int]) -> onnx.ValueInfoProto:
    named = [
        axis if size < 0 else size for axis, size in zip(AXES[given["name"]], shape, strict=True)
    ]
    kind = helper.np_dtype_to_tensor_dtype(_dtype(given))
    return helper.make_tensor_value_info(given["name"], kind, named)


def _dtype(given: dict[str, Any]) -> np.dtype[Any]:
    return np.dtype(str(given["dtype"]).rpartition(".")[2])


CONSTANTS: dict[str, Callable[[dict[str, Any]], Array]] = {
    "full": lambda given: np.full(given["shape"], given["value"], _dtype(given)),
    "full_int_array": lambda given: np.array(given["value"], _dtype(given)),
    "assign_value_": lambda given: np.array(given["values"], _dtype(given)).reshape(given["shape"]),
}
"""Paddle's constants."""


def _require(is_so: bool, what: str) -> None:
    if not is_so:
        raise NotImplementedError(f"{what} has no form in ONNX here")


def _conv(given: dict[str, Any], x: Any, weight: Array) -> Node:
    _require(given["padding_algorithm"] == "EXPLICIT", f"padding {given['padding_algorithm']}")
    return "Conv", [x, weight], {
        "strides": given["strides"], "pads": 2 * given["paddings"],
        "dilations": given["dilations"], "group": given["groups"],
    }  # fmt: skip


def _batch_norm(
    given: dict[str, Any], x: Any, mean: Array, variance: Array, scale: Array, bias: Array
) -> Node:
    return "BatchNormalization", [x, scale, bias, mean, variance], {"epsilon": given["epsilon"]}


def _pool(given: dict[str, Any], x: Any, kernel: Any = None) -> Node:
    size = given["kernel_size"] if kernel is None else kernel.tolist()
    if given["adaptive"] and given["pooling_type"] == "avg" and len(size) == 2:
        return onnx_boxes.adaptive_mean(x, size)
    _require(not given["adaptive"] and not given["ceil_mode"], "an adaptive pool")
    name = {"max": "MaxPool", "avg": "AveragePool"}[given["pooling_type"]]
    return name, [x], {
        "kernel_shape": size, "strides": given["strides"], "pads": 2 * given["paddings"]
    }  # fmt: skip


def _over_axes(operator: str) -> Callable[[dict[str, Any], Any, Array], Node]:
    def reduce(given: dict[str, Any], x: Any, axes: Array) -> Node:
        return operator, [x, axes.ravel()], {"keepdims": int(given["keepdim"])}

    return reduce


def _scale(given: dict[str, Any], x: Any, factor: Array) -> Node:
    _require(given["bias_after_scale"], "a bias before the factor")
    return "Add", [("Mul", [x, factor], {}), np.array(given["bias"], factor.dtype)], {}


def _slice(given: dict[str, Any], x: Any, starts: Array, ends: Array) -> Node:
    axes = np.array(given["axes"])
    part: Node = ("Slice", [x, starts, ends, axes], {})
    dropped = given["decrease_axis"]
    return ("Squeeze", [part, np.array(dropped)], {}) if dropped else part


def _concat(given: dict[str, Any], parts: list[Any], axis: Array) -> Node:
    return "Concat", parts, {"axis": int(axis.item())}


def _flatten(given: dict[str, Any], x: Any) -> Node:
    _require(
        given["stop_axis"] == len(x.shape) - 1, "flattening that does not end with the last axis"
    )
    return "Reshape", [x, np.array([0] * given["start_axis"] + [-1])], {}


def _matmul(given: dict[str, Any], x: Any, y: Any) -> Node:
    return "MatMul", [
        _swapped(x) if given["transpose_x"] else x, _swapped(y) if given["transpose_y"] else y
    ], {}  # fmt: skip


def _swapped(x: Any) -> Node:
    """A batch of matrices, each transposed."""
    rank = len(x.shape)
    return "Transpose", [x], {"perm": [*range(rank - 2), rank - 1, rank - 2]}


def _sigmoid(given: dict[str, Any], x: Any) -> Node:
    """Not ONNX's Sigmoid: ONNX Runtime 1.32's is 0 up to -18, and larger at -17 than at -16."""
    powers: Node = ("Exp", [("Neg", [x], {})], {})
    return "Reciprocal", [("Add", [powers, np.array(1, np.float32)], {})], {}


OPERATORS: dict[str, Callable[..., Node]] = {
    "cast": lambda given, x: ("Cast", [x], {"to": helper.np_dtype_to_tensor_dtype(_dtype(given))}),
    "add": lambda given, x, y: ("Add", [x, y], {}),
    "subtract": lambda given, x, y: ("Sub", [x, y], {}),
    "multiply": lambda given, x, y: ("Mul", [x, y], {}),
    "divide": lambda given, x, y: ("Div", [x, y], {}),
    "scale": _scale,
    "fmax": lambda given, x, y: ("Max", [x, y], {}),
    "minimum": lambda given, x, y: ("Min", [x, y], {}),
    "greater_than": lambda given, x, y: ("Greater", [x, y], {}),
    "shape": lambda given, x: ("Shape", [x], {}),
    "shape64": lambda given, x: ("Shape", [x], {}),
    "slice": _slice,
    "squeeze": lambda given, x, axes: ("Squeeze", [x, axes], {}),
    "tile": lambda given, x, times: ("Tile", [x, times], {}),
    "where": lambda given, condition, x, y: ("Where", [condition, x, y], {}),
    "reshape": lambda given, x, shape: ("Reshape", [x, shape], {}),
    "unsqueeze": lambda given, x, axes: ("Unsqueeze", [x, axes], {}),
    "roi_align": onnx_boxes.roi_align,
    "repeat_interleave_with_tensor_index": onnx_boxes.repeated,
    "transpose": lambda given, x: ("Transpose", [x], {"perm": given["perm"]}),
    "index_select": lambda given, x, index: ("Gather", [x, index], {"axis": given["axis"]}),
    "conv3d": _conv,
    "batch_norm_": _batch_norm,
    "relu": lambda given, x: ("Relu", [x], {}),
    "pool2d": _pool,
    "pool3d": _pool,
    "mean": _over_axes("ReduceMean"),
    "max": _over_axes("ReduceMax"),
    "min": _over_axes("ReduceMin"),
    "concat": _concat,
    "flatten": _flatten,
    "dropout": lambda given, x, p: ("Identity", [x], {}),
    "matmul": _matmul,
    "softmax": lambda given, x: ("Softmax", [x], {"axis": given["axis"]}),
    "sigmoid": _sigmoid,
}
"""Paddle's operators, by name: from their attributes and inputs."""

#!/usr/bin/env bash
# ONNX Runtime 1.32.0, CPU: the float Sigmoid is 0 from -18 down, and does not even rise with its
# input above that: the score at -17 is larger than that at -16.
#
# Guess: exact to some units in the last place, as Exp is, and as OpenVINO's Sigmoid of the same
# file is; float32 has numbers down to 1e-38.
#
# Seen: 6.0e-08 at -16 (it is 1.1e-07), 8.9e-08 at -17 (4.1e-08), and 0 at -18, -20 and -30. The
# error is absolute, some 1e-7, so classes that are rare in a network of several labels lose their
# order. 1 / (1 + exp(-x)), written out, is exact to 1e-6 of its value
# (slowfast/predict/runtime/onnx_graph.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    onnxruntime==1.32.0 onnx==1.22.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

ONE = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
WAYS = {
    "Sigmoid": [helper.make_node("Sigmoid", ["x"], ["y"])],
    "written out": [
        helper.make_node("Neg", ["x"], ["a"]), helper.make_node("Exp", ["a"], ["b"]),
        helper.make_node("Add", ["b", "one"], ["c"]), helper.make_node("Reciprocal", ["c"], ["y"]),
    ],
}
x = np.array([-15, -16, -17, -18, -20, -30], np.float32)
true = 1 / (1 + np.exp(-x.astype(np.float64)))
found = {}
for name, nodes in WAYS.items():
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, [None]) for end in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [ONE])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found[name] = session.run(None, {"x": x})[0]
print("x       true    " + "  ".join(found))
for row in zip(x, true, *found.values(), strict=True):
    print("%4.0f  %.2e  %.2e  %.2e" % row)
sigmoid = found["Sigmoid"]
assert sigmoid[2] > sigmoid[1] and (sigmoid[3:] == 0).all(), "Sigmoid is exact by now"
assert np.allclose(found["written out"], true, rtol=1e-6, atol=0)
PY
# Seen:
#   x       true    Sigmoid  written out
#    -15  3.06e-07  3.58e-07  3.06e-07
#    -16  1.13e-07  5.96e-08  1.13e-07
#    -17  4.14e-08  8.94e-08  4.14e-08
#    -18  1.52e-08  0.00e+00  1.52e-08
#    -20  2.06e-09  0.00e+00  2.06e-09
#    -30  9.36e-14  0.00e+00  9.36e-14

#!/usr/bin/env bash
# openvino 2026.4.1: a model compiled for f32, written with export_model() and read back with
# import_model(), computes in bf16 on a processor that has it. The precision is not in the file: without
# INFERENCE_PRECISION_HINT among its own arguments, import_model() takes the default anew, without a word.
# Guess: what was compiled comes back as it was. Seen on an AVX512-BF16 processor, the hint read back:
#
#     compiled float32, imported bfloat16, imported with the hint float32
#     largest difference to the compiled one: 0.01 without the hint, 0 with it
#
# On a processor without bf16 the default is f32, and there is nothing to see.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import numpy as np
import openvino
from openvino import opset13

F32 = {"INFERENCE_PRECISION_HINT": "f32"}
rng = np.random.default_rng(0)
pictures = opset13.parameter([1, 64, 32, 32], np.float32)
kernel = opset13.constant(rng.normal(0, 0.05, (64, 64, 3, 3)).astype(np.float32))
result = opset13.convolution(pictures, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
model = openvino.Model([result], [pictures])
core = openvino.Core()
default = core.compile_model(model, "CPU").get_property("INFERENCE_PRECISION_HINT")
compiled = core.compile_model(model, "CPU", F32)
content = compiled.export_model()
imported = core.import_model(content, "CPU")
told = core.import_model(content, "CPU", F32)
data = rng.normal(0, 1, (1, 64, 32, 32)).astype(np.float32)
names = [x.get_property("INFERENCE_PRECISION_HINT").to_string() for x in (compiled, imported, told)]
rows = [x(data)[0].copy() for x in (compiled, imported, told)]
print(openvino.__version__, names, [float(abs(row - rows[0]).max()) for row in rows])
assert abs(rows[2] - rows[0]).max() == 0
if default.to_string() == "bf16":
    assert names == ["f32", "bf16", "f32"] and abs(rows[1] - rows[0]).max() > 1e-3
else:
    print("this processor has no bf16: the default is", default.to_string())
PY

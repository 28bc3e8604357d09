#!/usr/bin/env bash
# Paddle 3.3.1 on a CPU: batch norm whose scale alone, or shift alone, is trained gives it no
# gradient at all.
#
# Guess: what is trained has its gradient, whatever else is. With both parameters trained that is so.
#
# Seen: with scale alone, or shift alone, whether the input is trained or not, backward() ends without
# an error and without a gradient of it: the optimizer then leaves the parameter as it is. So
# fine-tuning only the scales of the norms (or only the shifts, as BitFit does) trains nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1 \
    numpy==2.4.6 setuptools
cd "$folder"
venv/bin/python -W ignore - <<'PY' 2>stderr || { cat stderr; exit 1; }
from itertools import product

import paddle

found = {}
for trained in product((True, False), repeat=3):
    if not any(trained):
        continue
    paddle.seed(0)
    x, norm = paddle.randn([4, 3, 2, 5, 5]), paddle.nn.BatchNorm3D(3)
    tensors = {"input": x, "scale": norm.weight, "shift": norm.bias}
    for tensor, is_trained in zip(tensors.values(), trained):
        tensor.stop_gradient = not is_trained
    (norm(x) ** 2 * paddle.arange(3, dtype="float32").reshape([3, 1, 1, 1])).sum().backward()
    wanted = [n for n, is_trained in zip(tensors, trained) if is_trained]
    got = [n for n in wanted if tensors[n].grad is not None]
    found[tuple(wanted)] = got
    print(f"trained: {', '.join(wanted):20s} has a gradient: {', '.join(got) or 'none'}")
for wanted, got in found.items():
    has_both = {"scale", "shift"} <= {*wanted}
    assert got == [name for name in wanted if name == "input" or has_both], wanted
PY
# Seen:
#   trained: input, scale, shift  has a gradient: input, scale, shift
#   trained: input, scale         has a gradient: input
#   trained: input, shift         has a gradient: input
#   trained: input                has a gradient: input
#   trained: scale, shift         has a gradient: scale, shift
#   trained: scale                has a gradient: none
#   trained: shift                has a gradient: none

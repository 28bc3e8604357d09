#!/usr/bin/env bash
# Paddle 3.3.1 on a CPU: batch norm whose scale alone, or shift alone, is trained gives it no
# gradient at all.
#
# Guess: what is trained has its gradient, whatever else is. With the input trained too, or both
# parameters, that is so.
#
# Seen: with scale alone, or shift alone, backward() ends without an error and without a gradient:
# the optimizer then leaves the parameter as it is. So fine-tuning only the scales (or only the
# shifts, as BitFit does) of the norms behind a frozen stem trains nothing there.
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
    (norm(x) ** 2 * paddle.arange(3).reshape([3, 1, 1, 1])).sum().backward()
    wanted = [n for n, is_trained in zip(tensors, trained) if is_trained]
    got = [n for n in wanted if tensors[n].grad is not None]
    found[tuple(wanted)] = got
    print(f"trained: {', '.join(wanted):20s} has a gradient: {', '.join(got) or 'none'}")
assert found["scale",] == found["shift",] == []
assert all([*wanted] == got for wanted, got in found.items() if len(wanted) > 1)
PY

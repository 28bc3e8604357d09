#!/usr/bin/env bash
# paddlepaddle 3.3.1, Linux x86-64, CPU: paddle.nn.functional.softmax() of a row with a nan or an
# infinite number gives finite probabilities, about 1 / K, once K is 8 or more; nan below.
# relu() of nan gives 0. So a network of broken weights answers, and no check of its output sees it.
#
# Expected: nan, as numpy, torch, and Paddle itself for K < 8.
# Way round: softmax(x) + (x - x), which is nan where x is not finite.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1
"$folder/venv/bin/python" - <<'PY' 2>/dev/null
import paddle
import paddle.nn.functional as F

for bad in (float("nan"), float("inf")):
    for classes in (4, 7, 8, 400):
        x = paddle.full([1, classes], 1.0)
        x[0, 1] = bad
        own, mended = F.softmax(x), F.softmax(x) + (x - x)
        print(f"softmax, {classes:3} classes, one {bad}: {own.numpy()[0, :3]}")
        assert bool(paddle.isfinite(own).all()) == (classes >= 8), "this has changed"
        assert not paddle.isfinite(mended).any(), "the way round does not work any more"
assert F.relu(paddle.full([1], float("nan"))).numpy()[0] == 0, "relu of nan has changed"
PY

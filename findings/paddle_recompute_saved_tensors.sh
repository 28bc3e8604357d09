#!/usr/bin/env bash
# Paddle 3.3.1: inside recompute(..., use_reentrant=False) a PyLayer's saved tensors say that they
# need no gradient, though they do.
#
# Guess: what backward takes out of ctx.saved_tensor() is what forward put in, with its
# stop_gradient, whether it was kept or computed again.
#
# Seen: the tensors that were computed again are new ones with stop_gradient=True, inputs and
# parameters alike. A PyLayer that asks them which gradients are wanted, as Paddle demands None for
# the others, then returns None where a gradient is due. So forward must note it in ctx.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1 \
    numpy==2.4.6 setuptools
cd "$folder"
venv/bin/python -W ignore - <<'PY' 2>stderr || { cat stderr; exit 1; }
import paddle
from paddle.autograd import PyLayer
from paddle.distributed.fleet.utils import recompute

seen = []


class Product(PyLayer):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        seen.append([x.stop_gradient, weight.stop_gradient])
        return x * weight

    @staticmethod
    def backward(ctx, dy):
        x, weight = ctx.saved_tensor()
        seen.append([x.stop_gradient, weight.stop_gradient])
        return dy * weight, dy * x


def run(name, function):
    seen.clear()
    x, weight = paddle.ones([2]), paddle.full([2], 3.0)
    x.stop_gradient = weight.stop_gradient = False
    function(x * 1, weight).sum().backward()
    print(f"{name:10s} stop_gradient in forward {seen[0]}, in backward {seen[-1]};",
          "gradients", x.grad.tolist(), weight.grad.tolist())
    return seen[-1]


assert run("kept", Product.apply) == [False, False]
again = run("recomputed", lambda *given: recompute(Product.apply, *given, use_reentrant=False))
assert again == [True, True]
PY
# Seen:
#   kept       stop_gradient in forward [False, False], in backward [False, False]; gradients [3.0, 3.0] [1.0, 1.0]
#   recomputed stop_gradient in forward [False, False], in backward [True, True]; gradients [3.0, 3.0] [1.0, 1.0]

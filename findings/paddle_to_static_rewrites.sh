#!/usr/bin/env bash
# paddlepaddle 3.3.1: paddle.jit.to_static(full_graph=True) rewrites the source of forward(), and two
# plain forms of Python that run in eager mode do not survive it:
#
# - zip(..., strict=True), Python 3.10's own check:
#       TypeError: convert_zip() got an unexpected keyword argument 'strict'
# - a forward() whose first argument is not named "self": it is found by that name, not by its place:
#       ValueError: `forward()` requires `x` arguments, but not found in input `args`: [...]
#   The second is refused with full_graph=False, too.
#
# Guess: a layer that runs can be traced.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1 setuptools==80.9.0
cd "$folder"
cat > layers.py <<'PY'
import paddle
from paddle import nn


class Zipped(nn.Layer):
    def forward(self, x):
        for factor, offset in zip([1.0, 2.0], [3.0, 4.0], strict=True):
            x = x * factor + offset
        return x


class Unnamed(nn.Layer):
    def forward(this, x):
        return x * 2.0


def refusal(layer, **given):
    try:
        paddle.jit.to_static(layer, **given)(paddle.ones([2]))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


assert Zipped()(paddle.ones([2])).tolist() == [12, 12] and Unnamed()(paddle.ones([2])).tolist() == [2, 2]
said = refusal(Zipped(), full_graph=True)
print(said.strip().splitlines()[-1].strip())
assert "TypeError" in said and "convert_zip() got an unexpected keyword argument 'strict'" in said
for full_graph in (True, False):
    said = refusal(Unnamed(), full_graph=full_graph)
    print(full_graph, said[:60])
    assert said.startswith("ValueError: `forward()` requires `x` arguments, but not found in input `args`")
PY
"$folder/venv/bin/python" -W ignore layers.py

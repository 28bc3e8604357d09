#!/usr/bin/env bash
# Paddle 3.3.1, CPU: sum() of uint8, int8 and int16 tensors wraps around in their own type, while
# that of bool and int32 is int64; argmax(), max() and topk() disagree about nan.
#
# Guess: all whole numbers are summed as int64, as in numpy and torch, since int32 is; and argmax()
# is where max() is.
#
# Seen: 4 x 250 = 232 for uint8 pictures or masks, 4 x 100 = -112 for int8. Of (1, nan, 3, 2) max()
# is nan, topk(1) and argsort say 1, and argmax() says 2, as if the nan were not there: a top-1 by
# argmax and one by topk count differently, and argmax never shows that a network gives nan.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY' 2>stderr
import math

import numpy as np
import paddle

sums = {}
for kind, value in (("bool", 1), ("uint8", 250), ("int8", 100), ("int16", 30000), ("int32", 2**30)):
    values = np.full(4, value, kind)
    total = paddle.to_tensor(values).sum()
    sums[kind] = str(total.dtype).removeprefix("paddle."), int(total)
    print(f"{kind:5} 4 x {value}: {sums[kind][1]} as {sums[kind][0]}; numpy {values.sum()}")
assert sums["bool"] == ("int64", 4) and sums["int32"] == ("int64", 2**32)
assert sums["uint8"] == ("uint8", 1000 - 3 * 256), "uint8 is summed otherwise by now"
assert sums["int8"][0] == "int8" and sums["int16"][0] == "int16"

scores = paddle.to_tensor([1.0, math.nan, 3.0, 2.0])
found = (
    scores.max().item(),
    scores.argmax().item(),
    paddle.topk(scores, 1)[1].item(),
    paddle.argsort(scores, descending=True)[0].item(),
)
print("1, nan, 3, 2: max {}, argmax {}, topk {}, argsort {};".format(*found), end=" ")
print("numpy's argmax", np.argmax(scores.numpy()))
assert math.isnan(found[0]) and found[1:] == (2, 1, 1), "nan is treated otherwise by now"
PY
# Seen:
#   bool  4 x 1: 4 as int64; numpy 4
#   uint8 4 x 250: 232 as uint8; numpy 1000
#   int8  4 x 100: -112 as int8; numpy 400
#   int16 4 x 30000: -11072 as int16; numpy 120000
#   int32 4 x 1073741824: 4294967296 as int64; numpy 4294967296
#   1, nan, 3, 2: max nan, argmax 2, topk 1, argsort 1; numpy's argmax 1

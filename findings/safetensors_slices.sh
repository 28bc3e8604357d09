#!/usr/bin/env bash
# safetensors 0.8.0: get_slice() takes the syntax of numpy's slices, and not their meaning.
#
# Guess: what is legal in numpy gives what numpy gives, or a SafetensorError; a slice that reaches
# beyond the end is cut off there.
#
# Seen: [-1] counts from the end, [-2:] is an OverflowError. [1:100] is an error, [3:1], which is
# empty in numpy, a SystemError out of Python's own memory functions, while [2:2] is an empty
# array. [::2] is right, [::-1] an error. A loop that reads a large tensor in pieces
# of a fixed size fails at its last piece.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

array = np.arange(10, 15, dtype=np.float32)
save_file({"a": array}, "a.safetensors")
SLICES = {
    "-1": -1,
    "2:": slice(2, None),
    "::2": slice(None, None, 2),
    "2:2": slice(2, 2),
    "-2:": slice(-2, None),
    "1:100": slice(1, 100),
    "3:1": slice(3, 1),
    "::-1": slice(None, None, -1),
}
seen = {}
with safe_open("a.safetensors", "np") as file:
    for name, wanted in SLICES.items():
        try:
            found = file.get_slice("a")[wanted]
            seen[name] = "as numpy" if np.array_equal(found, array[wanted]) else f"{found}"
        except Exception as error:
            seen[name] = type(error).__name__
        print(f"[{name}]: {seen[name]}; numpy {array[wanted]}")
assert all(seen[name] == "as numpy" for name in ("-1", "2:", "::2", "2:2"))
assert [seen[name] for name in ("-2:", "1:100", "3:1", "::-1")] == [
    "OverflowError",
    "SafetensorError",
    "SystemError",
    "SafetensorError",
], "slices mean something else by now"
PY
# Seen, of [10, 11, 12, 13, 14]:
#   [-1], [2:], [::2], [2:2]: as numpy
#   [-2:]: OverflowError   [1:100], [::-1]: SafetensorError   [3:1]: SystemError

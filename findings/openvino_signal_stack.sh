#!/usr/bin/env bash
# openvino 2026.4.1, Linux x86-64: compiling a model replaces the alternate signal stack of the calling
# thread (sigaltstack(2)), and where two models are released in the order in which they were compiled,
# what stays is a stack whose memory has been given back. Python's own handlers run on that stack
# (SA_ONSTACK), so the next signal that Python handles ends the process with SIGSEGV; none is sent here.
# Guess: a library for inference leaves signals alone. Seen:
#
#     start               none
#     two are compiled    11568 bytes, mapped
#     both are released   11568 bytes, not mapped
#
# Saving the stack before compile_model() and setting it again after it avoids this.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import ctypes
import gc

import numpy as np
import openvino
from openvino import opset13


class Stack(ctypes.Structure):
    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def state(when: str) -> str:
    stack = Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    if not stack.sp:
        found = "none"
    else:
        ranges = (line.split()[0].split("-") for line in open("/proc/self/maps"))
        is_mapped = any(int(low, 16) <= stack.sp < int(high, 16) for low, high in ranges)
        found = f"{stack.size} bytes, {'' if is_mapped else 'not '}mapped"
    print(f"{when:20}{found}", flush=True)
    return found


def compiled():
    numbers = opset13.parameter([1, 4], np.float32)
    return openvino.Core().compile_model(openvino.Model([opset13.relu(numbers)], [numbers]), "CPU")


assert state("start") == "none"
first = compiled()
second = compiled()
assert state("two are compiled").endswith("bytes, mapped")
del first
gc.collect()
del second
gc.collect()
assert state("both are released").endswith("bytes, not mapped")
PY

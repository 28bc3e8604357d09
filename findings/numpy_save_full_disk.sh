#!/usr/bin/env bash
# numpy 2.4.6, Linux: numpy.save() into an open file does not notice that the disk is full if the
# bytes that do not fit are the last ones. It returns, the file's close() is silent too, and the file
# is cut off. Where more is missing it raises an OSError without errno ("None" as strerror).
#
# numpy writes an array of a real file through a C stream of its own (ndarray.tofile), whose last
# buffer is flushed as the stream is closed, and nobody looks at how that ends. The same array through
# io.BytesIO and file.write() raises EFBIG (here) or ENOSPC (on a disk that is full).
#
# A limit on the size of a file stands for the full disk, so that no root is needed: with SIGXFSZ
# ignored a write beyond it fails as one to a full disk does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import io
import os
import resource
import signal

import numpy as np

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ROOM = 8192
resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))


def save(count: int, how: str) -> str:
    """What becomes of ``count`` float64 behind a header of 128 bytes."""
    array = np.zeros(count)
    try:
        with open("a.npy", "wb") as file:
            if how == "numpy.save(file)":
                np.save(file, array)
            else:
                content = io.BytesIO()
                np.save(content, array)
                file.write(content.getbuffer())
    except OSError as error:
        return f"OSError, errno {error.errno}"
    wanted, found = 128 + array.nbytes, os.path.getsize("a.npy")
    return "whole" if found == wanted else f"no error, {found} of {wanted} bytes"


few, many = 1010, 4000  # 16 and 23,936 bytes more than there is room for
found = {(how, n): save(n, how) for how in ("numpy.save(file)", "BytesIO") for n in (few, many)}
for (how, count), result in found.items():
    print(f"{how:17} {count:5} numbers: {result}")
assert found == {
    ("numpy.save(file)", few): "no error, 8192 of 8208 bytes",
    ("numpy.save(file)", many): "OSError, errno None",
    ("BytesIO", few): "OSError, errno 27",
    ("BytesIO", many): "OSError, errno 27",
}, "numpy behaves differently by now"
PY
# Seen, numpy 2.4.6, Python 3.11:
#   numpy.save(file)   1010 numbers: no error, 8192 of 8208 bytes
#   numpy.save(file)   4000 numbers: OSError, errno None
#   BytesIO            1010 numbers: OSError, errno 27
#   BytesIO            4000 numbers: OSError, errno 27

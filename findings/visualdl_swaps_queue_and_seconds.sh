#!/usr/bin/env bash
# VisualDL 2.5.3: guessed that LogWriter(max_queue=3, flush_secs=77) has a queue of 3 records. It has one of 77: the two
# are swapped on the way to the thread that writes.
# bash findings/visualdl_swaps_queue_and_seconds.sh      fails if this has changed
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q visualdl==2.5.3 "setuptools<81"
cd "$folder"
"$folder/venv/bin/python" - <<'EOF'
from visualdl import LogWriter

with LogWriter(logdir="run", max_queue=3, flush_secs=77) as writer:
    size = writer._file_writer._async_writer._bytes_queue.maxsize
if size != 77:
    raise SystemExit(f"changed: the queue holds {size}")
print("as found: max_queue=3, flush_secs=77 makes a queue of 77")
EOF

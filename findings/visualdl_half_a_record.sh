#!/usr/bin/env bash
# VisualDL 2.5.3: guessed that LogReader ignores half a record at the end of a file, as a killed run leaves it (TensorBoard's
# reader does, by its checksums). It raises DecodeError or hands on what is there; its records have no checksums.
# bash findings/visualdl_half_a_record.sh      fails if this has changed
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q visualdl==2.5.3 "setuptools<81"
cd "$folder"
"$folder/venv/bin/python" - <<'EOF'
from pathlib import Path

from visualdl import LogReader, LogWriter

with LogWriter(logdir="run", file_name="vdlrecords.one.log") as writer:
    for step in range(3):
        writer.add_scalar("loss", 0.5, step)
file = Path("run/vdlrecords.one.log")
whole = file.read_bytes()
assert len(LogReader(file_path=str(file)).get_data("scalar", "loss")) == 3
file.write_bytes(whole[:-3])
try:
    found = LogReader(file_path=str(file)).get_data("scalar", "loss")
except Exception as error:
    print("as found: the last 3 bytes are missing, and LogReader raises", type(error).__name__)
else:
    raise SystemExit(f"changed: LogReader now reads {len(found)} of 3 records")
EOF

#!/usr/bin/env bash
# VisualDL 2.5.3 with Paddle 3.3.1: guessed that add_graph draws a layer. It looks for temp.pdmodel after paddle.jit.save,
# which Paddle 3 does not write any more (temp.json), and raises FileNotFoundError.
# bash findings/visualdl_graph_needs_old_program.sh      fails if this has changed
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q visualdl==2.5.3 paddlepaddle==3.3.1 "setuptools<81"
cd "$folder"
"$folder/venv/bin/python" - <<'EOF'
import paddle
from visualdl import LogWriter

with LogWriter(logdir="run") as writer:
    try:
        writer.add_graph(paddle.nn.Linear(2, 2), [paddle.static.InputSpec([1, 2], "float32")])
    except FileNotFoundError as error:
        assert error.filename.endswith("temp.pdmodel"), error.filename
        print("as found: add_graph raises FileNotFoundError for temp.pdmodel")
    else:
        raise SystemExit("changed: add_graph works")
EOF

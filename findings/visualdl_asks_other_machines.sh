#!/usr/bin/env bash
# VisualDL 2.5.3: guessed that its server, for logs on one's own machine, asks no other one. It posts its version to
# paddlepaddle.org.cn as it starts, and its page loads a counter from hm.baidu.com, both unless --disable-telemetry is given.
# bash findings/visualdl_asks_other_machines.sh      fails if this has changed; nothing is really sent
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q visualdl==2.5.3 "setuptools<81"
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import os

import requests
from visualdl.server.app import create_app
from visualdl.server.args import ParseArgs

posted = []
requests.post = lambda url, **rest: posted.append(url)
counters = []
for given in ({}, {"telemetry": False}):
    app = create_app(ParseArgs(logdir=".", **given)).test_client()
    page = app.get("/app/__snowpack__/env.local.js").data
    counters.append(b"63a600296f8a71f576c4806376a9245b" in page)
if counters != [True, False] or [url.split("?")[0] for url in posted] != ["https://paddlepaddle.org.cn/paddlehub/stat"]:
    raise SystemExit(f"changed: {counters}, {posted}")
print("as found: without --disable-telemetry it posts to paddlepaddle.org.cn, and its page has a counter", flush=True)
os._exit(0)  # a process of the server's waits for ever
END

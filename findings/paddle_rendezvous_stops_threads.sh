#!/usr/bin/env bash
# Paddle 3.3.1: while init_parallel_env() waits for another process, no other Python thread runs.
#
# Guess: a call that waits for the network lets other threads of the process run, as sockets and
# torch's rendezvous do, so that a thread could end a process whose peers never come.
#
# Seen: a thread that ticks every 50 ms stands still from the moment on at which process 0 waits for
# process 1 (for 900 s by default); signal handlers of Python do not run either. Here the process is
# ended from outside after some seconds. A watchdog must be a process of its own, or the processes
# must have met before the call.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1 \
    numpy==2.4.6 setuptools
cd "$folder"
cat > alone.py <<'PY'
import socket, sys, threading, time

import paddle
import paddle.distributed as dist


def tick():
    while True:
        time.sleep(0.05)
        print(f"{time.monotonic():.2f}", flush=True)


threading.Thread(target=tick, daemon=True).start()
time.sleep(2)
print("waits", f"{time.monotonic():.2f}", flush=True)
dist.init_parallel_env()
PY
port=$(venv/bin/python -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PADDLE_TRAINER_ID=0 PADDLE_TRAINERS_NUM=2 PADDLE_DISTRI_BACKEND=gloo
export PADDLE_MASTER="127.0.0.1:$port" PADDLE_CURRENT_ENDPOINT="127.0.0.1:$port"
export PADDLE_TRAINER_ENDPOINTS="127.0.0.1:$port,127.0.0.1:$((port + 1))"
timeout --signal KILL 20 venv/bin/python -W ignore alone.py > said 2> stderr || true
before=$(sed '/waits/q' said | grep -c '^[0-9]')
after=$(sed '1,/waits/d' said | grep -c '^[0-9]' || true)
echo "ticks in the 2 s before: about $((before / 10))0, in the seconds of waiting: $after"
test "$before" -gt 20
test "$after" -lt 10
# Seen:
#   ticks in the 2 s before: about 30, in the seconds of waiting: 0

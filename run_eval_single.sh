#!/usr/bin/env bash
# Tests the weights, 10 x 3 views a video, with one process.
# bash run_eval_single.sh -w output/SlowFast/SlowFast_best.pdparams [main.py flags]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python="$root/.venv/bin/python"
[ -x "$python" ] || python=$(command -v python3)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m slowfast.tools.launch single log_slowfast_test --test "$@"

#!/usr/bin/env bash
# Says what happens in videos with one process.
# bash run_infer_single.sh a.mp4 folder/ -w output/SlowFast/SlowFast_best.pdparams
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python="$root/.venv/bin/python"
[ -x "$python" ] || python=$(command -v python3)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m slowfast.tools.launch single log_slowfast_infer --infer "$@"

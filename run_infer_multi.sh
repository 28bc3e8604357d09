#!/usr/bin/env bash
# Says what happens in videos on every GPU, or on 2 CPU processes.
# bash run_infer_multi.sh a.mp4 folder/ -w output/SlowFast/SlowFast_best.pdparams
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python="$root/.venv/bin/python"
[ -x "$python" ] || python=$(command -v python3)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m slowfast.tools.launch multi log_slowfast_infer --infer "$@"

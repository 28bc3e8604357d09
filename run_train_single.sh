#!/usr/bin/env bash
# Trains SlowFast with one process.
# bash run_train_single.sh [-c CFG] [-o data.root=/videos train.batch_size=16] [main.py flags]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python="$root/.venv/bin/python"
[ -x "$python" ] || python=$(command -v python3)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m slowfast.tools.launch single log_slowfast --validate -c "$root/configs/recognition/slowfast/slowfast-single.yaml" "$@"

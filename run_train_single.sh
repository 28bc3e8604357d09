#!/usr/bin/env bash
# Trains SlowFast with one process.
# bash run_train_single.sh [-c CFG] [-o data.root=/videos train.batch_size=16] [main.py flags]
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/slowfast/tools/environment.sh"
require_python
exec "$python" -m slowfast.tools.launch single log_slowfast --validate -c "$root/configs/recognition/slowfast/slowfast-single.yaml" "$@"

#!/usr/bin/env bash
# Trains SlowFast on every GPU, or on 2 CPU processes.
# bash run_train_multi.sh [-c CFG] [-o data.root=/videos train.batch_size=16] [main.py flags]
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/slowfast/tools/environment.sh"
require_python
exec "$python" -m slowfast.tools.launch multi log_slowfast --validate -c "$root/configs/recognition/slowfast/slowfast.yaml" "$@"

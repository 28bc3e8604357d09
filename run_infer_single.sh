#!/usr/bin/env bash
# Says what happens in videos with one process.
# bash run_infer_single.sh a.mp4 folder/ -w output/SlowFast/SlowFast_best.pdparams
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/slowfast/tools/environment.sh"
require_python
exec "$python" -m slowfast.tools.launch single log_slowfast_infer --infer "$@"

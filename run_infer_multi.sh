#!/usr/bin/env bash
# Says what happens in videos on every GPU, or on 2 CPU processes.
# bash run_infer_multi.sh a.mp4 folder/ -w output/SlowFast/SlowFast_best.pdparams
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/slowfast/tools/environment.sh"
require_python
exec "$python" -m slowfast.tools.launch multi log_slowfast_infer --infer "$@"

#!/usr/bin/env bash
# Tests the weights, 10 x 3 views a video, on every GPU, or on 2 CPU processes.
# bash run_eval_multi.sh -w output/SlowFast/SlowFast_best.pdparams [main.py flags]
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/slowfast/tools/environment.sh"
require_python
exec "$python" -m slowfast.tools.launch multi log_slowfast_test --test "$@"

#!/usr/bin/env bash
# Tests the weights, 10 x 3 views a video, with one process.
# bash run_eval_single.sh -w output/SlowFast/SlowFast_best.pdparams [main.py flags]
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/slowfast/tools/environment.sh"
require_python
exec "$python" -m slowfast.tools.launch single log_slowfast_test --test "$@"

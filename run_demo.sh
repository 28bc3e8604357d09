#!/usr/bin/env bash
# The whole way once, on built-in data: environment, train, multi-view test, predict, pictures.
# bash run_demo.sh            about 5 minutes on 2 cores; run again, it reuses what is there
# bash run_demo.sh --detection  films of two shapes at a time, and boxes: who does what
# bash run_demo.sh --compare  also trains each pathway alone, for comparison
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
. slowfast/tools/environment.sh
make_environment
exec "$python" -m slowfast.tools.demo "$@"

#!/usr/bin/env bash
# Lint, types, import contracts, tests: the same for people and for CI.
# bash run_tests.sh [pytest arguments, such as -m "not slow"]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. slowfast/tools/environment.sh dev
bin=$(dirname "$("$python" -c 'import sys; print(sys.executable)')")
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/mypy"
"$bin/lint-imports"
exec "$python" -m pytest "$@"

#!/usr/bin/env bash
# Lint, types, import contracts, tests: the same for people and for CI.
# bash run_tests.sh [pytest arguments]; -m "" runs the slow tests, too
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
. slowfast/tools/environment.sh
make_environment dev
"$python" -m ruff check .
"$python" -m ruff format --check .
"$python" -m mypy
"$python" -c 'from importlinter.cli import lint_imports_command as lint; lint()'
exec "$python" -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not slow" "$@"

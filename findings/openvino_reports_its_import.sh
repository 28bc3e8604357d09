#!/usr/bin/env bash
# openvino 2026.4.1 with the openvino-telemetry 2025.2.0 that pip installs along: "import openvino" alone,
# with no model and no question asked, writes an identifier to ~/intel/openvino_ga_cid and starts a process
# that reports the import to Google Analytics. On a machine without a network it is silent.
# Guess: only the command line tools (ovc, benchmark_app) report, as those of a developer do.
# Seen, in an empty home folder:
#
#     after import openvino                                  intel/openvino_ga_cid, intel/stats
#     the same with sys.modules["openvino_telemetry"] = None nothing
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    openvino==2026.4.1 openvino-telemetry==2025.2.0 numpy==2.4.6
look() { # HOME, what runs first
    mkdir "$1"
    HOME=$1 "$folder/venv/bin/python" -c "$2
import openvino"
    sleep 2
    (cd "$1" && find . -type f | sed 's,^\./,,' | sort)
}
plain=$(look "$folder/plain" "")
without=$(look "$folder/without" 'import sys; sys.modules["openvino_telemetry"] = None')
echo "after import openvino: [$plain]"
echo "without openvino_telemetry: [$without]"
grep -qx intel/openvino_ga_cid <<< "$plain"
[ -z "$without" ]

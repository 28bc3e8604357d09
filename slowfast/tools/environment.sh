# Sourced by run_demo.sh and run_tests.sh: sets $python to an interpreter that has what the project
# needs, and makes .venv for it where the active python has not.
#   . slowfast/tools/environment.sh [dev]

wanted=${1:-run}
needs="paddle cv2 numpy yaml visualdl"
[ "$wanted" = dev ] && needs="$needs pytest ruff mypy importlinter av"

has_all() { # PYTHON: whether it has the packages and a version that fits
    "$1" - $needs <<'PY' 2>/dev/null
import importlib.util, sys
sys.exit(sys.version_info < (3, 10) or any(importlib.util.find_spec(n) is None for n in sys.argv[1:]))
PY
}

find_python() { # an interpreter from 3.10 to 3.13, or a line that says so
    for name in python3 python3.12 python3.11 python3.10 python3.13; do
        if "$name" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$name" && return
        fi
    done
    echo "error: python3 from 3.10 to 3.13 is needed (this one: $(python3 --version 2>&1))" >&2
    return 1
}

make_venv() {
    local base extra=cpu
    base=$(find_python) || return 1
    if nvidia-smi -L >/dev/null 2>&1; then
        echo "A GPU answers here. This goes on with the CPU wheel of Paddle; to use the GPU, install the"
        echo "GPU wheel for your CUDA into the active python and run this again, for example"
        echo "  python3 -m pip install paddlepaddle-gpu==3.3.1 -i https://www.paddlepaddle.org.cn/packages/stable/cu126/"
        echo "  python3 -m pip install opencv-python numpy pyyaml visualdl"
    fi
    [ "$wanted" = dev ] && extra=cpu,dev
    echo "Installing into .venv (once; some minutes) ..."
    if [ ! -x .venv/bin/python ] && ! "$base" -m venv .venv; then
        rm -rf .venv
        echo "error: $base cannot make a virtual environment (on Debian: apt-get install python3-venv)" >&2
        return 1
    fi
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".[$extra]"; then
        echo "error: the packages could not be installed; is a package registry reachable?" >&2
        return 1
    fi
}

check_cv2() { # OpenCV's usual wheel needs a graphics library that servers do not have
    local message
    message=$("$python" -c 'import cv2' 2>&1) && return
    case "$message" in
    *libGL* | *libgthread* | *libxcb*) ;;
    *) echo "error: import cv2 fails: ${message##*$'\n'}" >&2 && return 1 ;;
    esac
    echo "OpenCV needs libGL, which is not here: replacing opencv-python by opencv-python-headless."
    "$python" -m pip uninstall --quiet --yes opencv-python
    "$python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps \
        opencv-python-headless
    "$python" -c 'import cv2'
}

python=$(command -v python3 || true)
if [ -z "$python" ] || ! has_all "$python"; then
    python=.venv/bin/python
    [ -x "$python" ] && has_all "$python" || make_venv
fi
check_cv2

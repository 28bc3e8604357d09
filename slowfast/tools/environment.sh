# Sourced by every run_*.sh: sets $root, and $python to the active python3 if it has Paddle, else to
# that of .venv; empty if neither has. Then:
#   require_python           for what is to run at once: no Paddle is an error
#   make_environment         for run_demo.sh: installs what is missing, if need be into a new .venv,
#                            and what computes fastest on a CPU
#   make_environment dev     for run_tests.sh: also what the tests need

trap 'trap - INT; kill -INT $$' INT # else the script goes on if a Ctrl-C ends the python below
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=
for candidate in "$(command -v python3 || true)" "$root/.venv/bin/python"; do
    if [ -x "$candidate" ] && "$candidate" -c '
import importlib.util as i, sys; sys.exit(i.find_spec("paddle") is None)' 2>/dev/null; then
        python=$candidate
        break
    fi
done
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

require_python() { # ends the script with one line where there is nothing to run it with
    [ -n "$python" ] && return
    echo "error: no python3 with Paddle here: bash $root/run_demo.sh makes one in .venv" >&2
    exit 1
}

make_environment() { # [EXTRAS]: $python has all that the project needs
    local extras=${1:-fast} needs="cv2 numpy yaml pooch requests visualdl matplotlib av openvino onnx"
    [ "$extras" = dev ] && needs="$needs nncf onnxruntime gradio sklearn material jieba markdown_it pytest xdist ruff mypy importlinter pre_commit setuptools wheel"
    if [ -z "$python" ]; then
        make_venv
    elif [ -n "$(missing)" ]; then
        echo "Installing what $python lacks: $(missing) ..."
        install "$extras"
    fi
    check_cv2
}

missing() { # the names of the packages that $python lacks
    "$python" - $needs <<'PY'
import signal
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback
import importlib.util, sys
print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name) is None))
PY
}

find_python() { # an interpreter that Paddle has wheels for, or a line that says so
    for name in python3 python3.12 python3.11 python3.10 python3.13; do
        if "$name" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$name" && return
        fi
    done
    echo "error: python3 from 3.10 to 3.13 is needed (this one: $(python3 --version 2>&1))" >&2
    return 1
}

install() { # EXTRAS: into $python
    local quietly=--quiet
    [ -t 1 ] && quietly= # on a terminal pip shows its progress
    if ! "$python" -m pip install $quietly --disable-pip-version-check -e "$root${1:+[$1]}"; then
        echo "error: packages could not be installed into $python; is a package registry reachable?" >&2
        return 1
    fi
}

make_venv() {
    local base
    base=$(find_python) || return 1
    echo "Installing into .venv (once; some minutes) ..."
    if [ ! -x "$root/.venv/bin/python" ] && ! "$base" -m venv "$root/.venv"; then
        rm -rf "$root/.venv"
        echo "error: $base cannot make a virtual environment (on Debian: apt-get install python3-venv)" >&2
        return 1
    fi
    python=$root/.venv/bin/python
    install "cpu${extras:+,$extras}" || return 1
    if nvidia-smi -L >/dev/null 2>&1; then
        echo "A GPU answers here, and this is the CPU wheel of Paddle. To use the GPU, put the wheel for"
        echo "your CUDA in its place (https://www.paddlepaddle.org.cn/install), for example for CUDA 12.6:"
        echo "  .venv/bin/python -m pip uninstall -y paddlepaddle"
        echo "  .venv/bin/python -m pip install paddlepaddle-gpu==3.3.1 -i https://www.paddlepaddle.org.cn/packages/stable/cu126/"
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

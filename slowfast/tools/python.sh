# Sourced by every run_*.sh: sets $root, and $python to the active python3 if it has Paddle, else to
# that of .venv; empty if neither has. Keeps the libraries' remarks off the screen (see quiet.py).

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=
for candidate in "$(command -v python3 || true)" "$root/.venv/bin/python"; do
    if [ -x "$candidate" ] && "$candidate" -c '
import importlib.util as i, sys; sys.exit(i.find_spec("paddle") is None)' 2>/dev/null; then
        python=$candidate
        break
    fi
done
quiet="ignore:No ccache found:UserWarning,ignore:When training:UserWarning"
export PYTHONWARNINGS="${PYTHONWARNINGS-$quiet}" GLOG_minloglevel="${GLOG_minloglevel-2}"
export OPENCV_LOG_LEVEL="${OPENCV_LOG_LEVEL-ERROR}" OPENCV_FFMPEG_LOGLEVEL="${OPENCV_FFMPEG_LOGLEVEL--8}"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

require_python() { # ends the script with one line where there is nothing to run it with
    [ -n "$python" ] && return
    echo "error: no python3 with Paddle here: bash $root/run_demo.sh makes one in .venv" >&2
    exit 1
}

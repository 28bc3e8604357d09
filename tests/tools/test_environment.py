"""environment.sh with stand-ins for python, for machines that are not this one."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from support.paths import REPOSITORY

STAND_IN = """#!/usr/bin/env bash
# A python with Paddle, whose cv2 lacks libGL until opencv-python-headless is installed.
echo "$@" >> calls.txt
case "$*" in
"-c import cv2")
    grep -q "opencv-python-headless" calls.txt && exit 0
    echo "ImportError: ERROR_TEXT: cannot open shared object file" >&2
    exit 1 ;;
esac
exit 0
"""

LACKING = """#!/usr/bin/env bash
# A python with Paddle, without pooch and pytest.
echo "$@" >> calls.txt
[ "$1" = - ] || exit 0
lacks=
for name in "$@"; do case $name in pooch | pytest) lacks="$lacks $name" ;; esac; done
echo $lacks
"""

NO_PADDLE = """#!/usr/bin/env bash
# A python that makes a venv, whose python notes what it is called with.
case "$*" in
*'find_spec("paddle")'*) exit 1 ;;
"-m venv "*)
    mkdir -p "$3/bin"
    printf '#!/usr/bin/env bash\\necho "$@" >> calls.txt\\n' > "$3/bin/python"
    chmod +x "$3/bin/python" ;;
esac
"""

OLD = """#!/usr/bin/env bash
[ "$1" = --version ] && echo "Python 3.9.1" && exit 0
exit 1
"""

SOURCE = "set -euo pipefail; . slowfast/tools/environment.sh; "
SAY = 'echo "python is $python"'
MAKE = f"{SOURCE} make_environment; {SAY}"


def run(folder: Path, script: str, *pythons: tuple[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a script in a copy of the tools, where ``(name, text)`` are the interpreters."""
    tools = folder / "slowfast" / "tools"
    tools.mkdir(parents=True)
    shutil.copy(REPOSITORY / "slowfast" / "tools" / "environment.sh", tools)
    for wrapper in ("run_train_single.sh", "run_tests.sh"):
        shutil.copy(REPOSITORY / wrapper, folder)
    for name, text in pythons:
        python = folder / "bin" / name
        python.parent.mkdir(exist_ok=True)
        python.write_text(text)
        python.chmod(0o755)
    env = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder)}
    command = ["bash", "-c", script]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def test_without_libgl_the_headless_wheel_replaces_the_usual_one(tmp_path: Path) -> None:
    done = run(tmp_path, MAKE, ("python3", STAND_IN.replace("ERROR_TEXT", "libGL.so.1")))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "OpenCV needs libGL, which is not here: replacing opencv-python by opencv-python-headless.",
        f"python is {tmp_path}/bin/python3",
    ]
    calls = (tmp_path / "calls.txt").read_text()
    assert "pip uninstall --quiet --yes opencv-python\n" in calls


def test_another_fault_of_cv2_is_shown_and_nothing_is_replaced(tmp_path: Path) -> None:
    done = run(tmp_path, MAKE, ("python3", STAND_IN.replace("ERROR_TEXT", "numpy is broken")))
    assert done.returncode == 1
    assert done.stderr.startswith("error: import cv2 fails: ImportError: numpy is broken")
    assert "pip" not in (tmp_path / "calls.txt").read_text()


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    names = ("python3", "python3.10", "python3.11", "python3.12", "python3.13")
    done = run(tmp_path, MAKE, *((name, OLD) for name in names))
    assert done.returncode == 1
    assert "python3 from 3.10 to 3.13 is needed (this one: Python 3.9.1)" in done.stderr


def test_a_wrapper_without_paddle_says_how_to_get_it(tmp_path: Path) -> None:
    done = run(tmp_path, "bash run_train_single.sh", ("python3", OLD))
    line = f"error: no python3 with Paddle here: bash {tmp_path}/run_demo.sh makes one in .venv\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_wrappers_and_demo_take_the_same_python(tmp_path: Path) -> None:
    """The active one if it has Paddle, whatever .venv has."""
    has_paddle = "#!/usr/bin/env bash\nexit 0\n"
    venv = tmp_path / ".venv" / "bin" / "python"
    venv.parent.mkdir(parents=True)
    venv.write_text(has_paddle)
    venv.chmod(0o755)
    for python in (f"{tmp_path}/bin/python3", str(venv)):
        for make in ("", "make_environment; ", "require_python; "):
            done = run(tmp_path, f"{SOURCE} {make} {SAY}", ("python3", has_paddle))
            assert done.stdout == f"python is {python}\n", done.stderr
            shutil.rmtree(tmp_path / "slowfast")
        has_paddle = OLD


@pytest.mark.parametrize(
    ("extras", "lacks", "target"), [("", "pooch", "[fast]"), ("dev", "pooch pytest", "[dev]")]
)
def test_what_is_missing_is_installed_for_demo_and_tests(
    tmp_path: Path, extras: str, lacks: str, target: str
) -> None:
    done = run(tmp_path, f"{SOURCE} make_environment {extras}", ("python3", LACKING))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Installing what {tmp_path}/bin/python3 lacks: {lacks} ...\n"
    calls = (tmp_path / "calls.txt").read_text()
    assert f"-m pip install --quiet --disable-pip-version-check -e {tmp_path}{target}\n" in calls


def test_without_paddle_the_project_is_installed_into_a_new_venv(tmp_path: Path) -> None:
    done = run(tmp_path, MAKE, ("python3", NO_PADDLE), ("nvidia-smi", "exit 1\n"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Installing into .venv (once; some minutes) ...",
        f"python is {tmp_path}/.venv/bin/python",
    ]
    calls = (tmp_path / "calls.txt").read_text()
    assert f"-m pip install --quiet --disable-pip-version-check -e {tmp_path}[cpu,fast]\n" in calls


def test_only_demo_and_tests_may_install() -> None:
    texts = {path.name: path.read_text() for path in REPOSITORY.glob("run_*.sh")}
    assert all(". " in text and "/tools/environment.sh" in text for text in texts.values())
    making = {name for name, text in texts.items() if "make_environment" in text}
    requiring = {name for name, text in texts.items() if "require_python" in text}
    assert making == {"run_demo.sh", "run_tests.sh"} and requiring == set(texts) - making


CHECKS = [
    "-m ruff check .",
    "-m ruff format --check .",
    "-m mypy",
    "lint_imports_command",
    "-m pytest",
]


@pytest.mark.parametrize("failing", range(len(CHECKS) + 1))
def test_run_tests_makes_all_checks_until_one_fails(tmp_path: Path, failing: int) -> None:
    """The last case: none fails."""
    fails = CHECKS[failing] if failing < len(CHECKS) else "nothing"
    python = f"""#!/usr/bin/env bash
echo "$@" >> calls.txt
case "$*" in *"{fails}"*) exit 3 ;; esac
"""
    done = run(tmp_path, 'bash "run_tests.sh" -k "a word"', ("python3", python))
    assert done.returncode == (3 if failing < len(CHECKS) else 0), done.stderr
    calls = (tmp_path / "calls.txt").read_text().splitlines()
    made = [check for call in calls for check in CHECKS if check in call]
    assert made == CHECKS[: failing + 1]
    if failing >= len(CHECKS) - 1:
        assert calls[-1].endswith("-m not slow -k a word")


def test_a_ctrl_c_while_it_looks_for_paddle_ends_the_script(tmp_path: Path) -> None:
    """Whatever the python below makes of it."""
    for status in (0, 1):
        python = tmp_path / "python3"
        python.write_text(f"#!/usr/bin/env bash\nkill -INT $PPID\nexit {status}\n")
        python.chmod(0o755)
        env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", str(REPOSITORY / "run_infer_single.sh"), "a.mp4"], cwd=tmp_path, env=env,
            capture_output=True, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")

"""Starting runs: the shell wrappers, and the settings that they make."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.interrupted import run_interrupted
from support.paths import REPOSITORY
from support.telling import started, telling
from support.tiny_run import environment, save_tiny_model, tiny_config, tiny_data, write_tiny_config

from slowfast import distributed
from slowfast.tools import launch

CONFIGS = REPOSITORY / "configs/recognition/slowfast"
ECHO = '#!/usr/bin/env bash\n[ "$1" = -c ] || printf "%s\\n" "$@"\n'
"""A python with Paddle that says what it is called with."""


def bash(
    script: Path, *flags: str | Path, cwd: Path, python: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a wrapper with ``python``'s folder first on the PATH, and so the active python3."""
    env = environment() | variables | {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    env.pop("OMP_NUM_THREADS")
    command = ["bash", str(script), *map(str, flags)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize("how", ["multi", "single"])
@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("train", ["log_slowfast", "--validate", "-c"]),
        ("eval", ["log_slowfast_test", "--test"]),
        ("infer", ["log_slowfast_infer", "--infer"]),
    ],
)
def test_wrappers_are_strict_short_and_pass_everything_on(
    tmp_path: Path, what: str, words: list[str], how: str
) -> None:
    """Through a link, and from elsewhere."""
    script, python = REPOSITORY / f"run_{what}_{how}.sh", tmp_path / "python3"
    text = script.read_text()
    assert "set -euo pipefail" in text and len(text.splitlines()) <= 15
    (tmp_path / "link.sh").symlink_to(script)
    python.write_text(ECHO)
    python.chmod(0o755)
    done = bash(tmp_path / "link.sh", "a b", "-o", "c=d", cwd=tmp_path, python=python)
    if what == "train":
        name = "slowfast" if how == "multi" else "slowfast-single"
        words = [*words, f"{CONFIGS}/{name}.yaml"]
    called = ["-m", "slowfast.tools.launch", how, *words, "a b", "-o", "c=d"]
    assert done.stdout.splitlines() == called, done.stderr


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--validate", "-c", f"{CONFIGS}/slowfast.yaml"],
         ["data/k400/train.list", "docs/data.md", "bash run_demo.sh"]),
        (["--validate", "-c", f"{CONFIGS}/slowfast-single.yaml"],
         ["data/k400/train.list", "docs/data.md", "bash run_demo.sh"]),
        (["--test"], ["there is no output/SlowFast/SlowFast_best.pdparams"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_once_and_before_anything_starts(
    own_folder: Path, words: list[str], parts: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert launch.main(["multi", "log", *words]) == 1
    said = capfd.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert all(part in said.err for part in parts)


@pytest.mark.slow
def test_several_processes_train(tmp_path: Path) -> None:
    """GPUs that are hidden leave the processes on the CPU. They share the cores."""
    folder = tmp_path / "with space"
    folder.mkdir()
    write_tiny_config(folder)
    done = bash(
        REPOSITORY / "run_train_multi.sh", "-c", "tiny.yaml", "-o", "train.epochs=1", cwd=folder,
        python=Path(sys.executable), CUDA_VISIBLE_DEVICES="", **telling(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "total batch 4 x 2 = 8" in done.stdout and "END epoch:1 val" in done.stdout
    assert (folder / "log_slowfast" / "workerlog.1").exists()
    assert (folder / "out" / "SlowFast_best.pdparams").exists()
    processes = started(tmp_path, "slowfast")
    assert [each["threads"] for each in processes] == 2 * [max(distributed.own_cores() // 2, 1)]


def test_a_single_process_has_the_runs_status_and_all_cores(tmp_path: Path) -> None:
    weights = save_tiny_model(tiny_config(tmp_path, "test.num_clips=1"))
    video = tiny_data() / "val" / "000000.mp4"
    done = bash(
        REPOSITORY / "run_infer_single.sh", video, "nowhere.mp4", "-w", weights, cwd=tmp_path,
        python=Path(sys.executable), **telling(tmp_path),
    )  # fmt: skip
    assert done.returncode == 1
    assert "not read: nowhere.mp4" in done.stdout
    assert (tmp_path / "data" / "results" / "result.json").exists()
    assert [each["threads"] for each in started(tmp_path, "slowfast")] == [distributed.own_cores()]
    assert "WISELY" not in done.stderr  # Paddle's advice


@pytest.mark.parametrize("text", ["0", "two", "-1"])
def test_a_wrong_number_of_processes_is_one_line(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    logging_as_it_was: None,
) -> None:  # fmt: skip
    monkeypatch.setenv("PROCESSES", text)
    assert launch.main(["multi", "log", "--summary"]) == 1
    assert capsys.readouterr().err == f"error: PROCESSES={text} is not a positive whole number\n"


def test_the_launcher_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        launch.main(["--help"])
    assert ended.value.code == 0
    assert "{multi,single}" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(("number", "after", "status"), [
    (signal.SIGINT, 20, -signal.SIGINT), (signal.SIGTERM, 20, 143),
    (signal.SIGINT, 900, 130), (signal.SIGTERM, 900, 143),  # while it imports Paddle
])  # fmt: skip
def test_a_signal_while_python_imports_ends_it_before_the_run_starts(
    tmp_path: Path, number: int, after: int, status: int
) -> None:
    write_tiny_config(tmp_path)
    command = ["-m", "slowfast.tools.launch", "multi", "log", "-c", "tiny.yaml"]
    done = run_interrupted(command, number, after, tmp_path)
    said = "interrupted\n" if status > 0 else ""
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said)
    assert not (tmp_path / "log").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_of_several_processes(tmp_path: Path, number: int) -> None:
    write_tiny_config(tmp_path)
    command = [sys.executable, "-m", "slowfast.tools.launch", "multi", "log", "-c", "tiny.yaml"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment() | {"PROCESSES": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stdout.readline()  # it trains
        process.send_signal(number)
        said, told = process.communicate(timeout=60)
    logs = "".join(log.read_text() for log in tmp_path.glob("log/workerlog.*"))
    assert process.returncode == 128 + number
    assert told.startswith("interrupted") and told.count("\n") == 1
    assert not any(word in said + told + logs for word in ("Traceback", "FatalError"))


@pytest.mark.slow
def test_a_run_of_several_processes_goes_on_though_nobody_reads_it(own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder, "test.num_clips=1"))
    command = f"'{sys.executable}' -m slowfast.tools.launch multi log --infer '{tiny_data()}/val' "
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} -w '{weights}' --out a.json | head -1"],
        env=environment() | {"PROCESSES": "1"}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.count("\n") == 1
    assert Path("a.json").exists()

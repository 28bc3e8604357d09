"""How a command ends: its status, its one line, and what signals do to it."""

import argparse
import os
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from support.tiny_run import run_script

from slowfast import distributed
from slowfast.cli.command import (
    GOES_ON,
    NO_PADDLE,
    in_home,
    new_parser,
    number_between,
    program,
    run,
    whole_number,
)
from slowfast.errors import UserError
from slowfast.signals import INTERRUPTS, Terminated


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_the_status_is_that_of_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert [run(lambda: None), run(lambda: 0), run(lambda: 3)] == [0, 0, 3]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("error", "status", "line"), [
    (UserError("a.list: no label"), 1, "error: a.list: no label"),
    (OSError(28, "No space left on device", "out/a"), 1, "error: out/a: No space left on device"),
    (MemoryError(), 1, "error: out of memory"),
    (MemoryError("C++ ...\n---\nError Message Summary:\n---\nGPU 0: no 4 GB"), 1,
     "error: out of memory: GPU 0: no 4 GB"),
    (ModuleNotFoundError("No module", name="paddle"), 1, NO_PADDLE),
    (ModuleNotFoundError("No module", name="cv2"), 1,
     "error: opencv-python is not installed: pip install opencv-python"),
    (KeyboardInterrupt(), 130, f"interrupted ({GOES_ON})"),
    (KeyboardInterrupt("x is saved"), 130, f"interrupted: x is saved ({GOES_ON})"),
    (Terminated("x is saved"), 143, f"interrupted: x is saved ({GOES_ON})"),
])  # fmt: skip
def test_what_a_user_can_mend_is_one_line(
    error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error)) == status
    assert capsys.readouterr() == ("", f"{line}\n")


def test_what_to_do_after_an_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(KeyboardInterrupt()), hint="go on so") == 130
    assert run(raising(KeyboardInterrupt()), hint="") == 130
    assert capsys.readouterr().err == "interrupted (go on so)\ninterrupted\n"


def test_paths_of_flags_may_begin_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    parser = new_parser("slowfast.tools.score", "about")
    kind = parser.add_subparsers().add_parser("kind")
    kind.add_argument("--out", type=Path, default="~/none")
    kind.add_argument("file", type=in_home)
    found = parser.parse_args(["kind", "~/a b", "--out=~/x/~"])
    assert (found.file, found.out) == ("/home/me/a b", Path("/home/me/x/~"))


@pytest.mark.parametrize(("typed", "module", "name"), [
    ("/a/main.py", "slowfast", "main.py"),
    ("/usr/bin/slowfast", "slowfast", "slowfast"),
    ("/a/slowfast/__main__.py", "slowfast", "python -m slowfast"),
    ("slowfast-build-list", "slowfast.tools.build_list", "slowfast-build-list"),
    ("build_list.py", "slowfast.tools.build_list", "python -m slowfast.tools.build_list"),
])  # fmt: skip
def test_a_command_is_called_as_it_was_typed(
    typed: str, module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [typed])
    assert program(module) == name


@pytest.mark.parametrize("error", [
    AssertionError("an invariant"), RuntimeError("of Paddle"),
    ModuleNotFoundError("of ours", name="slowfast.x"),
])  # fmt: skip
def test_our_own_faults_are_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        run(raising(error))


def test_where_another_process_has_ended_its_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(distributed, "error_of_another_process", lambda: "error: a.mp4: empty")
    assert run(raising(RuntimeError("connection reset"))) == 1
    assert capsys.readouterr().err == "error: a.mp4: empty\n"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_ends_it_once(number: signal.Signals, status: int) -> None:
    """A second one does not cut off what is put in order at the end."""
    before = [signal.signal(each, signal.default_int_handler) for each in INTERRUPTS]
    ended = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
        finally:
            for each in INTERRUPTS:
                os.kill(os.getpid(), each)
            ended.append("in order")

    try:
        assert run(work) == status
        assert ended == ["in order"]
        assert {signal.getsignal(each) for each in INTERRUPTS} == {signal.default_int_handler}
    finally:
        for each, handler in zip(INTERRUPTS, before, strict=True):
            signal.signal(each, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_was_ignored_stays_ignored(number: signal.Signals) -> None:
    """As nohup ignores SIGHUP, and a shell Ctrl-C for what it runs in the background."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert run(lambda: os.kill(os.getpid(), number)) == 0
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def refusal(flag: Callable[[str], float], text: str) -> str:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        flag(text)
    return str(caught.value)


def test_whole_numbers_of_flags() -> None:
    assert [whole_number(0)("0"), whole_number(1, 8)("8"), whole_number(2)("100")] == [0, 8, 100]
    for text in ("0", "-1", "1.5", "two", "", "１"):
        assert refusal(whole_number(1), text) == f"{text!r} is not a whole number from 1 on"
    assert refusal(whole_number(1, 4096), "4097") == "'4097' is not a whole number from 1 to 4,096"


def test_numbers_of_flags() -> None:
    assert [number_between(0, 60)("60"), number_between(0, 1)("1e-3")] == [60, 0.001]
    for text in ("0", "-1", "nan", "x", "", "3601", "inf"):
        message = refusal(number_between(0, 3600), text)
        assert message == f"{text!r} is not a number above 0 and up to 3,600"
    assert number_between(0, sys.float_info.max, below=1)("0.5") == 0.5
    message = refusal(number_between(0, sys.float_info.max, below=1), "1")
    assert message == "'1' is not a number above 0 and below 1"
    assert refusal(number_between(0, float("inf")), "0") == "'0' is not a number above 0"


def test_a_signal_ends_work_while_paddle_handles_signals_itself(tmp_path: Path) -> None:
    text = textwrap.dedent(
        """
        import os, signal
        from slowfast import distributed
        from slowfast.cli.command import run

        def work():
            import paddle
            distributed.start("cpu", seed=0)
            os.kill(os.getpid(), signal.SIGTERM)
            raise SystemExit("it goes on")

        print(run(work, with_paddle=True))
        """
    )
    (said,) = run_script(text, cwd=tmp_path)
    assert said == f"143\ninterrupted ({GOES_ON})\n"


def test_what_is_wrong_with_flags_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    parser = new_parser("slowfast.tools.check_videos", None)
    with pytest.raises(SystemExit):
        parser.parse_args(["a\nb\x1b"])
    usage, _, said = capsys.readouterr().err.partition("python -m slowfast.tools.check_videos: ")
    assert said == "error: unrecognized arguments: a\\nb\\x1b\n"


def test_an_url_is_no_place_for_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """And what is secret in it is not shown."""
    parser = new_parser("slowfast.tools.check_videos", None)
    parser.add_argument("--out", type=Path)
    for flags in (["--out", "rtsp://me:secret@host/live"], ["http://me:secret@host/a"]):
        with pytest.raises(SystemExit):
            parser.parse_args(flags)
        said = capsys.readouterr().err
        assert "://***@host/" in said and "secret" not in said

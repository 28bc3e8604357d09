"""The command line: each mode, its one-line errors, and its exit status."""

import argparse
import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.small_run import touch_videos, write_weights
from support.tiny_run import main_py

from slowfast.cli import main
from slowfast.cli.inputs import Inputs
from slowfast.config import Config
from slowfast.errors import UserError


def refusal(flags: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a command that a user has got wrong."""
    assert main.main(flags) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


@pytest.mark.parametrize("mode", [[], ["--summary"], ["--test", "-w", "x"]])
@pytest.mark.parametrize(("flags", "complaint"), [
    (["-c", "nowhere.yaml"], "config nowhere.yaml cannot be read: No such file or directory"),
    (["-c", "small.yaml", "-o", "train.epochs=ten"], "-o train.epochs='ten' is not a whole number"),
    (["-c", "small.yaml", "--seed", "-1"], "seed=-1 must not be negative"),
])  # fmt: skip
def test_a_wrong_config(
    mode: list[str], flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal([*mode, *flags], capsys) == complaint
    assert os.listdir() == ["small.yaml"]


WEIGHTS: list[tuple[Callable[[str], None] | None, list[str], str]] = [
    (None, ["-c", "small.yaml"],
     "no -w given, and there is no out/SlowFast_best.pdparams from a training run"),
    (None, ["-w", "run/w.pdparams"],
     "weights run/w.pdparams cannot be read: No such file or directory"),
    (write_weights, ["-w", "run/w.pdparams"],
     "there is no run/config.yaml beside the weights: name a config with -c; another system's "
     "weights get theirs from python -m slowfast.tools.convert_weights run/w.pdparams "
     "NEW.pdparams"),
    (functools.partial(write_weights, num_classes=7), ["-c", "small.yaml", "-w", "run/w.pdparams"],
     "weights run/w.pdparams do not fit the network: head.projection.weight is [288, 7] in "
     "the file, [288, 5] in the network; head.projection.bias is [7] in the file, [5] in the "
     "network"),
]  # fmt: skip


@pytest.mark.parametrize("mode", [["--test"], ["--infer", "a.mp4"], ["--export", "x"]])
@pytest.mark.parametrize(("make", "flags", "complaint"), WEIGHTS)
def test_wrong_weights(
    mode: list[str], make: Callable[[str], None] | None, flags: list[str], complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    touch_videos()
    Path("val.list").write_text("a.mp4 1\n")
    if make:
        make("run/w.pdparams")
    assert refusal([*mode, *flags], capsys) == complaint


@pytest.mark.parametrize(("mode", "flags", "line"), [
    ("_train", [], "interrupted (go on with --resume auto)"),
    ("_test", ["--test", "--out", "a.npz"], "interrupted (the same command goes on)"),
    ("_test", ["--test"], "interrupted"),
    ("_infer", ["--infer", "a.mp4"], "interrupted (the same command goes on)"),
    ("_export", ["--export", "x"], "interrupted"),
    ("_summarize", ["--summary"], "interrupted"),
])  # fmt: skip
def test_each_mode_says_how_to_go_on_after_an_interruption(
    mode: str, flags: list[str], line: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def interrupted(args: argparse.Namespace) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, mode, interrupted)
    assert main.main(flags) == 130
    assert capsys.readouterr().err == f"{line}\n"


def test_an_exported_network_explains_nothing(tmp_path: Path) -> None:
    args = argparse.Namespace(explain=tmp_path / "why")
    with pytest.raises(UserError, match="which .* does not have: name the weights that it was"):
        main._explain(args, Inputs(Config(), str(tmp_path), [], None))
    assert not args.explain.exists()


def test_main_py_ends_with_one_line_and_status_one(tmp_path: Path) -> None:
    done = main_py("-c", "small.yaml", "-o", "data.num_frames=30", cwd=tmp_path)
    line = "error: data.num_frames=30 is not divisible by model.alpha=4\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)

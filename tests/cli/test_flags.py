"""The flags: what they mean, and which go together."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from slowfast.cli.flags import is_training, overrides, parse_args
from slowfast.config import Config, load_config
from slowfast.config.built_in import DEFAULT_CONFIG


def parse(*flags: str) -> dict[str, Any]:
    return vars(parse_args(list(flags)))


def test_without_flags_it_trains_by_the_default_config() -> None:
    assert parse() == {
        "config": None, "override": [], "validate": False, "test": False, "infer": None,
        "summary": False, "export": None, "paths": [], "weights": None, "resume": None,
        "seed": None, "deterministic": False, "max_iters": None, "device": "auto",
        "average_clips": None, "backend": None, "views": None, "precision": None,
        "calibration": None, "eval": None,
        "out": None, "report": None, "top": None, "annotate": None, "timeline": None,
        "boxes": None, "detector": None, "every": None,
        "explain": None, "amp": False, "amp_level": None, "multigrid": False,
    }  # fmt: skip
    data = dataclasses.replace(Config().data, labels="kinetics400")
    assert load_config(DEFAULT_CONFIG) == dataclasses.replace(Config(), data=data)


def test_flags_of_training_and_of_a_test() -> None:
    found = parse(
        "--validate", "-c", "a.yaml", "-o", "seed=1", "data.root=x", "-o", "train.epochs=2",
        "--seed", "3", "--max_iters", "7", "--device", "cpu", "--deterministic", "-w", "w.pdparams",
    )  # fmt: skip
    assert found == parse() | {
        "validate": True, "deterministic": True, "config": "a.yaml", "weights": "w.pdparams",
        "override": ["seed=1", "data.root=x", "train.epochs=2"], "seed": 3, "max_iters": 7,
        "device": "cpu",
    }  # fmt: skip
    assert parse("--test", "--out", "a/b.npz")["out"] == Path("a/b.npz")
    found = parse("--infer", "a.mp4", "--out", "a/b.json", "--top", "3")
    assert (found["out"], found["top"]) == (Path("a/b.json"), 3)


def test_metrics_of_each_task() -> None:
    for names in (["top_k_accuracy", "mean_class_accuracy"], ["mean_average_precision", "f1"]):
        assert parse_args(["--test", "--eval", *names]).eval == names
    with pytest.raises(SystemExit):
        parse_args(["--test", "--eval", "mAP"])


@pytest.mark.parametrize(
    ("flags", "resume"),
    [(["--resume"], "auto"), (["--resume", "auto"], "auto"), (["--resume", "--validate"], "auto"),
     (["--resume", "out/a.pdparams"], "out/a.pdparams")],
)  # fmt: skip
def test_resume_with_and_without_a_file(flags: list[str], resume: str) -> None:
    assert parse(*flags)["resume"] == resume


@pytest.mark.parametrize(
    "line", ["--infer a.mp4 b.avi -w x", "-w x --infer a.mp4 b.avi", "--infer a.mp4 -w x b.avi",
             "--infer -w x a.mp4 b.avi"],
)  # fmt: skip
def test_videos_stand_anywhere_after_infer(line: str) -> None:
    found = parse(*line.split())
    assert (found["infer"], found["weights"]) == (["a.mp4", "b.avi"], "x")


@pytest.mark.parametrize(("line", "complaint"), [
    ("--infer", "--infer needs a video, a folder or a list"),
    ("--test --infer a.mp4", "not allowed with argument"),
    ("--test --summary", "not allowed with argument"),
    ("--test --export x", "not allowed with argument"),
    ("--export", "expected one argument"),
    ("--export x a.mp4", "unrecognized arguments: a.mp4"),
    ("--export x --validate", "--validate is for training"),
    ("--export x --out a.npz", "--out is for --test and --infer"),
    ("--export x --views 1x1", "--views is for --test and --infer"),
    ("--export x --average-clips prob", "--average-clips is for --test and --infer"),
    ("--export x --device gpu", "--export computes on the CPU"),
    ("a.mp4", "unrecognized arguments: a.mp4"),
    ("--test a.mp4", "unrecognized arguments: a.mp4"),
    ("--test --validate", "--validate is for training"),
    ("--test --resume", "--resume is for training"),
    ("--infer a.mp4 --max_iters 3", "--max_iters is for training"),
    ("--summary --validate", "--validate is for training"),
    ("--summary -w a.pdparams", "--summary describes a config"),
    ("--max_iters 0", "'0' is not a whole number from 1 on"),
    ("--average-clips prob", "--average-clips is for --test and --infer"),
    ("--test --average-clips median", "invalid choice: 'median'"),
    ("--views 10x3", "--views is for --test and --infer"),
    ("--precision bf16", "--precision is for --test and --infer"),
    ("--summary --calibration a.list", "--calibration is for --test and --infer"),
    ("--test --precision fp16", "invalid choice: 'fp16'"),
    ("--summary --views auto", "--views is for --test and --infer"),
    ("--test --views auto", "--test computes all views, as published accuracies are measured"),
    ("--infer a.mp4 --views 10x2", "10x2 is not auto or CLIPSxCROPS, with 1 or 3 crops: 10x3"),
    ("--infer a.mp4 --views 0x3", "0x3 is not auto or CLIPSxCROPS"),
    ("--boxes whole", "--boxes is for --infer"),
    ("--test --detector m.onnx", "--detector is for --infer"),
    ("--infer a.mp4 --boxes b.csv --every 2", "--every is for --boxes whole and --detector"),
    ("--infer a.mp4 --boxes whole --every 0", "argument --every: '0' is not a number above 0"),
    ("--infer a.mp4 --boxes whole --every 1e-9", "'1e-9' is not a number above 0.01"),
    ("--infer a.mp4 --boxes b.csv --detector m.onnx", "argument --detector: not allowed with"),
    ("--eval top_k_accuracy", "--eval is for --test"),
    ("--infer a.mp4 --eval top_k_accuracy", "--eval is for --test"),
    ("--infer a.mp4 --out a.npz", "--out: a.npz does not end with .json"),
    ("--out a.npz", "--out is for --test and --infer"),
    ("--summary --out a.json", "--out is for --test and --infer"),
    ("--test --top 3", "--top is for --infer"),
    ("--report rep", "--report is for --test"),
    ("--infer a.mp4 --report rep", "--report is for --test"),
    (f"--test --report {__file__}", "is a file, not a folder"),
    ("--infer a.mp4 --top 0", "'0' is not a whole number from 1 on"),
    ("--test --out a.pkl", "a.pkl does not end with .npz"),
    ("--test --eval accuracy", "invalid choice: 'accuracy' (choose from"),
    (f"--infer --timeline {__file__}", f"argument --timeline: {__file__} is a file, not a folder: "
     "put this flag behind the videos, or name a folder"),
    (f"--infer a.mp4 --explain {__file__}", "is a file, not a folder"),
    (f"--infer a.mp4 --annotate {__file__}", "is a file, not a folder"),
    ("--infer a.mp4 --annotate=", "argument --annotate: a folder has a name"),
    ("--resume --weights w.pdparams", "--resume has its own weights"),
    ("--test --amp", "--amp is for training"),
    ("--amp_level O2", "--amp_level is for --amp"),
    ("--infer a.mp4 --multigrid", "--multigrid is for training"),
    ("--device tpu", "invalid choice: 'tpu'"),
    ("--seed x", "invalid int value: 'x'"),
    ("--no-such-flag", "unrecognized arguments: --no-such-flag"),
])  # fmt: skip
def test_flags_that_do_not_go_together(
    line: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_args(line.split())
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert complaint in said and said.count("\n") == 1


@pytest.mark.parametrize(("flags", "expected"), [
    ([], []),
    (["--seed", "0"], ["seed=0"]),
    (["-o", "seed=1", "--seed", "2"], ["seed=1", "seed=2"]),
    (["--test", "--average-clips", "score"], ["test.average_clips=score"]),
    (["--infer", "a.mp4", "--views", "auto"], []),
    (["--infer", "a.mp4", "--views", "1x1"], ["test.num_clips=1", "test.num_crops=1"]),
    (["--test", "--views", "5x3"], ["test.num_clips=5", "test.num_crops=3"]),
    (["--test", "--precision", "int8", "--calibration", "a.list"],
     ["test.precision=int8", "test.calibration_list=a.list"]),
    (["--amp"], ["train.amp=O1"]),
    (["--amp", "--amp_level", "O2"], ["train.amp=O2"]),
    (["--multigrid"], ["train.multigrid=true"]),
])  # fmt: skip
def test_what_flags_say_of_the_config(flags: list[str], expected: list[str]) -> None:
    assert overrides(parse_args(flags)) == expected


@pytest.mark.parametrize(
    ("flags", "trains"),
    [([], True), (["--resume"], True), (["--test"], False), (["--summary"], False),
     (["--infer", "a.mp4"], False), (["--export", "x"], False)],
)  # fmt: skip
def test_it_trains_unless_told_otherwise(flags: list[str], trains: bool) -> None:
    assert is_training(parse_args(flags)) == trains


def test_paths_may_begin_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    found = parse("--infer", "~/a", "b", "-w=~/w", "-c=~/c")
    assert found["infer"] == ["/home/me/a", "b"]
    assert (found["weights"], found["config"]) == ("/home/me/w", "/home/me/c")
    assert parse("--test", "--out=~/x.npz")["out"] == Path("/home/me/x.npz")
    assert parse("--resume=~/r")["resume"] == "/home/me/r"
    assert parse("--export=~/x")["export"] == Path("/home/me/x")


def test_the_scores_of_a_report_lie_beside_it() -> None:
    assert parse_args(["--test", "--report", "rep"]).out == Path("rep/scores.npz")
    own = parse_args(["--test", "--report", "rep", "--out", "a.npz"])
    assert (own.out, own.report) == (Path("a.npz"), Path("rep"))
    assert parse_args(["--test"]).out is None

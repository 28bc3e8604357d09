"""The command line: its flags, its one-line errors, and --summary."""

import dataclasses
import logging
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import paddle
import pytest
from support.tiny_run import main_py

from slowfast.cli import inputs, main, run_config
from slowfast.cli.flags import parse_args
from slowfast.config import Config, ModelConfig, load_config
from slowfast.models.variants import build_model

SMALL = """
model: {num_classes: 5, slow_depth: 14, fast_depth: 14, width: 8, alpha: 4, stem_kernel: 3}
data:
  root: videos
  train_list: train.list
  val_list: val.list
  num_frames: 8
  min_short_side: 32
  max_short_side: 36
  crop_size: 32
  num_workers: 0
test: {short_side: 32, crop_size: 32}
optim: {warmup_epochs: 1}
train: {epochs: 2, batch_size: 4}
output_dir: out
"""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs in ``tmp_path`` with ``small.yaml``, and leaves logging as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENCV_FFMPEG_LOGLEVEL", "-8")
    Path("small.yaml").write_text(SMALL, encoding="utf-8")
    logger = logging.getLogger("slowfast")
    before = logger.handlers, logger.level, logger.propagate
    yield
    for handler in logger.handlers:
        handler.close()
    logger.handlers, logger.level, logger.propagate = before


def touch_videos() -> None:
    Path("videos").mkdir()
    for name in "abc":
        Path(f"videos/{name}.mp4").touch()


def write_weights(path: str, num_classes: int = 5) -> None:
    """Weights of ``small.yaml``'s network, but for the number of classes."""
    model = load_config("small.yaml", [f"model.num_classes={num_classes}"]).model
    Path(path).parent.mkdir(exist_ok=True)
    paddle.save(build_model(model, 32).state_dict(), path)


def parse(*flags: str) -> dict[str, Any]:
    return vars(parse_args(list(flags)))


@pytest.mark.parametrize("number", ["0", "-1", "two"])
def test_max_iters_is_at_least_one(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--max_iters", number)
    assert f"{number} is not a whole number from 1 on" in capsys.readouterr().err


def test_summary_takes_no_weights(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--summary", "-w", "a.pdparams")
    assert "--summary describes a config" in capsys.readouterr().err


def test_without_flags_it_trains_by_the_default_config() -> None:
    assert parse() == {
        "config": None, "override": [], "validate": False, "test": False, "infer": None,
        "summary": False, "paths": [], "weights": None, "resume": None, "seed": None,
        "deterministic": False, "max_iters": None, "device": "auto", "average_clips": None,
        "eval": None, "out": None, "amp": False, "amp_level": None, "multigrid": False,
    }  # fmt: skip
    data = dataclasses.replace(Config().data, labels="kinetics400")
    assert load_config(run_config.DEFAULT_CONFIG) == dataclasses.replace(Config(), data=data)


def test_flags_of_training() -> None:
    found = parse(
        "--validate", "-c", "a.yaml", "-o", "seed=1", "data.root=x", "-o", "train.epochs=2",
        "--seed", "3", "--max_iters", "7", "--device", "cpu", "--deterministic", "-w", "w.pdparams",
    )  # fmt: skip
    assert found["validate"] is found["deterministic"] is True
    assert found["config"] == "a.yaml"
    assert found["override"] == ["seed=1", "data.root=x", "train.epochs=2"]
    assert (found["seed"], found["max_iters"], found["device"]) == (3, 7, "cpu")
    assert found["weights"] == "w.pdparams"


@pytest.mark.parametrize(
    ("flags", "resume"),
    [
        (["--resume"], "auto"),
        (["--resume", "auto"], "auto"),
        (["--resume", "--validate"], "auto"),
        (["--resume", "out/a.pdparams"], "out/a.pdparams"),
    ],
)
def test_resume_with_and_without_a_file(flags: list[str], resume: str) -> None:
    assert parse(*flags)["resume"] == resume


@pytest.mark.parametrize(
    "flags",
    [
        ["--infer", "a.mp4", "b c.avi", "-w", "x.pdparams"],
        ["-w", "x.pdparams", "--infer", "a.mp4", "b c.avi"],
        ["--infer", "a.mp4", "-w", "x.pdparams", "b c.avi"],
        ["--infer", "-w", "x.pdparams", "a.mp4", "b c.avi"],
    ],
)
def test_videos_stand_anywhere_after_infer(flags: list[str]) -> None:
    found = parse(*flags)
    assert found["infer"] == ["a.mp4", "b c.avi"]
    assert found["weights"] == "x.pdparams"


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--infer"], "--infer needs a video, a folder or a list"),
        (["--test", "--infer", "a.mp4"], "not allowed with argument"),
        (["--test", "--summary"], "not allowed with argument"),
        (["a.mp4"], "unrecognized arguments: a.mp4"),
        (["--test", "a.mp4"], "unrecognized arguments: a.mp4"),
        (["--test", "--validate"], "--validate is for training"),
        (["--test", "--resume"], "--resume is for training"),
        (["--infer", "a.mp4", "--max_iters", "3"], "--max_iters is for training"),
        (["--summary", "--validate"], "--validate is for training"),
        (["--average-clips", "prob"], "--average-clips is for --test and --infer"),
        (["--test", "--average-clips", "median"], "invalid choice: 'median'"),
        (["--eval", "top_k_accuracy"], "--eval is for --test"),
        (["--infer", "a.mp4", "--eval", "top_k_accuracy"], "--eval is for --test"),
        (["--infer", "a.mp4", "--out", "a.npz"], "--out is for --test"),
        (["--test", "--out", "a.pkl"], "a.pkl does not end with .npz"),
        (["--test", "--eval", "accuracy"], "invalid choice: 'accuracy' (choose from"),
        (["--resume", "--weights", "w.pdparams"], "--resume has its own weights"),
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["--seed", "x"], "invalid int value: 'x'"),
        (["--no-such-flag"], "unrecognized arguments: --no-such-flag"),
    ],
)  # fmt: skip
def test_flags_that_do_not_go_together(
    flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(flags)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def refusal(flags: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a command that a user has got wrong."""
    assert main.main(flags) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0].removeprefix("error: ")


@pytest.mark.parametrize("mode", [[], ["--summary"], ["--test", "-w", "x"]])
@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["-c", "nowhere.yaml"], "config nowhere.yaml cannot be read: No such file or directory"),
        (["-c", "small.yaml", "-o", "optim.base_lrr=1"],
         "-o unknown config key 'optim.base_lrr' (did you mean 'optim.base_lr'?)"),
        (["-c", "small.yaml", "-o", "train.epochs=ten"],
         "-o train.epochs='ten' is not a whole number"),
        (["-c", "small.yaml", "-o", "model.alpha=8", "data.num_frames=30"],
         "data.num_frames=30 is not divisible by model.alpha=8"),
        (["-c", "small.yaml", "--seed", "-1"], "seed=-1 must not be negative"),
    ],
)  # fmt: skip
def test_a_wrong_config(
    mode: list[str], flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal([*mode, *flags], capsys) == complaint
    assert os.listdir() == ["small.yaml"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, inputs.NO_TRAINING_LIST.format("train.list or videos/train.list")),
        ("", "train.list: the list is empty"),
        ("a.mp4 1\nb.mp4\n", "train.list:2: no label in 'b.mp4' (a line is 'path label')"),
        ("a.mp4 1\nb.mp4 5\n", "train.list:2: label 5 is not in 0..4"),
        ("a.mp4 1\nb.mp4 2\nc.mp4 3\n",
         "3 samples do not fill one batch of 4 x 1 processes (lower train.batch_size)"),
    ],
)  # fmt: skip
def test_a_wrong_training_list(
    text: str | None, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    touch_videos()
    if text is not None:
        Path("train.list").write_text(text, encoding="utf-8")
    assert refusal(["-c", "small.yaml", "--device", "cpu"], capsys) == complaint


@pytest.mark.parametrize(
    ("text", "flags", "complaint"),
    [
        ("a.mp4 1\ngone.mp4 1\nb.mp4 1\nlost.mp4 1\n", [],
         "train.list: 2 of 4 files are not there, the first is videos/gone.mp4 "
         "(data.on_error=skip goes on without them)"),
        ("a.mp4 1\nb.mp4 1\n" * 2, ["-o", "data.root=elsewhere", "data.on_error=skip"],
         "train.list: 2 of 2 files are not there, the first is elsewhere/a.mp4 "
         "(there is no folder data.root=elsewhere)"),
        ("gone.mp4 1\n" * 4, ["-o", "data.on_error=substitute"],
         "train.list: 1 of 1 files are not there, the first is videos/gone.mp4 "
         "(data.root=videos)"),
    ],
)  # fmt: skip
def test_missing_videos_are_an_error_before_anything_starts(
    text: str, flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    touch_videos()
    Path("train.list").write_text(text, encoding="utf-8")
    assert refusal(["-c", "small.yaml", *flags], capsys) == complaint
    assert not Path("out").exists()


def test_a_decoder_that_is_not_installed_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    Path("train.list").write_text("a.mp4 1\n" * 4, encoding="utf-8")
    message = refusal(["-c", "small.yaml", "-o", "data.decoder=pyav"], capsys)
    assert message == "data.decoder=pyav: PyAV is not installed here (pip install av)"


def test_a_validation_list_is_read_before_training_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("train.list").write_text("a.mp4 1\n" * 4, encoding="utf-8")
    message = refusal(["--validate", "-c", "small.yaml"], capsys)
    assert message == (
        "there is no list val.list or videos/val.list (data.val_list; a relative path starts from "
        "here, or from data.root)"
    )


def make_config_dir_only() -> None:
    write_weights("run/w.pdparams")


def make_other_classes() -> None:
    write_weights("run/w.pdparams", num_classes=7)


def make_payload() -> None:
    Path("run").mkdir()
    Path("run/w.pdparams").write_bytes(pickle.dumps({"a": os.system}))


def make_nothing() -> None:
    pass


@pytest.mark.parametrize("mode", [["--test"], ["--infer", "a.mp4"]])
@pytest.mark.parametrize(
    ("make", "flags", "complaint"),
    [
        (make_nothing, ["-c", "small.yaml"],
         "no -w given, and there is no out/SlowFast_best.pdparams from a training run"),
        (make_nothing, ["-w", "run/w.pdparams"],
         "weights run/w.pdparams cannot be read: No such file or directory"),
        (make_nothing, ["-c", "small.yaml", "-w", "run/w.pdparams"],
         "weights run/w.pdparams cannot be read: No such file or directory"),
        (make_config_dir_only, ["-w", "run/w.pdparams"],
         "there is no run/config.yaml beside the weights: name a config with -c; another system's "
         "weights get theirs from python -m slowfast.tools.convert_weights run/w.pdparams "
         "NEW.pdparams"),
        (make_config_dir_only, ["-c", "small.yaml", "-w", "run"],
         "weights run cannot be read: Is a directory"),
        (make_other_classes, ["-c", "small.yaml", "-w", "run/w.pdparams"],
         "weights run/w.pdparams do not fit the network: head.projection.weight is [288, 7] in "
         "the file, [288, 5] in the network; head.projection.bias is [7] in the file, [5] in the "
         "network"),
        (make_payload, ["-c", "small.yaml", "-w", "run/w.pdparams"],
         f"weights run/w.pdparams refused: it names {os.system.__module__}.system, which is not "
         "numpy data"),
    ],
)  # fmt: skip
def test_wrong_weights(
    mode: list[str],
    make: Callable[[], None],
    flags: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    touch_videos()
    Path("val.list").write_text("a.mp4 1\n")
    make()
    assert refusal([*mode, *flags], capsys) == complaint


def test_scores_are_never_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    write_weights("run/w.pdparams")
    Path("scores.npz").write_text("weeks of work", encoding="utf-8")
    flags = ["--test", "-c", "small.yaml", "-w", "run/w.pdparams", "--out", "scores.npz"]
    message = refusal(flags, capsys)
    assert message == "scores.npz is there already: name another file, or delete it"
    assert Path("scores.npz").read_text(encoding="utf-8") == "weeks of work"


def test_an_interrupted_test_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_run", raising(KeyboardInterrupt()))
    assert main.main(["--test", "--out", "a.npz"]) == 130
    assert main.main(["--test"]) == 130
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["interrupted (the same command goes on)", "interrupted"]


@pytest.mark.parametrize("flag", ["-w", "--resume"])
def test_training_from_weights_that_are_not_there(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("train.list").write_text("a.mp4 1\n" * 4, encoding="utf-8")
    message = refusal(["-c", "small.yaml", flag, "nowhere.pdparams"], capsys)
    assert message == "weights nowhere.pdparams cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("paths", "complaint"),
    [
        (["nowhere.txt"], "list nowhere.txt cannot be read: No such file or directory"),
        (["empty"], "empty: no video in this folder itself (.mp4, .avi, "),
    ],
)
def test_nothing_to_infer(
    paths: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_weights("run/w.pdparams")
    Path("empty").mkdir()
    flags = ["--infer", *paths, "-c", "small.yaml", "-w", "run/w.pdparams"]
    assert refusal(flags, capsys).startswith(complaint)


@pytest.mark.parametrize("mode", [[], ["--test", "-w", "w.pdparams"], ["--infer", "a", "-w", "w"]])
def test_another_number_of_class_names(mode: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("w", "w.pdparams"):  # it ends before they are read
        Path(name).touch()
    Path("train.list").write_text("a.mp4 1\n", encoding="utf-8")
    Path("labels.txt").write_text("walk\nrun\n", encoding="utf-8")
    message = refusal([*mode, "-c", "small.yaml", "-o", "data.labels=labels.txt"], capsys)
    advice = (
        "(other names: -o data.labels=FILE; none: data.labels=; as many classes: "
        "model.num_classes=0)"
    )
    assert message == f"labels.txt: 2 class names for model.num_classes=5 {advice}"
    wrong = ["model.num_classes=12", "data.train_list=train.list"]
    message = refusal([*mode, "-c", str(run_config.DEFAULT_CONFIG), "-o", *wrong], capsys)
    assert message.endswith(f"kinetics400.txt: 400 class names for model.num_classes=12 {advice}")
    assert not Path("out").exists() and not Path("output").exists()


@pytest.mark.skipif(paddle.device.cuda.device_count() > 0, reason="there is a GPU")
def test_a_gpu_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    touch_videos()
    Path("train.list").write_text("a.mp4 1\n" * 4)
    assert refusal(["-c", "small.yaml", "--device", "gpu"], capsys).startswith("--device gpu: ")


def raising(error: BaseException) -> Callable[[Any], int]:
    def run(args: Any) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (OSError(28, "No space left on device", "out/a"), 1, "error: out/a: No space left on dev"),
        (OSError("something else"), 1, "error: something else"),
        (KeyboardInterrupt(), 130, "interrupted (go on with --resume auto)"),
    ],
)
def test_exit_status_and_line_of_other_ends(
    error: BaseException,
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "_run", raising(error))
    assert main.main([]) == status
    assert capsys.readouterr().err.startswith(line)


def test_our_own_faults_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_run", raising(AssertionError("an invariant")))
    with pytest.raises(AssertionError, match="an invariant"):
        main.main([])


def config_of(flags: list[str], monkeypatch: pytest.MonkeyPatch) -> Config:
    """The config that --test comes to use with these flags."""
    seen: list[Config] = []

    def run(model: Any, samples: Any, cfg: Config, **options: Any) -> dict[str, Any]:
        seen.append(cfg)
        return {"unreadable": []}

    monkeypatch.setattr(evaluate, "multi_view_test", run)
    assert main.main(["--test", *flags]) == 0
    return seen[0]


def test_the_config_beside_the_weights_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    touch_videos()
    write_weights("run/w.pdparams")
    Path("val.list").write_text("a.mp4 1\n", encoding="utf-8")
    Path("run/config.yaml").write_text(SMALL.replace("epochs: 2", "epochs: 77"), encoding="utf-8")
    weights = ["-w", "run/w.pdparams"]
    assert config_of(weights, monkeypatch).train.epochs == 77

    flags = [*weights, "-o", "train.epochs=5", "--seed", "9", "--average-clips", "score"]
    cfg = config_of(flags, monkeypatch)
    assert (cfg.train.epochs, cfg.seed, cfg.test.average_clips) == (5, 9, "score")
    assert cfg.model == config_of(weights, monkeypatch).model

    assert config_of([*weights, "-c", "small.yaml"], monkeypatch).train.epochs == 2

    Path("run/w.yaml").write_text(SMALL.replace("epochs: 2", "epochs: 78"), encoding="utf-8")
    assert config_of(weights, monkeypatch).train.epochs == 78  # of these very weights


def test_summary_of_the_default_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--summary"]) == 0
    printed, complaints = capsys.readouterr()
    assert complaints == ""
    rows = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip()}
    assert rows["s1"][1:3] == ["64x4x56x56,", "8x32x56x56"]
    assert rows["s2_fuse"][1] == "320x4x56x56"
    assert rows["s5"][1:3] == ["2048x4x7x7,", "256x32x7x7"]
    assert "400 classes at 1 position(s)" in printed
    assert rows["total"] == ["total", "34,480,216", "27.639", "G"]
    parts = [rows[n] for n in ("head", "s1", "s2", "s3", "s4", "s5")]
    parts += [rows[f"s{n}_fuse"] for n in range(1, 5)]
    assert sum(int(row[-3].replace(",", "")) for row in parts) == 34_480_216
    assert sum(float(row[-2]) for row in parts) == pytest.approx(27.639, abs=0.005)
    assert "10 x 3 = 30 views" in printed
    curve = [line.split()[-2:] for line in printed.splitlines() if "  epoch " in line]
    assert curve == [
        ["0.0", "0.010000"], ["34.0", "0.092757"], ["98.0", "0.050000"], ["195.0", "0.000006423"]
    ]  # fmt: skip
    picture = Path("output/SlowFast/learning_rate.png")
    assert printed.endswith(f"learning rate, drawn: {picture}\n")
    drawn = cv2.imread(str(picture))
    assert drawn is not None and drawn.shape[1] > 500
    assert not list(Path().rglob("*.yaml"))[1:]


def test_summary_follows_config_and_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--summary", "-c", "small.yaml", "-o", "model.num_classes=11"]
    assert main.main([*flags, "optim.warmup_epochs=0", "optim.base_lr=0.25"]) == 0
    printed = capsys.readouterr().out
    model = ModelConfig(
        num_classes=11, slow_depth=14, fast_depth=14, width=8, alpha=4, stem_kernel=3
    )
    parameters = build_model(model, 32).parameters()
    count = sum(p.size for p in parameters if not p.stop_gradient)
    assert f"{count:,}" in printed
    assert "11 classes at 1 position(s)" in printed
    assert "8x2x8x8, 1x8x8x8" in printed  # stems: 8 and 1 channels, a quarter of 32 pixels
    assert [line.split()[-1] for line in printed.splitlines() if "first step" in line] == [
        "0.250000"
    ]


@pytest.mark.parametrize("name", ["slow_only", "fast_only"])
def test_summary_of_a_single_pathway(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--summary", "-c", "small.yaml", "-o", f"model.name={name}"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{name}: 8 frames")
    assert "fuse" not in printed


def test_main_py_prints_the_summary_and_nothing_else(tmp_path: Path) -> None:
    done = main_py("--summary", "-c", "small.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("slowfast: 8 frames")
    assert done.stderr == ""


def test_main_py_ends_with_one_line_and_status_one(tmp_path: Path) -> None:
    done = main_py("-c", "small.yaml", "-o", "data.num_frames=30", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "error: data.num_frames=30 is not divisible by model.alpha=4\n"

"""What each mode reads before it starts, and what is wrong with it."""

import sys
from pathlib import Path

import pytest
from support.small_run import refusal, touch_videos, write_weights
from support.videos import touch

from slowfast import distributed
from slowfast.cli import inputs
from slowfast.cli.flags import parse_args
from slowfast.cli.inputs import infer_inputs, train_inputs
from slowfast.cli.inputs import test_inputs as inputs_of_a_test
from slowfast.errors import UserError


@pytest.mark.parametrize(("text", "flags", "complaint"), [
    (None, [], inputs.NO_TRAINING_LIST.format("train.list or videos/train.list")),
    ("", [], "train.list: the list is empty"),
    ("a.mp4 1\nb.mp4\n", [], "train.list:2: no label in 'b.mp4' (a line is 'path label')"),
    ("a.mp4 1\nb.mp4 5\n", [], "train.list:2: label 5 is not in 0..4"),
    ("a.mp4 1\ngone.mp4 1\nb.mp4 1\nlost.mp4 1\n", [],
     "train.list: 2 of 4 files are not there, the first is videos/gone.mp4 "
     "(data.on_error=skip goes on without them)"),
    ("a.mp4 1\nb.mp4 1\n" * 2, ["-o", "data.root=elsewhere", "data.on_error=skip"],
     "train.list: 2 of 2 files are not there, the first is elsewhere/a.mp4 "
     "(there is no folder data.root=elsewhere)"),
    ("a.mp4 1\nb.mp4 cat 1\n" * 2, [],
     "train.list: 1 of 2 files are not there, the first is videos/b.mp4 cat: videos/b.mp4 is "
     "there, and 'cat' is one field too many (a line is 'path label' or 'folder num_frames label') "
     "(data.on_error=skip goes on without them)"),
    ("a.mp4 1\nb.mp4 0 1\n", ["-o", "data.on_error=skip"],
     "train.list:2: 'b.mp4 0 1' is of the form 'folder num_frames label', and b.mp4 is a file (a "
     "video's line is 'path label')"),
    ("a.mp4 1\nframes 2 1\n", [],
     "train.list: looked into 1 frame folders: 1 cannot be used, the first is videos/frames: no "
     "frame named like img_00001.jpg; 1 are like {}.png: set data.frame_pattern={}.png"),
    ("gone.mp4 1\n" * 4, ["-o", "data.on_error=substitute"],
     "train.list: 1 of 1 files are not there, the first is videos/gone.mp4 "
     "(data.root=videos)"),
])  # fmt: skip
def test_a_wrong_training_list(text: str | None, flags: list[str], complaint: str) -> None:
    touch_videos()
    touch(Path("videos/frames"), "1.png")
    if text is not None:
        Path("train.list").write_text(text, encoding="utf-8")
    assert refusal("-c", "small.yaml", *flags) == complaint
    assert not Path("out").exists()


def test_what_is_not_there_or_unusable_is_told_where_the_run_goes_on(lines: list[str]) -> None:
    touch_videos()
    touch(Path("videos"), "good/img_00000.jpg", "bad/img_00002.jpg")
    text = "a.mp4 1\ngone.mp4 1\ngood 1 1\nbad 1 1\n"
    Path("train.list").write_text(text, encoding="utf-8")
    train_inputs(parse_args(["-c", "small.yaml", "-o", "data.on_error=skip"]))
    first, second = lines
    assert first == "train.list: 1 of 4 files are not there, the first is videos/gone.mp4"
    assert second == (
        "train.list: looked into 2 frame folders: 1 cannot be used, the first is videos/bad: its "
        "frames are numbered from 2, not from 1: set data.frame_start=2"
    )


def test_a_decoder_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    Path("train.list").write_text("a.mp4 1\n" * 4, encoding="utf-8")
    message = refusal("-c", "small.yaml", "-o", "data.decoder=pyav")
    assert message == "data.decoder=pyav: PyAV is not installed here (pip install av)"


def test_a_validation_list_is_read_before_training_starts() -> None:
    Path("train.list").write_text("a.mp4 1\n" * 4, encoding="utf-8")
    assert refusal("--validate", "-c", "small.yaml") == (
        "there is no list val.list or videos/val.list (data.val_list; a relative path starts from "
        "here, or from data.root)"
    )


def test_scores_are_never_overwritten() -> None:
    Path("w.pdparams").touch()
    Path("scores.npz").write_text("weeks of work", encoding="utf-8")
    message = refusal("--test", "-c", "small.yaml", "-w", "w.pdparams", "--out", "scores.npz")
    assert message == "scores.npz is there already: name another file, or delete it"
    assert Path("scores.npz").read_text(encoding="utf-8") == "weeks of work"


@pytest.mark.parametrize("flag", ["-w", "--resume"])
def test_training_from_weights_that_are_not_there(flag: str) -> None:
    Path("train.list").write_text("a.mp4 1\n" * 4, encoding="utf-8")
    message = refusal("-c", "small.yaml", flag, "nowhere.pdparams")
    assert message == "weights nowhere.pdparams cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("path", "complaint"),
    [("nowhere.txt", "list nowhere.txt cannot be read: No such file or directory"),
     ("empty", "empty: no video in this folder (.mp4, .avi, ")],
)  # fmt: skip
def test_nothing_to_infer(path: str, complaint: str) -> None:
    Path("w.pdparams").touch()  # it ends before they are read
    Path("empty").mkdir()
    message = refusal("--infer", path, "-c", "small.yaml", "-w", "w.pdparams")
    assert message.startswith(complaint)


def test_more_classes_than_there_are() -> None:
    Path("w.pdparams").touch()
    flags = ["--infer", "a.mp4", "-c", "small.yaml", "-w", "w.pdparams", "--top"]
    assert refusal(*flags, "6") == "--top 6: there are 5 classes"
    infer_inputs(parse_args([*flags, "5"]))


def test_what_training_reads() -> None:
    """Lists are found from data.root, too; the validation's only where it validates."""
    touch_videos()
    Path("videos/train.list").write_text("a.mp4 1\nb.mp4 0\n", encoding="utf-8")
    Path("val.list").write_text("c.mp4 4\n", encoding="utf-8")
    Path("videos/labels.txt").write_text("a\nb\nc\nd\ne\n", encoding="utf-8")
    flags = ["-c", "small.yaml", "-o", "data.labels=labels.txt"]
    found = train_inputs(parse_args(flags))
    samples = [(sample.path, sample.label) for sample in found.samples]
    assert samples == [("videos/a.mp4", 1), ("videos/b.mp4", 0)]
    data = found.cfg.data
    assert (data.train_list, data.labels) == ("videos/train.list", "videos/labels.txt")
    assert (found.class_names, found.val_samples) == (list("abcde"), None)
    assert (found.weights, found.pretrained) == (None, "")
    validated = train_inputs(parse_args([*flags, "--validate"])).val_samples
    assert validated and [sample.path for sample in validated] == ["videos/c.mp4"]


def test_lists_and_class_names_number_the_classes_alike() -> None:
    touch(Path("train"), *(f"{name}/x.mp4" for name in "abcde"))
    touch(Path("val"), *(f"{name}/x.mp4" for name in "abcdf"))
    Path("names.txt").write_text("a\nc\nb\nd\ne\n")
    Path("w.pdparams").touch()
    flags = ["-c", "small.yaml", "-o", "data.train_list=train", "data.val_list=val"]
    train_inputs(parse_args(flags))
    message = refusal("--validate", *flags)
    assert message.startswith("class 4 is 'f' in the folders of val, 'e' in the folders of train: ")
    named = [*flags, "data.labels=names.txt"]
    for mode, folder in ((), "train"), (("--test", "-w", "w.pdparams"), "val"):
        message = refusal(*mode, *named)
        assert message.startswith(
            f"class 1 is 'b' in the folders of {folder}, 'c' in data.labels=names.txt: number both"
        )


@pytest.mark.parametrize("resume", ["auto", "out/SlowFast_epoch_000001.pdparams"])
def test_a_run_resumes_with_its_class_names(resume: str, lines: list[str]) -> None:
    touch_videos()
    touch(Path("out"), *(f"SlowFast_epoch_000001.{ending}" for ending in ("pdparams", "pdopt")))
    Path("train.list").write_text("a.mp4 1\n", encoding="utf-8")
    Path("names.txt").write_text("a\nb\nc\nd\ne\n")
    flags = ["--resume", resume, "-c", "small.yaml", "-o", "data.labels=names.txt"]
    train_inputs(parse_args(flags))
    Path("out/labels.txt").write_text("A\nb\nc\nd\nother\n")
    train_inputs(parse_args(flags))
    assert lines == ["class 4 is 'e' in data.labels=names.txt, 'other' in out/labels.txt (of 1 "
                     "such names): taken for the same class"]  # fmt: skip
    Path("out/labels.txt").write_text("a\nc\nb\nd\ne\n")
    start = "class 1 is 'b' in data.labels=names.txt, 'c' in out/labels.txt: "
    assert refusal(*flags).startswith(start)


@pytest.mark.parametrize("resume", ["auto", "out/SlowFast_epoch_000001.pdparams"])
@pytest.mark.parametrize(
    ("before", "now"), [("single", "multi"), ("multi", "single"), ("detection", "multi")]
)
def test_a_run_resumes_with_its_task(resume: str, before: str, now: str) -> None:
    touch_videos()
    touch(Path("out"), *(f"SlowFast_epoch_000001.{ending}" for ending in ("pdparams", "pdopt")))
    Path("train.list").write_text("a.mp4 1\n", encoding="utf-8")
    flags = ["--resume", resume, "-c", "small.yaml", "-o", f"train.task={now}"]
    for text in ("train: {tusk: multi}", f"train: {{task: {now}}}"):  # the checkpoint decides
        Path("out/config.yaml").write_text(text)
        train_inputs(parse_args(flags))
    Path("out/config.yaml").write_text(f"train: {{task: {before}}}")
    message = refusal(*flags)
    assert message.startswith(f"out/config.yaml is of a run with train.task={before}, which cannot")
    flags = ["-w", "out/SlowFast_epoch_000001.pdparams", *flags[2:], "output_dir=new"]
    assert train_inputs(parse_args(flags)).cfg.train.task == now  # anew, into another folder


def test_labels_that_were_forgotten() -> None:
    touch_videos()
    Path("train.list").write_text("a.mp4\nb.mp4\n", encoding="utf-8")
    flags = ["-c", "small.yaml", "-o", "train.task=multi"]
    assert refusal(*flags) == (
        "data.train_list=train.list: none of the 2 videos has a label, so there is nothing to "
        "learn (docs/data.md says how a line has them)"
    )
    Path("train.list").write_text("a.mp4\nb.mp4 0\n", encoding="utf-8")
    train_inputs(parse_args(flags))


def test_weights_to_start_from_go_before_pretrained_ones() -> None:
    touch_videos()
    Path("w.pdparams").touch()
    Path("train.list").write_text("a.mp4 1\n", encoding="utf-8")
    flags = ["-c", "small.yaml", "-o", "model.pretrained=w.pdparams"]
    assert train_inputs(parse_args(flags))[1:3] == (None, "w.pdparams")
    assert train_inputs(parse_args([*flags, "-w", "w.pdparams"]))[1:3] == ("w.pdparams", "")
    message = refusal("-c", "small.yaml", "-o", "model.pretrained=gone.pdparams")
    assert message.startswith("weights gone.pdparams cannot be read: No such file or directory")
    assert message.endswith("(name others with -o model.pretrained=FILE, or none with "
                            "model.pretrained=)")  # fmt: skip


def test_a_test_goes_on_without_some_videos_but_not_without_all() -> None:
    touch_videos()
    Path("w.pdparams").touch()
    Path("val.list").write_text("a.mp4 1\ngone.mp4 1\n", encoding="utf-8")
    Path("test.list").write_text("gone.mp4 1\n", encoding="utf-8")
    flags = ["--test", "-c", "small.yaml", "-w", "w.pdparams"]
    found = inputs_of_a_test(parse_args(flags))
    assert [sample.path for sample in found.samples] == ["videos/a.mp4", "videos/gone.mp4"]
    assert found.weights == "w.pdparams"
    message = refusal(*flags, "-o", "data.test_list=test.list")
    assert message.startswith("test.list: 1 of 1 files are not there, the first is videos/gone.mp4")


def test_what_is_inferred_and_with_which_weights() -> None:
    touch_videos()
    Path("out").mkdir()
    Path("out/SlowFast_best.pdparams").touch()
    found = infer_inputs(parse_args(["--infer", "videos", "b.mp4", "-c", "small.yaml"]))
    paths = [sample.path for sample in found.samples]
    assert paths == ["videos/a.mp4", "videos/b.mp4", "videos/c.mp4", "b.mp4"]
    assert found.weights == "out/SlowFast_best.pdparams"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], "auto"),
        (["--precision", "fp32"], "fp32"),
        (["-o", "test.precision=fp32"], "fp32"),
        (["-o", "test.precision=int8"], "int8"),
    ],
)
def test_inference_may_take_bf16_unless_told(flags: list[str], expected: str) -> None:
    touch_videos()
    Path("w.pdparams").touch()
    command = ["--infer", "videos", "-c", "small.yaml", "-w", "w.pdparams", *flags]
    assert infer_inputs(parse_args(command)).cfg.test.precision == expected


def test_a_test_calibrates_on_its_own_list_unless_told() -> None:
    touch_videos()
    Path("w.pdparams").touch()
    Path("val.list").write_text("a.mp4 1\n")
    command = ["--test", "-c", "small.yaml", "-w", "w.pdparams"]
    test = inputs_of_a_test(parse_args(command)).cfg.test
    assert (test.precision, test.calibration_list) == ("fp32", "val.list")
    command += ["--calibration", "other.list"]
    found = inputs_of_a_test(parse_args([*command, "--precision", "int8"]))
    assert found.cfg.test.calibration_list == "other.list"
    complaint = "--calibration other.list is for int8, and this is fp32: add --precision int8"
    with pytest.raises(UserError, match=complaint):
        inputs_of_a_test(parse_args(command))


@pytest.mark.parametrize(("flags", "complaint"), [
    (["rtsp://me:secret@host/live", "videos/a.mp4"],
     "rtsp://***@host/live is a stream, which is watched alone: give --infer only this one"),
    (["0", "1"], "0 is a stream, which is watched alone: give --infer only this one"),
    (["0", "--timeline"], "0 is a stream: --timeline needs a video in a file"),
    (["-", "--explain"], "- is a stream: --explain needs a video in a file"),
    (["0", "--views", "10x3"],
     "0 is a stream: each window is one view, so leave out --views"),
    (["videos/a.mp4", "--annotate", "window"],
     "--annotate window shows a stream: for videos in files name a folder"),
])  # fmt: skip
def test_what_does_not_go_with_a_stream(flags: list[str], complaint: str) -> None:
    touch_videos()
    write_weights("run/w.pdparams")
    assert refusal("--infer", *flags, "-c", "small.yaml", "-w", "run/w.pdparams") == complaint


def test_a_stream_is_watched_by_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    write_weights("run/w.pdparams")
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    flags = ["--infer", "0", "-c", "small.yaml", "-w", "run/w.pdparams"]
    assert refusal(*flags) == "0 is a stream, which one process watches: start one"


def test_a_stream_or_a_file_of_that_name() -> None:
    write_weights("run/w.pdparams")
    flags = ["-c", "small.yaml", "-w", "run/w.pdparams", "--infer"]
    assert infer_inputs(parse_args([*flags, "0"])).stream == "0"
    touch(Path(), "0")
    found = infer_inputs(parse_args([*flags, "0"]))
    assert (found.stream, [sample.path for sample in found.samples]) == ("", ["0"])
    with open("0") as file:  # as the shell opens it
        found = infer_inputs(parse_args([*flags, f"/dev/fd/{file.fileno()}"]))
    assert [sample.path for sample in found.samples] == [str(Path("0").resolve())]


MULTI = ["-c", "small.yaml", "-o", "train.task=multi"]


@pytest.mark.parametrize("key", ["val_list", "test_list"])
def test_a_list_in_which_nothing_could_be_found_is_named(key: str) -> None:
    touch_videos()
    Path("train.list").write_text("a.mp4 1\n" * 4, encoding="utf-8")
    Path("none.list").write_text("b.mp4\nc.mp4\n", encoding="utf-8")
    Path("w.pdparams").touch()
    mode = ["--validate"] if key == "val_list" else ["--test", "-w", "w.pdparams"]
    assert refusal(*mode, *MULTI, f"data.{key}=none.list").startswith(
        "none.list: none of the 2 videos has a label, so there is no average precision: "
    )


def test_labels_with_times_are_not_for_features_of_all_the_video() -> None:
    touch_videos()
    rows = '{"path": "a.mp4", "labels": [1]}\n{"path": "b.mp4", "actions": [[1, 0, 2]]}\n' * 4
    Path("train.jsonl").write_text(rows, encoding="utf-8")
    Path("w.pdparams").touch()
    flags = [*MULTI, "data.train_list=train.jsonl"]
    train_inputs(parse_args(["-w", "w.pdparams", *flags]))
    assert refusal("-w", "w.pdparams", *flags, "train.head_only=true") == (
        "train.jsonl: train.head_only=True takes clips from all over each video, with all its "
        "labels, and 4 have labels with times, the first is videos/b.mp4: give a list without "
        '"actions", or train the network'
    )

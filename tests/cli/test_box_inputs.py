"""What a run with train.task=detection reads before it starts, and what is wrong with it."""

import contextlib
from pathlib import Path

import pytest
from support.detecting import detection_config
from support.key_frames import write_ava
from support.small_run import refusal
from support.tiny_run import tiny_config

from slowfast.cli.box_inputs import check_boxes_flags, require_no_boxes
from slowfast.cli.flags import parse_args
from slowfast.cli.inputs import test_inputs as inputs_of_a_test
from slowfast.cli.inputs import train_inputs
from slowfast.config import ConfigError
from slowfast.data.lists.read_lists import ListError


@pytest.fixture(scope="module")
def ava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config for key frames, beside its lists and films."""
    path = write_ava(tmp_path_factory.mktemp("inputs") / "ava", 2, 1)
    for name, text in {
        "low.csv": "v2,0901,0.1,0.1,0.5,0.5,,0.3\nv0,0901,0.1,0.1,0.5,0.5,,0.3\n",
        "all.csv": "".join(f"v2,{second}\n" for second in range(900, 904)),
        "flat.csv": "v0,0901,0.1,0.1,0.1,0.5,1,0\n",
        "frames.csv": "original_vido_id video_id frame_id path labels\n",
    }.items():
        path.with_name(name).write_text(text)
    path.with_name("none.csv").write_text("v0,0900,0.1,0.1,0.5,0.5,,0\n")
    return path


def test_the_key_frames_that_training_reads(ava: Path) -> None:
    """Of the second film of training one is excluded; validation takes every other one."""
    excluded = f"detection.train_excluded={ava.parent}/train_excluded.csv"
    flags = ["--validate", "-c", str(ava), "-o", excluded, "detection.val_every=2"]
    found = train_inputs(parse_args(flags))
    keys = [sample.key for sample in found.samples if sample.key]
    times = [900, 902, 903, 900, 901, 902, 903]
    assert [(key.video, key.time) for key in keys] == [
        (f"v{int(i > 2)}", time) for i, time in enumerate(times)
    ]
    assert {len(key.boxes) for key in keys} == {2} and found.samples[0].label == (0, 1, 3)
    val = found.val_samples
    assert val and [sample.key.time for sample in val if sample.key] == [900, 902]
    Path("w.pdparams").touch()
    test = inputs_of_a_test(parse_args(["--test", "-w", "w.pdparams", *flags[1:]]))
    assert [sample.key.time for sample in test.samples if sample.key] == [900, 901, 902, 903]
    own = ["--test", "-w", "w.pdparams", "-c", str(ava), "-o", "detection.val_boxes="]
    test = inputs_of_a_test(parse_args([*own, f"data.test_list={ava.parent}/train.csv"]))
    assert len(test.samples) == 8 and test.cfg.detection.val_boxes == ""


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("detection.val_every=1000", "ROOT/val.csv: detection.val_every=1000 leaves none of the 4 "
         "key frames for validation"),
        ("detection.train_boxes=gone.pkl", "there is no gone.pkl or ROOT/videos/gone.pkl"),
        ("detection.val_boxes=ROOT/labels.txt",
         "ROOT/labels.txt: a file of boxes ends in .csv, .pkl, .jsonl"),
        ("data.root=ROOT", "ROOT/train.csv: 2 of 2 files are not there, the first is ROOT/v0: "
         "no video file and no frame folder has this name (data.root=ROOT)"),
        ("data.train_list=ROOT/none.csv detection.train_boxes=",
         "data.train_list=ROOT/none.csv: none of the 1 key frames has a label, so there is nothing "
         "to learn (docs/detection.md says how a line has them)"),
        ("data.train_list=ROOT/labels.txt", "ROOT/labels.txt: the network classifies boxes (train."
         "task=detection), and a list of them ends in .csv, .pkl, .jsonl"),
        ("detection.first_id=2", "ROOT/train.csv:1: action 1 is not in 2..5 (detection.first_id=2, "
         "model.num_classes=4; detection.ids keeps some alone): "
         "'v0,0900,0.141,0.354,0.359,0.646,1,0'"),
        ("data.val_list=", "data.val_list names no list"),
        ("detection.val_boxes=ROOT/low.csv detection.box_score=0.9", "ROOT/low.csv: none of its 1 "
         "boxes has a score of 0.9 or more (detection.box_score)"),
        ("detection.train_boxes=ROOT/low.csv", "ROOT/low.csv: none of its 1 boxes has a score of "
         "0.8 or more (detection.box_score)"),
        ("detection.val_excluded=ROOT/all.csv", "detection.val_excluded=ROOT/all.csv: it has all 4 "
         "key frames of ROOT/val.csv with annotated boxes, so nothing is left to score"),
        ("data.train_list=ROOT/flat.csv detection.train_boxes=",
         "ROOT/flat.csv: all of its boxes are without area"),
        ("detection.val_frames=ROOT/frames.csv",
         "ROOT/frames.csv: none of its 0 videos is one of ROOT/val.csv"),
        ("detection.start=0", "(detection.start, detection.rate)"),
    ],
    ids=[
        "val_every", "no file", "no boxes", "no films", "no labels", "of videos", "other ids",
        "no list",
        "no score", "no score in training", "all excluded", "without area", "frame list", "times",
    ],
)  # fmt: skip
def test_what_is_wrong_with_key_frames_is_told_before_training(
    override: str, complaint: str, ava: Path
) -> None:
    root = str(ava.parent)
    own = [f"detection.train_boxes={root}/train_boxes.csv"]
    own += override.replace("ROOT", root).split(" ")
    message = refusal("--validate", "-c", str(ava), "-o", *own)
    assert message.endswith(complaint.replace("ROOT", root))


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ([], "w classifies boxes: --boxes FILE has them, --detector MODEL finds persons, --boxes "
         "whole takes all of the picture"),
        (["--boxes", "whole", "--timeline"], "--timeline is for networks that classify whole clip"),
        (["--boxes", "whole", "--views", "3x1"], "w classifies boxes, of one view: leave out --vi"),
        (["--boxes", "whole", "rtsp://h/x"], "a stream is for networks that classify whole clips"),
        (["--boxes", "x/../r.boxes.jsonl", "--out", "r.json"],
         "--boxes x/../r.boxes.jsonl would be written over: name another file with --out"),
        (["--boxes", "data/results/result.csv"], "--boxes data/results/result.csv would be writt"),
    ],
    ids=["no boxes", "timeline", "views", "stream", "boxes of the same run", "its csv"],
)  # fmt: skip
def test_what_a_network_for_boxes_is_not_asked(
    tmp_path: Path, flags: list[str], complaint: str
) -> None:
    args = parse_args(["--infer", "a.mp4", "-w", "w", *flags])
    with pytest.raises(ConfigError) as caught:
        check_boxes_flags(args, detection_config(tmp_path), "w")
    assert str(caught.value).startswith(complaint)


def test_a_classifier_has_no_boxes(tmp_path: Path) -> None:
    args = parse_args(["--infer", "a.mp4", "-w", "w", "--detector", "m.onnx"])
    with pytest.raises(ConfigError, match=r"not boxes \(train.task=single\): leave out --detector"):
        check_boxes_flags(args, tiny_config(tmp_path), "w")


def test_a_validation_of_which_val_every_leaves_no_box(ava: Path) -> None:
    one = ava.with_name("one.csv")
    one.write_text("v2,0901,0.1,0.1,0.5,0.5,1,0\nv2,0902\n")
    own = [f"data.val_list={one}", "detection.val_boxes=", "detection.val_every=2"]
    assert refusal("--validate", "-c", str(ava), "-o", *own).endswith(
        "one.csv: detection.val_every=2 leaves none of the 1 key frames with annotated boxes for "
        "validation"
    )


@pytest.mark.parametrize("flags", [["--views", "3x3"], ["--average-clips", "max"]])
def test_a_test_of_boxes_has_one_view(ava: Path, flags: list[str]) -> None:
    Path("w.pdparams").touch()
    with pytest.raises(ConfigError, match=f"of one view: leave out {flags[0]}"):
        inputs_of_a_test(parse_args(["--test", "-w", "w.pdparams", "-c", str(ava), *flags]))


@pytest.mark.parametrize(
    ("lines", "is_of_boxes"),
    [
        ("v,0902,0.077,0.151,0.283,0.811,80,1", True),
        ("v.mp4,0,1,0,1,0,1", False),
        ("a 0.1.mp4 3", False),
        ("", False),
    ],
    ids=["ava", "several labels", "a video", "empty"],
)
def test_a_classifier_is_given_boxes(tmp_path: Path, lines: str, is_of_boxes: bool) -> None:
    path = tmp_path / "list.csv"
    path.write_text(lines)
    expected = pytest.raises(ListError, match="list.csv: has boxes, and the network classifies vi")
    with expected if is_of_boxes else contextlib.nullcontext():
        require_no_boxes(str(path), "single")

"""``--infer`` with a network of detection: runs, what they leave, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.detecting import BOXES, detection_config, save_detector, write_onnx
from support.tiny_run import main_here, main_py, save_tiny_model, tiny_config
from support.videos import numbered_picture, write_h264, write_numbered_video

ROWS = Path("data/results/result.json")


@pytest.fixture
def weights(own_folder: Path) -> Path:
    return save_detector(detection_config(own_folder))


def boxes_file(*lines: object) -> str:
    Path("boxes.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return "boxes.jsonl"


def test_boxes_of_a_file_and_only_what_is_missing(own_folder: Path, weights: Path) -> None:
    write_numbered_video(Path("a.mp4"), 90)
    Path("bad.mp4").write_text("no video")
    two = [[0.1, 0.1, 0.5, 0.9], [0.5, 0.1, 0.9, 0.9]]
    boxes = boxes_file(
        {"video": "a", "time": 1, "boxes": two[:1]}, {"video": "a", "time": 2, "boxes": two},
        {"video": "bad", "time": 1, "boxes": two},
    )  # fmt: skip
    flags: list[str | Path] = [
        "--infer",
        "a.mp4",
        "bad.mp4",
        "-w",
        weights,
        "--boxes",
        boxes,
        "--annotate",
        "new",
    ]
    done = main_here(*flags, cwd=own_folder)
    assert done.stderr == "error: 1 of 2 videos could not be read\n"
    assert "a.mp4  (2 persons in 2 key frames)\n  person 1  0:01.0 - 0:02.0  " in done.stdout
    first, bad = json.loads(ROWS.read_text())
    assert [len(key["persons"]) for key in first["key_frames"]] == [1, 2] and "error" in bad
    assert first["boxes_from"] == "boxes.jsonl"
    assert [each["label"] for each in first["key_frames"][0]["persons"][0]["actions"]]
    assert sorted(path.name for path in Path("new").iterdir()) == [
        "a.mp4", "a.png", "annotated.jsonl"
    ]  # fmt: skip
    csv = Path("data/results/result.csv").read_text()
    assert csv.startswith("a,0001,0.1,0.1,0.5,0.9,")

    times = [path.stat().st_mtime_ns for path in Path("new").iterdir()]
    again = main_here(*flags, cwd=own_folder)
    assert "1 of 1 are in new already" in again.stdout
    assert [path.stat().st_mtime_ns for path in Path("new").iterdir()] == times
    assert json.loads(ROWS.read_text())[0] == first
    boxes_file({"video": "a", "time": 1, "boxes": two})  # others: all is computed again
    assert "(2 persons in 1 key frame)" in main_here(*flags, cwd=own_folder).stdout


def test_a_detector_and_the_whole_picture(own_folder: Path, weights: Path) -> None:
    pytest.importorskip("onnxruntime")
    write_h264(Path("a.mp4"), (numbered_picture(i, (96, 64)) for i in range(75)))
    outputs = {"boxes": BOXES, "scores": np.array([0.9, 0.1, 0.8, 0.0], np.float32)}
    model = write_onnx(own_folder / "m.onnx", outputs)
    Path("m.yaml").write_text("boxes: boxes\nscores: scores\nnms: 0.5\n")
    flags: list[str | Path] = ["--infer", "a.mp4", "-w", weights, "--out", "r.json"]
    done = main_here(*flags, "--detector", model, "--every", "0.5", cwd=own_folder)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = json.loads(Path("r.json").read_text())
    assert [key["time"] for key in row["key_frames"]] == [0.5, 1.0, 1.5, 2.0]
    for key in row["key_frames"]:
        (person,) = key["persons"]
        assert person["box"] == [10.0, 20.0, 30.0, 60.0] and person["person"] == 1
    again = ["--boxes", "r.boxes.jsonl", "--out", "again.json"]  # the same boxes from the file
    main_here("--infer", "a.mp4", "-w", weights, *again, cwd=own_folder)
    (same,) = json.loads(Path("again.json").read_text())
    assert same["key_frames"] == row["key_frames"]
    named = ["-o", "detection.box_score=0.95"]
    main_here(*flags, "--detector", model, *named, cwd=own_folder)
    (row,) = json.loads(Path("r.json").read_text())
    assert [key["persons"] for key in row["key_frames"]] == [[], []]

    assert main_here(*flags, "--boxes", "whole", cwd=own_folder).returncode == 0
    (row,) = json.loads(Path("r.json").read_text())
    assert row["key_frames"][0]["persons"][0]["box"] == [0.0, 0.0, 96.0, 64.0]


def failing_at_bright(path: Path) -> Path:
    """A detector that finds nobody in dark pictures, and fails at bright ones."""
    onnx = pytest.importorskip("onnx")
    none = {"scores": np.zeros(0, np.float32), "labels": np.zeros(0, np.float32)}
    write_onnx(path, {**none, "boxes": np.zeros((0, 4), np.float32)})
    model, make = onnx.load(str(path)), onnx.helper.make_node
    (node,) = (node for node in model.graph.node if node.output[0] == "boxes")
    node.output[0] = "none"
    four = onnx.numpy_helper.from_array(np.array([4], np.int64))
    model.graph.node.extend([
        make("Constant", [], ["four"], value=four),
        make("ReduceMean", ["images"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
        make("Constant", [], ["half"], value=onnx.numpy_helper.from_array(np.float32(0.6))),
        make("Greater", ["mean", "half"], ["is_bright"]),
        make("Cast", ["is_bright"], ["rows"], to=onnx.TensorProto.INT64),
        make("Constant", [], ["axes"], value=onnx.numpy_helper.from_array(np.zeros(1, np.int64))),
        make("Unsqueeze", ["rows", "axes"], ["number"]),
        make("Concat", ["number", "four"], ["shape"], axis=0),
        make("Reshape", ["none", "shape"], ["boxes"], allowzero=1),
    ])  # fmt: skip
    onnx.save(model, str(path))
    return path


def test_a_detector_that_finds_nobody_or_fails(own_folder: Path, weights: Path) -> None:
    """It fails at the second video alone, and all are there but for that one."""
    pytest.importorskip("onnxruntime")
    for name, level in (("a.mp4", 20), ("b.mp4", 250), ("c.mp4", 60)):
        write_h264(Path(name), (np.full((64, 96, 3), level, np.uint8) for _ in range(75)))
    model = failing_at_bright(own_folder / "m.onnx")
    videos: list[str | Path] = ["a.mp4", "b.mp4", "c.mp4"]
    done = main_here("--infer", *videos, "-w", weights, "--detector", model, cwd=own_folder)
    assert done.stderr.endswith("error: 1 of 3 videos could not be read\n")
    assert done.stdout.count("(0 persons in 2 key frames)") == 2
    assert "b.mp4\n  not read: at 1 s: the person detector m.onnx fails: " in done.stdout
    assert ["error" in row for row in json.loads(ROWS.read_text())] == [False, True, False]


REFUSED = [
    ([], "{w} classifies boxes: --boxes FILE has them, --detector MODEL finds persons, --boxes "
     "whole takes all of the picture"),
    (["--boxes", "whole", "--timeline"], "--timeline is for networks that classify whole clips"),
    (["--boxes", "whole", "--explain"], "--explain is for networks that classify whole clips"),
    (["--boxes", "whole", "--views", "3x1"], "{w} classifies boxes, of one view: leave out --vi"),
    (["--boxes", "whole", "rtsp://h/x"], "a stream is for networks that classify whole clips"),
    (["--boxes", "gone.csv"], "gone.csv cannot be read: No such file or directory"),
    (["--detector", "gone.onnx"], "gone.onnx: No such file or directory"),
    (["--detector", "a.mp4"], "a.mp4: there is no such file; a person detector is an .onnx file"),
    (["--boxes", "Whole"], "--boxes Whole: a file of boxes ends in .csv, .pkl, .jsonl; whole take"),
    (["--detector", ""], "--detector '' names no file"),
    (["--boxes", "whole", "--out", "folder.json"], "folder.csv is a folder: name another file wi"),
    (["--boxes", "whole", "--out", "file/r.json"], "file: Not a directory"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "line"),
    REFUSED,
    ids=["no boxes", "timeline", "explain", "views", "stream", "no file", "no model", "a video",
         "no ending", "empty", "a folder", "in a file"],
)  # fmt: skip
def test_what_is_refused(own_folder: Path, weights: Path, flags: list[str], line: str) -> None:
    Path("folder.csv").mkdir()
    Path("file").touch()
    done = main_here("--infer", "a.mp4", "-w", weights, *flags, cwd=own_folder)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert line.format(w=weights) in done.stderr


def test_a_classifier_has_no_boxes(own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder))
    done = main_here("--infer", "a.mp4", "-w", weights, "--boxes", "whole", cwd=own_folder)
    assert done.stderr == (
        f"error: {weights} classifies videos, not boxes (train.task=single): leave out --boxes\n"
    )


def test_times_are_as_annotated_wherever_boxes_are_from(own_folder: Path, weights: Path) -> None:
    """AVA's weights say that films begin at 900; a file named twice is there once."""
    write_numbered_video(Path("a.mp4"), 90)
    flags: list[str | Path] = ["--infer", "a.mp4", "./a.mp4", "-w", weights]
    flags += ["-o", "detection.start=900", "detection.box_score=0"]
    main_here(*flags, "--boxes", "whole", "--out", "r.json", cwd=own_folder)
    rows = Path("r.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rows] == ["0901"] * 4 + ["0902"] * 4
    key = json.loads(Path("r.json").read_text())[0]["key_frames"][0]
    assert (key["time"], key["seconds"]) == (901, 1)
    for own in ("r.csv", "r.boxes.jsonl"):
        again = main_here(*flags, "--boxes", own, "--out", "again.json", cwd=own_folder)
        assert again.returncode == 0 and Path("again.csv").read_text() == Path("r.csv").read_text()


@pytest.mark.slow
def test_two_processes_are_as_one(own_folder: Path, weights: Path) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        write_numbered_video(Path(name), 60 + 30 * (name == "b.mp4"))
    flags: list[str | Path] = [
        "--infer",
        "a.mp4",
        "b.mp4",
        "c.mp4",
        "-w",
        weights,
        "--boxes",
        "whole",
    ]
    assert main_here(*flags, "--out", "one.json", cwd=own_folder).returncode == 0
    both = main_py(*flags, "--out", "two.json", "--annotate", "new", cwd=own_folder, processes=2)
    assert both.returncode == 0
    assert Path("two.csv").read_text() == Path("one.csv").read_text()
    assert json.loads(Path("two.json").read_text()) == json.loads(Path("one.json").read_text())
    assert len([*Path("new").glob("*.mp4")]) == 3

"""The command that makes another system's file ours: what it says, one line if it fails."""

import hashlib
import logging
import pickle
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.foreign_files import CONFIG_OF_MMACTION2, MODEL, converted, tensors, write_torch

from slowfast.cli import main as command
from slowfast.config import config_of
from slowfast.tools.convert_weights import main

MMACTION2 = {"slow_frames": "strided", "head_pooling": "global", "lateral_norm": False}
ASKED = ["--alpha", "4", "--num_frames", "8"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs in ``tmp_path``, and leaves logging as it was."""
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("slowfast")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before


def refusal(flags: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr; nothing is written."""
    before = {path: path.stat().st_mtime_ns for path in Path(".").rglob("*")}
    capsys.readouterr()
    assert main(flags) == 1
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert {path: path.stat().st_mtime_ns for path in Path(".").rglob("*")} == before
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def test_what_is_said_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    src = write_torch("a\nb.pth", inside="state_dict", config=CONFIG_OF_MMACTION2)
    assert main([str(src), "new.pdparams", "--sampling_stride", "2"]) == 0
    rows = [
        "system      mmaction2",
        "pathways    slow R14, 8 channels; fast R14, 1 channels",
        "lateral     kernel 5, no batch norm",
        "classes     5, global pooling",
        "class names none: --labels kinetics400, or a file, names them",
        "clip        8 frames, 1 of 2 at 30 fps; alpha 4, strided slow frames",
        "colours     mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]",
        "test        2 x 3 crops of 36 pixels, short side 36, as mmaction2",
        "averaged    probabilities over positions, probabilities over views",
        "its config  model.alpha, data.num_frames, data.sampling_stride, test.num_clips, "
        "test.num_crops, test.short_side, test.crop_size",
        "given       data.sampling_stride=2",
        "note: data.sampling_stride=2, where its own config has 1",
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(rows)] == rows
    assert lines[-1] == (
        "next: python main.py --test -w new.pdparams -o data.root=... data.test_list=..."
    )
    header = [
        "new.pdparams, by python -m slowfast.tools.convert_weights",
        f"source      a b.pth, SHA-256 {hashlib.sha256(src.read_bytes()).hexdigest()}",
        *rows,
    ]
    text = Path("new.yaml").read_text(encoding="utf-8")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments == [f"# {line}" for line in header]
    assert converted() == config_of({
        "model": MODEL | MMACTION2 | {"alpha": 4},
        "data": {"num_frames": 8, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        "test": {"num_clips": 2, "short_side": 36, "crop_size": 36, "protocol": "mmaction2"},
    })  # fmt: skip


def test_neither_file_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    write_torch("a.pyth")
    for there in ("new.pdparams", "new.yaml"):
        Path(there).write_text("mine", encoding="utf-8")
        assert refusal(["a.pyth", "new.pdparams", *ASKED], capsys) == (
            f"{there} is there already: name another file, or say --force"
        )
        Path(there).unlink()


def make_link() -> None:
    Path("link.pdparams").symlink_to("a.pyth")


def make_folders() -> None:
    Path("new.pdparams").mkdir()
    Path("other.yaml").mkdir()


def make_text() -> None:
    Path("b.pyth").write_text("hello", encoding="utf-8")


def make_cut() -> None:
    whole = Path("a.pyth").read_bytes()
    Path("b.pyth").write_bytes(whole[: len(whole) // 2])


def make_resnet() -> None:
    Path("b.pyth").write_bytes(pickle.dumps({"layer1.0.conv1.weight": np.zeros((4, 4, 1, 1))}))


def make_payload() -> None:
    state = pickle.dumps({"blobs": {}}, 2)
    Path("b.pyth").write_bytes(state[:-1] + b"cos\nsystem\n(X\x05\x00\x00\x00false1R.")


def make_unlike() -> None:
    state = dict(tensors())
    state["s3.pathway0_res0.branch2.b.weight"] = np.zeros((1, 2, 3, 4, 5), np.float32)
    Path("b.pyth").write_bytes(pickle.dumps(state))


def make_mmaction2() -> None:
    text = CONFIG_OF_MMACTION2.replace("ThreeCrop", "CenterCrop").replace("=36)]", "='x')]")
    write_torch("b.pyth", inside="state_dict", config=text)


def make_nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("make", "flags", "message"),
    [
        (make_nothing, ["no.pyth", "new.pdparams"],
         "weights no.pyth cannot be read: No such file or directory"),
        (make_nothing, [".", "new.pdparams"], "weights . cannot be read: Is a directory"),
        (make_nothing, ["a.pyth", "new.pth"], "new.pth does not end with .pdparams"),
        (make_link, ["a.pyth", "link.pdparams", "--force"],
         "link.pdparams is what is to be converted: name another file"),
        (make_folders, ["a.pyth", "new.pdparams", "--force"],
         "new.pdparams is a folder: name another file"),
        (make_folders, ["a.pyth", "other.pdparams", "--force"],
         "other.yaml is a folder: name another file"),
        (make_nothing, ["a.pyth", "a.pyth/new.pdparams", *ASKED], "a.pyth: File exists"),
        (make_text, ["b.pyth", "new.pdparams"],
         "weights b.pyth is damaged or not a weights file: "),
        (make_cut, ["b.pyth", "new.pdparams"],
         "weights b.pyth is damaged or not a weights file: a zip archive whose end is missing"),
        (make_payload, ["b.pyth", "new.pdparams"],
         "weights b.pyth refused: it names os.system, which is not numpy data"),
        (make_resnet, ["b.pyth", "new.pdparams"],
         "weights b.pyth: it has no SlowFast stem by the name that PaddleVideo, "),
        (make_unlike, ["b.pyth", "new.pdparams", *ASKED],
         "weights b.pyth do not fit the network: s3.pathway0_res0.branch2.b.weight is [1, 2, 3, 4"),
        (make_nothing, ["a.pyth", "new.pdparams"],
         "weights a.pyth: it does not tell its --alpha and --num_frames: name them; none like it"),
        (make_nothing, ["a.pyth", "new.pdparams", "--alpha", "3", "--num_frames", "8"],
         "weights a.pyth: data.num_frames=8 is not divisible by model.alpha=3"),
        (make_mmaction2, ["b.pyth", "new.pdparams"],
         "weights b.pyth: test.crop_size='x' is not a whole number"),
    ],
)  # fmt: skip
def test_bad_input(
    make: Callable[[], None], flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_torch("a.pyth")
    make()
    assert refusal(flags, capsys).startswith(message)


@pytest.mark.parametrize("most", [400, 50_000])
def test_a_full_disk_leaves_what_was_there(most: int, capsys: pytest.CaptureFixture[str]) -> None:
    write_torch("a.pyth")
    assert main(["a.pyth", "new.pdparams", *ASKED]) == 0
    before = {path: path.read_bytes() for path in Path(".").glob("new.*")}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))  # fails as a full disk does
    try:
        flags = ["a.pyth", "new.pdparams", "--alpha", "2", "--num_frames", "8", "--force"]
        message = refusal(flags, capsys)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert message == f"{'new.yaml' if most == 400 else 'new.pdparams'}: File too large"
    assert {path: path.read_bytes() for path in Path(".").glob("new.*")} == before


def test_a_network_that_does_not_fit_into_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*args: object) -> None:
        raise MemoryError("(ResourceExhausted) Fail to alloc memory\n[Hint: ...]")

    write_torch("a.pyth")
    monkeypatch.setattr("slowfast.zoo.convert.build_model", full)
    assert main(["a.pyth", "new.pdparams", *ASKED]) == 1
    assert capsys.readouterr().err == "error: weights a.pyth do not fit into memory\n"
    assert not Path("new.pdparams").exists()


def test_the_next_command_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    write_torch("a.pyth")
    assert main(["a.pyth", "a folder/new.pdparams", *ASKED]) == 0
    assert "main.py --test -w 'a folder/new.pdparams' -o" in capsys.readouterr().out


@pytest.mark.parametrize("number", ["0", "-4", "two", "²"])
def test_numbers_are_positive(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a.pyth", "new.pdparams", f"--alpha={number}"])
    assert f"{number!r} is not a whole number from 1 on" in capsys.readouterr().err


def test_foreign_weights_without_a_config_are_told_of_the_tool(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_torch("a.pyth")
    assert command.main(["--test", "-w", "a.pyth"]) == 1
    assert capsys.readouterr().err == (
        "error: there is no config.yaml beside the weights: name a config with -c; another "
        "system's weights get theirs from python -m slowfast.tools.convert_weights a.pyth "
        "NEW.pdparams\n"
    )

"""The command that makes another system's file ours: what it says, one line if it fails."""

import errno
import hashlib
import os
from pathlib import Path

import pytest
from support.foreign_files import CONFIG_OF_MMACTION2, MODEL, converted, write_torch
from support.full_disk import largest_file
from support.locks import lock_held

from slowfast.config import config_of
from slowfast.tools.convert_weights import main
from slowfast.zoo import convert

MMACTION2 = {"slow_frames": "strided", "head_pooling": "global", "lateral_norm": False}
ASKED = ["--alpha", "4", "--num_frames", "8"]


pytestmark = pytest.mark.usefixtures("own_folder")


def refusal(flags: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr; nothing is written."""
    before = {path: path.stat().st_mtime_ns for path in Path(".").rglob("*")}
    capsys.readouterr()
    assert main(flags) == 1
    out, err = capsys.readouterr()
    assert (out, err[:7], err.count("\n")) == ("", "error: ", 1)
    assert {path: path.stat().st_mtime_ns for path in Path(".").rglob("*")} == before
    return err[7:-1]


def test_what_is_said_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    src = write_torch("a\nb.pth", inside="state_dict", config=CONFIG_OF_MMACTION2)
    assert main([str(src), "new.pdparams", "--sampling_stride", "2"]) == 0
    rows = [
        "system      mmaction2",
        "pathways    slow R14, 8 channels; fast R14, 1 channels",
        "lateral     kernel 5, no batch norm",
        "classes     5, global pooling",
        "class names none: --labels FILE",
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
        "next: python -m slowfast --test -w new.pdparams -o data.root=... data.test_list=..."
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


@pytest.mark.parametrize(("flags", "message"), [
    (["no.pyth", "new.pdparams"], "weights no.pyth cannot be read: No such file or directory"),
    (["a.pyth", "new.pth"], "new.pth does not end with .pdparams"),
    (["a.pyth", "a.pyth/new.pdparams", *ASKED], "a.pyth: Not a directory"),
    (["a.pyth", "new.pdparams", "--alpha", "3", "--num_frames", "8"],
     "weights a.pyth: data.num_frames=8 is not divisible by model.alpha=3"),
    (["a.pyth", "new.pdparams", *ASKED, "--labels", "nowhere.txt"],
     "data.labels=nowhere.txt: there is no "),
])  # fmt: skip
def test_bad_input(flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_torch("a.pyth")
    assert refusal(flags, capsys).startswith(message)


def test_several_labels_can_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    write_torch("a.pyth")
    assert main(["a.pyth", "new.pdparams", *ASKED, "--task", "multi"]) == 0
    assert converted().train.task == "multi"
    out = capsys.readouterr().out
    assert "classes     5, any number of them in a video, dense pooling\n" in out
    assert "given       model.alpha=4, data.num_frames=8, train.task=multi\n" in out
    with pytest.raises(SystemExit):
        main(["a.pyth", "new.pdparams", "--task", "several"])


@pytest.mark.parametrize("most", [400, 50_000])
def test_a_full_disk_leaves_what_was_there(most: int, capsys: pytest.CaptureFixture[str]) -> None:
    write_torch("a.pyth")
    assert main(["a.pyth", "new.pdparams", *ASKED]) == 0
    before = {path: path.read_bytes() for path in Path(".").glob("new.*")}
    with largest_file(most):
        message = refusal(["a.pyth", "new.pdparams", *ASKED, "--force"], capsys)
    assert message == f"{'new.yaml' if most == 400 else 'new.pdparams'}: File too large"
    assert {path: path.read_bytes() for path in Path(".").glob("new.*")} == before


def test_a_network_that_does_not_fit_into_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*args: object) -> None:
        raise MemoryError("(ResourceExhausted) Fail to alloc memory\n[Hint: ...]")

    write_torch("a.pyth")
    monkeypatch.setattr("slowfast.zoo.convert.build_model", full)
    message = refusal(["a.pyth", "new.pdparams", *ASKED], capsys)
    assert message == "weights a.pyth do not fit into memory"


@pytest.mark.parametrize("flag", ["--alpha=0", "--num_frames=-4", "--sampling_stride=two"])
def test_numbers_are_positive(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a.pyth", "new.pdparams", flag])
    number = flag.partition("=")[2]
    assert f"{number!r} is not a whole number from 1 on" in capsys.readouterr().err


def test_two_conversions_to_one_file_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The second is told before it begins, and leaves the first one's alone."""
    src = str(write_torch("a.pyth"))
    with lock_held(Path(".new.lock.partial")):
        said = refusal([src, "new.pdparams", *ASKED], capsys)
        assert said == "another run is writing new.pdparams"
    assert main([src, "new.pdparams", *ASKED]) == 0
    assert not [*Path(".").glob(".*")]


def test_an_error_that_names_no_file_is_not_said_to_be_the_configs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(src: str) -> None:
        raise OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    monkeypatch.setattr(convert, "fetch", fail)
    said = refusal([str(write_torch("a.pyth")), "new.pdparams", *ASKED], capsys)
    assert "Connection reset" in said and "new.yaml" not in said


def test_two_conversions_end_with_the_files_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The files of another one that has ended meanwhile stay."""
    src = str(write_torch("a.pyth"))
    seen: list[str] = []

    def check(src: Path, dst: Path, force: bool) -> None:
        if seen:
            dst.write_bytes(b"of another conversion")
        seen.append("checked")
        own_check(src, dst, force)

    own_check = convert._check_places
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "_check_places", check)
        assert main([src, "new.pdparams", *ASKED]) == 1
    assert "new.pdparams is there already" in capsys.readouterr().err
    assert Path("new.pdparams").read_bytes() == b"of another conversion"
    assert not Path("new.yaml").exists()

"""What a resumed run computes again is cut from its curves; the rest stays, byte for byte."""

import json
from pathlib import Path

import numpy as np
import pytest
from visualdl import LogReader, LogWriter
from visualdl.proto.record_pb2 import Record

from slowfast.train.cut import Place, cut_records, cut_rows, damaged_copy, empty_record


def logged(folder: Path) -> Path:
    """Five steps of an epoch each, a validation after each, settings and pictures."""
    with LogWriter(logdir=str(folder), file_name="vdlrecords.slowfast.log") as writer:
        writer.add_hparams({"optim.base_lr": 0.1}, ["val/top1"])
        for step in range(1, 6):
            writer.add_scalar("train/lr", step / 10, step)
            writer.add_scalar("val/f1", step / 10, step)
        writer.add_image("clips/1", np.zeros((4, 4, 3), np.uint8) + 9, 5)
    return folder / "vdlrecords.slowfast.log"


def steps(path: Path, tag: str) -> list[int]:
    return [one.id for one in LogReader(file_path=str(path)).get_data("scalar", tag)]


def test_later_steps_are_cut_and_nothing_moves(tmp_path: Path) -> None:
    path = logged(tmp_path)
    before = path.read_bytes()
    # 2 steps, 3 validations, the picture, and the settings, which each start writes.
    assert cut_records(path, Place(steps=3, epochs=2)) == 7
    after = path.read_bytes()
    assert len(after) == len(before)
    assert steps(path, "train/lr") == [1, 2, 3] and steps(path, "val/f1") == [1, 2]
    tags = LogReader(file_path=str(path)).get_tags()
    assert "image" not in tags and "hyper_parameters" not in tags
    assert cut_records(path, Place(steps=3, epochs=2)) == 0
    assert path.read_bytes() == after
    with LogWriter(logdir=str(tmp_path), file_name=path.name) as writer:
        writer.add_scalar("train/lr", 0.7, 4)
    assert steps(path, "train/lr") == [1, 2, 3, 4]
    assert path.read_bytes().startswith(after)


@pytest.mark.parametrize("left", [1, 7, 8, 9, 30])
def test_half_a_record_at_the_end_is_removed(tmp_path: Path, left: int) -> None:
    path = logged(tmp_path)
    with open(path, "ab") as file:
        file.write((b"\x64" + bytes(7) + b"\x0a\x62" + bytes(60))[:left])
    assert cut_records(path, Place(steps=9, epochs=9)) == 1  # the settings
    assert steps(path, "train/lr") == [1, 2, 3, 4, 5]
    with LogWriter(logdir=str(tmp_path), file_name=path.name) as writer:
        writer.add_scalar("train/lr", 0.6, 6)
    assert steps(path, "train/lr") == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("size", [15, 16, 17, 200, 300, 100_000])
def test_an_empty_record_has_any_size_and_says_nothing(size: int) -> None:
    record = empty_record(size)
    assert len(record) == size
    (value,) = Record.FromString(record).values
    assert value.HasField("meta_data") and not value.meta_data.display_name


def test_rows_of_later_steps_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    rows = [{"kind": kind, "step": step} for step in (1, 2, 3) for kind in ("train", "val_ema")]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text + '{"kind": "train", "st')
    assert cut_rows(path, Place(steps=2, epochs=1)) == 3
    assert [*map(json.loads, path.read_text().splitlines())] == [*rows[:3][:2], rows[2]]
    assert cut_rows(path, Place(steps=0, epochs=0)) == 3
    assert path.read_text() == ""
    assert cut_rows(tmp_path / "none", Place(0, 0)) == 0


@pytest.mark.parametrize("line", [b"\x00\xff garbage", b"[" * 100_000, b"[1]", b'{"kind": 3}'])
def test_lines_that_are_no_rows_are_told_and_kept_beside(
    line: bytes, tmp_path: Path, lines: list[str]
) -> None:
    path = tmp_path / "metrics.jsonl"
    rows = [b'{"kind": "train", "step": %d}\n' % step for step in (1, 2, 3)]
    before = rows[0] + line + b"\n" + rows[1] + rows[2]
    path.write_bytes(before)
    assert cut_rows(path, Place(steps=2, epochs=0)) == 1
    assert path.read_bytes() == rows[0] + rows[1]
    assert damaged_copy(path).read_bytes() == before
    assert len(lines) == 1 and f"{path} is damaged: 1 of its lines are no rows" in lines[0]


@pytest.mark.parametrize("place", ["begin", "middle"])
def test_a_file_of_visualdl_that_is_damaged_is_told_and_kept_beside(
    place: str, tmp_path: Path, lines: list[str]
) -> None:
    path = logged(tmp_path)
    whole = path.read_bytes()
    at = 0 if place == "begin" else len(whole) // 2
    path.write_bytes(whole[:at] + b"\xff" * 64 + whole[at:])
    before = path.read_bytes()
    cut_records(path, Place(steps=9, epochs=9))
    assert damaged_copy(path).read_bytes() == before
    assert len(lines) == 1 and f"{path} is damaged: its last " in lines[0]
    with LogWriter(logdir=str(tmp_path), file_name=path.name) as writer:
        writer.add_scalar("train/lr", 0.6, 6)
    assert steps(path, "train/lr")[-1] == 6


def test_a_record_too_short_to_be_emptied_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "vdlrecords.slowfast.log"
    record = Record(values=[Record.Value(tag="a", id=99)]).SerializeToString()
    assert len(record) < 15
    path.write_bytes(len(record).to_bytes(8, "little") + record)
    assert cut_records(path, Place(steps=1, epochs=1)) == 1
    assert path.read_bytes() == b""

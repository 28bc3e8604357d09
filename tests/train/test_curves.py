"""The curves of a run: the rows of metrics.jsonl, and VisualDL's file."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from visualdl import LogReader

from slowfast.train.curves import RECORDS, MetricWriter, how_to_open
from slowfast.train.cut import Place

BEGIN = Place(0, 0)


def rows(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]


def log_of(folder: Path) -> LogReader:
    return LogReader(file_path=str(folder / "vdl" / RECORDS))


def test_scalars_reach_visualdl_and_the_rows(tmp_path: Path) -> None:
    with MetricWriter(str(tmp_path), 0, BEGIN) as writer:
        for step in (1, 2, 5):
            writer.write("train", step, {"loss": 1 / step}, epoch=1)
    assert rows(tmp_path)[2] == {"kind": "train", "step": 5, "epoch": 1, "loss": 0.2}
    (file,) = (tmp_path / "vdl").iterdir()
    curve = LogReader(file_path=str(file)).get_data("scalar", "train/loss")
    assert [p.id for p in curve] == [1, 2, 5]
    assert [p.value for p in curve] == pytest.approx([1.0, 0.5, 0.2])


def test_without_visualdl_the_rows_are_written_and_it_is_said_once(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "visualdl", None)
    with MetricWriter(str(tmp_path), 0, BEGIN) as writer:
        for step in (1, 2):
            writer.write("train", step, {"loss": 1 / step}, epoch=1)
    assert [row["loss"] for row in rows(tmp_path)] == [1, 0.5]
    assert len(lines) == 1 and "VisualDL" in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_value_not_finite_is_valid_json_and_other_ranks_write_nothing(tmp_path: Path) -> None:
    for rank in (1, 0):
        with MetricWriter(str(tmp_path), rank, BEGIN) as writer:
            writer.write("val", 1, {"loss": float("nan")})
        assert rank == 0 or not list(tmp_path.iterdir())
    assert rows(tmp_path)[0]["loss"] is None


def test_a_resumed_run_goes_on_in_the_same_file(tmp_path: Path, lines: list[str]) -> None:
    with MetricWriter(str(tmp_path), 0, BEGIN) as writer:
        writer.settings({"seed": 0}, ["val/top1"])
        for step in range(1, 9):
            writer.write("train", step, {"loss": 1 / step})
            if step % 4 == 0:
                writer.write("val", step // 4, {"top1": 0.5})
                writer.picture("val/classes", step // 4, np.full((4, 4, 3), 9, np.uint8))
    with MetricWriter(str(tmp_path), 0, Place(6, 1)) as writer:
        writer.settings({"seed": 7}, ["val/top1"])
        for step in range(7, 11):
            writer.write("train", step, {"loss": 2 / step})
    assert [file.name for file in (tmp_path / "vdl").iterdir()] == [RECORDS]
    log = log_of(tmp_path)
    assert [p.id for p in log.get_data("scalar", "train/loss")] == [*range(1, 11)]
    assert [p.id for p in log.get_data("scalar", "val/top1")] == [1]
    assert [p.id for p in log.get_data("image", "val/classes")] == [1]
    (settings,) = log.get_data("hyper_parameters", "hparam")
    assert [info.int_value for info in settings.hparam.hparamInfos] == [7]
    steps = [(row["kind"], row["step"]) for row in rows(tmp_path)]
    assert steps == [*(("train", s) for s in range(1, 5)), ("val", 1),
                     *(("train", s) for s in range(5, 11))]  # fmt: skip
    assert any("3 rows of steps that are computed again are cut" in line for line in lines)


def test_a_run_that_begins_anew_does_not_mix_with_another(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        with MetricWriter(str(tmp_path), 0, BEGIN) as writer:
            writer.write("train", 1, {"loss": value})
            writer.write("val", 1, {"top1": value})
    assert [row.get("loss", row.get("top1")) for row in rows(tmp_path)] == [2, 2]
    assert [p.value for p in log_of(tmp_path).get_data("scalar", "val/top1")] == [2]


def test_pictures_histograms_and_settings_reach_visualdl(tmp_path: Path) -> None:
    with MetricWriter(str(tmp_path), 0, BEGIN) as writer:
        assert writer.draws
        writer.picture("clips/1", 1, np.full((6, 8, 3), 200, np.uint8))
        writer.histogram("weights/head", 1, np.arange(100, dtype=np.float32))
        writer.histogram("weights/odd", 1, np.array([np.nan], np.float32))
        writer.settings({"a": 1, "b": 0.5, "c": "x"}, ["val/top1"])
        writer.flush()
        tags = log_of(tmp_path).get_tags()
    assert tags["image"] == ["clips/1"] and tags["histogram"] == ["weights/head"]
    assert tags["hyper_parameters"] == ["hparam"]


def test_a_link_to_nothing_costs_the_curves_alone(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "vdl").symlink_to(tmp_path / "gone")
    with MetricWriter(str(tmp_path), 0, BEGIN) as writer:
        writer.write("train", 1, {"loss": 1.0})
        assert not writer.draws
    assert rows(tmp_path)[0]["loss"] == 1
    assert len(lines) == 1 and lines[0].startswith("no curves for VisualDL: ")


def test_a_file_that_cannot_be_cut_costs_the_curves_alone(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "vdl" / RECORDS).mkdir(parents=True)
    with MetricWriter(str(tmp_path), 0, BEGIN) as writer:
        writer.write("train", 1, {"loss": 1.0})
        assert not writer.draws
    assert rows(tmp_path)[0]["loss"] == 1
    assert lines[0].startswith("no curves for VisualDL: ")


def test_the_line_that_tells_how_to_see_them(own_folder: Path) -> None:
    page = " --port 8040, then http://localhost:8040/app/scalar"
    quiet = "--disable-telemetry --logdir"
    assert how_to_open(Path("output/a")) == f"visualdl {quiet} output/a{page}"
    assert how_to_open(Path("/out"), "v") == f"v {quiet} /out{page}"
    for name in ("output/a", "my runs/b", "my runs/c", "d"):
        (own_folder / name).mkdir(parents=True)
        MetricWriter(name, 0, BEGIN).close()
    assert how_to_open(Path("output/a")) == f"visualdl {quiet} output/a{page}"  # alone there
    assert how_to_open(Path("d")) == f"visualdl {quiet} d{page}"
    assert how_to_open(Path("my runs/b")) == f"visualdl {quiet} 'my runs'{page}"
    whole = own_folder / "my runs"
    assert how_to_open(whole / "c", "v") == f"v {quiet} {shlex.quote(str(whole))}{page}"
    (own_folder / "e").mkdir()
    MetricWriter("e", 0, BEGIN).close()
    assert how_to_open(Path("d")) == f"visualdl {quiet} .{page}"

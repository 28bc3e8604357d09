"""The rows of a running test: what is there stays, what is not whole is done again."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_run import environment

from slowfast.config import Config
from slowfast.data.lists import Sample
from slowfast.evaluate.scores import ResultsError
from slowfast.predict.kept import WITHOUT_INFLUENCE, ScoreRows, make_plan

SCORES = np.random.default_rng(0).random((5, 6, 4)).astype(np.float32)
PLAN = {"videos": 5, "crc of the list": 1, "test.num_clips": 2}


def open_some(path: Path, plan: dict[str, Any] = PLAN) -> ScoreRows:
    return ScoreRows(path, plan, (6, 4))


def write_two(path: Path) -> Path:
    """Rows 3 and 0; returns the partial file."""
    rows = open_some(path)
    assert rows.done == []
    for index in (3, 0):
        rows.write(index, SCORES[index])
    rows.close()
    return rows.partial


def test_rows_are_there_when_it_is_opened_again(tmp_path: Path) -> None:
    write_two(tmp_path / "a.npz")
    rows = open_some(tmp_path / "a.npz")
    assert rows.done == [0, 3]
    for index in rows.done:
        np.testing.assert_array_equal(rows.read(index), SCORES[index])
    with pytest.raises(ResultsError, match="the row of video 1 is not there, or damaged"):
        rows.read(1)


def test_all_processes_write_to_the_same_rows(tmp_path: Path) -> None:
    first = open_some(tmp_path / "a.npz")
    second = ScoreRows(tmp_path / "a.npz", PLAN, (6, 4), is_owner=False)
    second.write(4, SCORES[4])
    np.testing.assert_array_equal(first.read(4), SCORES[4])


def test_a_process_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="a.npz.partial"):
        ScoreRows(tmp_path / "a.npz", PLAN, (6, 4), is_owner=False)


@pytest.mark.parametrize("cut", [1, 8, 9, 50, 103])
def test_a_row_that_was_cut_off_is_not_there(tmp_path: Path, cut: int) -> None:
    partial = write_two(tmp_path / "a.npz")
    record = 6 * 4 * 4 + 8
    end = partial.stat().st_size - record  # of row 3
    os.truncate(partial, end - cut)
    assert open_some(tmp_path / "a.npz").done == [0]


def test_a_row_that_was_changed_or_stands_elsewhere_is_not_there(tmp_path: Path) -> None:
    partial = write_two(tmp_path / "a.npz")
    content, record = bytearray(partial.read_bytes()), 6 * 4 * 4 + 8
    begin = len(content) - 5 * record
    content[begin + record : begin + 2 * record] = content[begin : begin + record]
    content[begin + 3 * record + 20] ^= 1
    partial.write_bytes(content)
    assert open_some(tmp_path / "a.npz").done == [0]


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = open_some(tmp_path / "a.npz")
    rows.write(0, SCORES[0])
    pwrite = os.pwrite

    def almost_full(file: int, data: bytes, offset: int) -> int:
        if len(data) < 50:
            raise OSError(28, "No space left on device")
        return pwrite(file, data[:-40], offset)

    monkeypatch.setattr(os, "pwrite", almost_full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        rows.write(1, SCORES[1])
    assert caught.value.filename == str(rows.partial)
    monkeypatch.undo()
    rows.close()
    again = open_some(tmp_path / "a.npz")
    assert again.done == [0]
    again.write(1, SCORES[1])
    np.testing.assert_array_equal(again.read(1), SCORES[1])


@pytest.mark.parametrize(
    ("plan", "difference"),
    [
        (PLAN | {"test.num_clips": 3}, "test.num_clips: 2 there, 3 here"),
        (PLAN | {"crc of the list": 7}, "crc of the list: 1 there, 7 here"),
        (PLAN | {"new": 7}, "new: None there, 7 here"),
    ],
)
def test_rows_of_another_test_are_never_mixed(
    tmp_path: Path, plan: dict[str, Any], difference: str
) -> None:
    partial = write_two(tmp_path / "a.npz")
    before = partial.read_bytes()
    with pytest.raises(ResultsError) as caught:
        open_some(tmp_path / "a.npz", plan)
    assert str(caught.value) == (
        f"{partial} is of another test ({difference}): delete it, or name another file"
    )
    assert partial.read_bytes() == before


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    partial = tmp_path / "a.npz.partial"
    partial.write_bytes(b"a download\n")
    with pytest.raises(ResultsError, match="is not a partial file of this program"):
        open_some(tmp_path / "a.npz")
    assert partial.read_bytes() == b"a download\n"


def test_a_finished_file_is_not_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "a.npz").touch()
    with pytest.raises(ResultsError, match="is there already"):
        open_some(tmp_path / "a.npz")


def test_two_runs_do_not_write_the_same_rows(tmp_path: Path) -> None:
    rows = open_some(tmp_path / "a.npz")
    code = (
        "import sys; from pathlib import Path; from slowfast.predict.kept import ScoreRows\n"
        f"ScoreRows(Path(sys.argv[1]), {PLAN!r}, (6, 4))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.npz")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert f"another run is writing {rows.partial}" in done.stderr
    rows.close()
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("section", WITHOUT_INFLUENCE)
def test_what_has_no_influence_is_in_the_config(section: str) -> None:
    assert WITHOUT_INFLUENCE[section] <= set(vars(getattr(Config(), section)))


def test_the_plan_is_what_scores_depend_on(tmp_path: Path) -> None:
    weights = tmp_path / "w.pdparams"
    weights.write_bytes(b"one")
    cfg, samples = Config(), [Sample("a.mp4", 1), Sample("b.mp4", 2)]
    plan = make_plan(samples, cfg, str(weights))
    test, data = cfg.test, cfg.data
    for same in (
        replace(cfg, test=replace(test, batch_size=8, views_per_chunk=30)),
        replace(cfg, data=replace(data, num_workers=2, on_error="skip", max_errors=3)),
        replace(cfg, seed=5, output_dir="elsewhere"),
    ):
        assert make_plan(samples, same, str(weights)) == plan
    for other in (
        replace(cfg, test=replace(test, num_clips=3)),
        replace(cfg, test=replace(test, average_clips="score")),
        replace(cfg, data=replace(data, sampling_stride=4)),
        replace(cfg, data=replace(data, mean=(0.0, 0.0, 0.0))),
        replace(cfg, model=replace(cfg.model, head_pooling="global")),
    ):
        assert make_plan(samples, other, str(weights)) != plan
    assert make_plan(samples[::-1], cfg, str(weights)) != plan
    weights.write_bytes(b"two")
    assert make_plan(samples, cfg, str(weights)) != plan

"""Rows on disk: what is there stays, what is not whole counts as not there."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.full_disk import largest_file
from support.tiny_run import fresh_state, tiny_config

from slowfast.config import Config
from slowfast.data.samples import Box, KeyFrame, Sample
from slowfast.files import FolderError
from slowfast.predict.kept import (
    META,
    OF_THE_HEAD,
    WITHOUT_INFLUENCE,
    Kept,
    Plan,
    key_of,
    plan_of,
    settings_of,
)
from slowfast.predict.runtime.built import weighted

ROW = np.random.default_rng(0).random((6, 4)).astype(np.float32)
PLAN: Plan = {"weights": "abc", "test.num_clips": 2, "data.mean": [0.45, 0.45, 0.45]}


def test_rows_are_there_when_the_folder_is_opened_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "rows")
    kept.claim(PLAN)
    kept.write("a/höhe 1.mp4", ROW)
    again = Kept(tmp_path / "rows")
    again.claim(PLAN)
    np.testing.assert_array_equal(again.read("a/höhe 1.mp4"), ROW)
    assert again.read("b") is None
    np.testing.assert_array_equal(np.load(again.path("a/höhe 1.mp4"), allow_pickle=False), ROW)
    again.remove()
    assert not (tmp_path / "rows").exists()


@pytest.mark.parametrize(("length", "more"), [(-1, b""), (50, b""), (0, b""), (0, b"a download\n")])
def test_a_row_that_is_not_whole_is_not_there(tmp_path: Path, length: int, more: bytes) -> None:
    kept = Kept(tmp_path)
    kept.write("a", ROW)
    kept.path("a").write_bytes(kept.path("a").read_bytes()[:length] + more)
    assert kept.read("a") is None and not kept.has("a")
    kept.write("a", ROW)
    assert kept.has("a")
    np.testing.assert_array_equal(kept.read("a"), ROW)


@pytest.mark.parametrize(("place", "byte"), [(10, 0xD7), (11, 0x28), (8, 0xFF), (6, 9)])
def test_a_row_with_a_damaged_header_is_not_there(tmp_path: Path, place: int, byte: int) -> None:
    kept = Kept(tmp_path)
    kept.write("a", ROW)
    content = bytearray(kept.path("a").read_bytes())
    content[place] = byte
    kept.path("a").write_bytes(content)
    assert kept.read("a") is None and not kept.has("a")
    kept.path("a").write_bytes(b"PK\5\6" + bytes(18))  # an empty zip
    assert kept.read("a") is None


@pytest.mark.parametrize("room", [2048, 8192, 8192 + 100])
def test_a_disk_that_is_full_within_a_row_is_noticed(tmp_path: Path, room: int) -> None:
    kept, before = Kept(tmp_path, durable=False), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with largest_file(room), pytest.raises(OSError, match="a.npy") as caught:
            kept.write("a", np.zeros((1000, 4), np.float32))
    finally:
        signal.signal(signal.SIGXFSZ, before)
    assert caught.value.errno and not kept.has("a")


def test_a_row_that_is_not_finite_is_not_there(tmp_path: Path) -> None:
    Kept(tmp_path).write("a", np.array([[1, np.nan]], np.float32))
    assert Kept(tmp_path).read("a") is None


def test_nothing_in_a_row_is_unpickled(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    np.save(kept.path("a"), np.array([{"run": "me"}]), allow_pickle=True)
    assert kept.read("a") is None


@pytest.mark.parametrize("durable", [True, False])
def test_a_full_disk_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    kept = Kept(tmp_path, durable=durable)
    kept.write("a", ROW)

    def full(file: Any, row: Any, **_: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        for name in ("a", "b"):
            with pytest.raises(OSError, match="No space left on device") as caught:
                kept.write(name, 2 * ROW)
            assert caught.value.filename == str(kept.path(name))
    np.testing.assert_array_equal(kept.read("a"), ROW)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_durable_rows_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    monkeypatch.setattr(os, "fsync", waits.append)
    Kept(tmp_path, durable=False).write("a", ROW)
    assert waits == []
    Kept(tmp_path).write("a", ROW)
    assert len(waits) == 1


@pytest.mark.parametrize(
    ("plan", "difference"),
    [
        (PLAN | {"weights": "abd"}, "of other weights (weights: abc there, abd here)"),
        (PLAN | {"test.num_clips": 3}, "of other settings (test.num_clips: 2 there, 3 here)"),
        (PLAN | {"new": 7}, "of other settings (new: None there, 7 here)"),
        ({"weights": "abc"}, "of other settings (test.num_clips: 2 there, None here)"),
    ],
)
def test_rows_of_two_kinds_are_never_mixed(tmp_path: Path, plan: Plan, difference: str) -> None:
    kept = Kept(tmp_path)
    kept.claim(PLAN)
    before = (tmp_path / META).read_bytes()
    with pytest.raises(FolderError) as caught:
        kept.claim(plan)
    assert str(caught.value) == (
        f"what is in {tmp_path} is {difference}: delete it, or name another place"
    )
    assert (tmp_path / META).read_bytes() == before


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"{", b"- a list", b""])
def test_a_damaged_plan_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / META).write_bytes(content)
    with pytest.raises(FolderError) as caught:
        Kept(tmp_path).claim(PLAN)
    assert str(caught.value) == f"{tmp_path}/{META} is damaged: delete it, and what lies beside it"


@pytest.mark.parametrize("keys", [WITHOUT_INFLUENCE, OF_THE_HEAD])
def test_what_has_no_influence_is_in_the_config(keys: dict[str, set[str]]) -> None:
    for section, names in keys.items():
        assert names <= set(vars(getattr(Config(), section))), section


def test_what_scores_depend_on(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    model = fresh_state(cfg).model

    def plan(cfg: Config) -> Plan:
        return plan_of(weighted(model), cfg, with_head=True)

    base = plan(cfg)
    test, data = cfg.test, cfg.data
    for same in (
        replace(cfg, test=replace(test, batch_size=8, views_per_chunk=30)),
        replace(cfg, data=replace(data, num_workers=2, on_error="skip", max_errors=3)),
        replace(cfg, seed=5, output_dir="elsewhere"),
    ):
        assert plan(same) == base
    for changed, key in (
        (replace(cfg, test=replace(test, num_clips=3)), "test.num_clips"),
        (replace(cfg, test=replace(test, average_clips="score")), "test.average_clips"),
        (replace(cfg, data=replace(data, sampling_stride=4)), "data.sampling_stride"),
        (replace(cfg, data=replace(data, mean=(0.0, 0.0, 0.0))), "data.mean"),
        (replace(cfg, model=replace(cfg.model, head_pooling="global")), "model.head_pooling"),
    ):
        assert {name for name in base if plan(changed)[name] != base[name]} == {key}
    model.head.projection.bias.set_value(model.head.projection.bias + 1)
    assert {name for name, value in plan(cfg).items() if value != base[name]} == {"weights"}


def test_what_features_depend_on(tmp_path: Path) -> None:
    model = fresh_state(tiny_config(tmp_path)).model

    def plan(*overrides: str) -> Plan:
        return plan_of(
            weighted(model), tiny_config(tmp_path, *overrides), with_head=False, every=0.5
        )

    base = plan()
    assert base["every"] == 0.5
    for same in ("data.flip=0", "test.num_clips=3", "model.dropout=0.1"):
        assert plan(same) == base, same
    assert plan("model.num_classes=7", "data.labels=") == base
    for other in ("data.num_frames=12", "test.protocol=mmaction2", "model.alpha=2"):
        assert plan(other) != base, other
    model.head.projection.bias.set_value(model.head.projection.bias + 1)
    assert plan() == base
    weight = next(iter(model.s5.parameters()))
    weight.set_value(weight + 1)
    assert {name for name, value in plan().items() if value != base[name]} == {"weights"}


def test_a_video_that_changed_has_another_key(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"one")
    first = key_of(Sample(str(path)))
    assert first == key_of(Sample(f"{tmp_path}/../{tmp_path.name}/a.mp4", 3))
    path.write_bytes(b"other")
    keys = {first, key_of(Sample(str(path))), key_of(Sample(str(path), 0, 40))}
    path.unlink()
    assert len(keys | {key_of(Sample(str(path))), key_of(Sample(str(tmp_path / "b.mp4")))}) == 5


def test_without_a_home_folder_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest of the weights is then computed each time."""

    def no_home() -> Path:
        raise FolderError("there is no home folder")

    network = weighted(fresh_state(tiny_config(tmp_path)).model)
    kept = plan_of(network, tiny_config(tmp_path), with_head=True)
    monkeypatch.setattr("slowfast.predict.kept.cache_folder", no_home)
    assert plan_of(network, tiny_config(tmp_path), with_head=True) == kept


def test_what_the_row_of_a_key_frame_depends_on() -> None:
    """Its boxes and its place in the film, not what is annotated."""

    def key(boxes: tuple[Box, ...], seconds: float = 2.0, **more: Any) -> str:
        return key_of(Sample("/a.mp4", key=KeyFrame("a", 902, seconds, boxes, **more)))

    here, there = Box((0.1, 0.2, 0.3, 0.4)), Box((0.1, 0.2, 0.3, 0.5))
    assert key((here,)) == key((here._replace(labels=(3,), score=0.5),), truth=(there,))
    assert len({key(()), key((here,)), key((there,)), key((here, there)), key((here,), 1.0)}) == 5


def test_settings_of_boxes_matter_to_boxes_alone(tmp_path: Path) -> None:
    """So that what people have of classification stays as it is."""
    several, boxes = (
        settings_of(tiny_config(tmp_path, f"train.task={task}"), with_head=True)
        for task in ("multi", "detection")
    )
    assert not [key for key in several if "roi_" in key or "dilations" in key or "nonlocal" in key]
    assert {"model.roi_size", "model.roi_aligned", "model.dilations"} <= {*boxes}
    assert "test.num_clips" in several and "test.num_clips" not in boxes
    deeper = tiny_config(tmp_path, "model.nonlocal_blocks=[0]")
    assert settings_of(deeper, with_head=False)["model.nonlocal_blocks"] == [0]

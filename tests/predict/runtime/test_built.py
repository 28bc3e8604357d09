import dataclasses
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.full_disk import largest_file
from support.tiny_run import fresh_state, tiny_config

from slowfast import files
from slowfast.predict.runtime import built as module
from slowfast.predict.runtime.built import (
    CHECK,
    MANIFEST,
    Graph,
    Weighted,
    built,
    expected_rows,
    weighted,
)

Build = Callable[[Graph, str, Path], None]


@pytest.fixture
def wanted(tmp_path: Path) -> Graph:
    cfg = tiny_config(tmp_path)
    return Graph(weighted(fresh_state(cfg).model), cfg, "prob")


def no_model() -> Any:
    raise AssertionError("the network was asked for")


def build_by(change: Callable[[Path], None], patch: pytest.MonkeyPatch) -> None:
    """Building becomes writing two small files, and ``change`` to their folder."""

    def build(wanted: Graph, form: str, folder: Path) -> None:
        (folder / CHECK).write_bytes(b"rows")
        (folder / "graph.onnx").write_bytes(b"graph")
        change(folder)
        names = (CHECK, "graph.onnx")
        files.write_json(folder / MANIFEST, {n: files.file_digest(folder / n) for n in names})

    patch.setattr(module, "_build", build)


@pytest.mark.parametrize(
    ("form", "names"),
    [("onnx", {"graph.onnx"}), ("paddle", {"program.json", "program.pdiparams"})],
)
def test_a_graph_is_built_once(
    cache: Path, wanted: Graph, form: str, names: set[str], lines: list[str]
) -> None:
    with built(wanted, form) as folder:
        assert {path.name for path in folder.iterdir()} == names | {CHECK, MANIFEST}
        rows = expected_rows(folder)
    assert [folder] == [*cache.iterdir()]
    assert rows.shape == (2, 24) and np.allclose(rows.sum(axis=1), 1)
    lines.clear()
    with built(wanted._replace(network=Weighted(no_model, wanted.network.digest)), form) as again:
        assert again == folder
    assert lines == []


@pytest.mark.parametrize("damage", ["changed", "gone", "no manifest", "a list"])
def test_a_damaged_one_is_built_anew(
    cache: Path, wanted: Graph, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_by(lambda folder: None, monkeypatch)
    with built(wanted, "onnx") as folder:
        pass
    graph = folder / "graph.onnx"
    damages: dict[str, Callable[[], object]] = {
        "changed": lambda: graph.write_bytes(b"grapf"),
        "gone": graph.unlink,
        "no manifest": (folder / MANIFEST).unlink,
        "a list": lambda: (folder / MANIFEST).write_text("[]"),
    }
    damages[damage]()
    with built(wanted, "onnx") as again:
        assert again == folder and graph.read_bytes() == b"graph"
    assert [folder] == [*cache.iterdir()]


def test_two_processes_need_the_same_at_once(
    cache: Path, wanted: Graph, monkeypatch: pytest.MonkeyPatch, no_hang: None
) -> None:
    """One builds it, the other waits."""

    def build(folder: Path) -> None:
        with open(cache.parent / "built.txt", "a") as file:
            file.write("once\n")
        time.sleep(0.5)

    build_by(build, monkeypatch)
    children = []
    for _ in range(2):
        if not (child := os.fork()):
            with built(wanted, "onnx") as folder:
                os._exit((folder / "graph.onnx").read_bytes() != b"graph")
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    assert (cache.parent / "built.txt").read_text() == "once\n"
    assert len([*cache.iterdir()]) == 1


def test_what_a_killed_run_left_is_removed(
    cache: Path, wanted: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(folder: Path) -> None:
        left.append(folder.with_name(folder.name.replace(".new", "x.new")))
        shutil.copytree(folder, left[0])
        raise KeyboardInterrupt

    left: list[Path] = []
    build_by(killed, monkeypatch)
    with pytest.raises(KeyboardInterrupt), built(wanted, "onnx"):
        pass
    assert left[0].is_dir()
    build_by(lambda folder: None, monkeypatch)
    with built(wanted, "onnx") as folder:
        assert [*cache.iterdir()] == [folder]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_nothing_half_written_stays(
    cache: Path, wanted: Graph, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    def fail(folder: Path) -> None:
        raise stop

    build_by(fail, monkeypatch)
    with pytest.raises(stop), built(wanted, "onnx"):
        pass
    assert [*cache.iterdir()] == []


@pytest.mark.parametrize("place", ["graphs", "locks"])
def test_a_file_in_the_place_of_a_folder(
    cache: Path, wanted: Graph, place: str, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    build_by(lambda folder: None, monkeypatch)
    cache.parent.mkdir()
    (cache.parent / place).write_text("")
    with built(wanted, "onnx") as folder:
        assert not folder.is_relative_to(cache.parent)
    assert "cannot be kept" in lines[-1]


@pytest.mark.parametrize("form", ["onnx", "paddle"])
def test_a_disk_that_is_too_small(
    cache: Path, wanted: Graph, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No cut file is kept, whatever the library says of it."""
    with largest_file(1 << 18), pytest.raises(OSError) as raised, built(wanted, form):
        pass
    assert raised.value.filename
    assert [*cache.iterdir()] == []


@pytest.mark.parametrize("fault", ["full", "a file in its place"])
def test_a_cache_that_cannot_be_written(
    cache: Path, wanted: Graph, fault: str, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    """It goes on with a temporary folder, and says so."""

    def fill(folder: Path) -> None:
        if folder.parent == cache:
            raise OSError(28, os.strerror(28), str(folder))

    build_by(fill, monkeypatch)
    if fault != "full":
        cache.parent.write_text("")
    with built(wanted, "onnx") as folder:
        assert (folder / "graph.onnx").read_bytes() == b"graph"
        assert not folder.is_relative_to(cache)
    assert not folder.exists()
    reason = {"full": "No space left on device", "a file in its place": "Not a directory"}[fault]
    assert lines[-1].endswith(f"cannot be kept ({reason}): the next run builds it again")


def test_what_a_graph_depends_on(tmp_path: Path, wanted: Graph) -> None:
    cfg = wanted.cfg
    others = [
        wanted._replace(network=Weighted(no_model, "other")),
        wanted._replace(kind="score"),
        wanted._replace(cfg=tiny_config(tmp_path, "data.mean=[0.4,0.45,0.45]")),
        wanted._replace(cfg=tiny_config(tmp_path, "data.num_frames=16")),
        wanted._replace(cfg=tiny_config(tmp_path, "model.average_positions=score")),
        wanted._replace(cfg=tiny_config(tmp_path, "train.task=multi")),
        wanted._replace(cfg=tiny_config(tmp_path, "test.crop_size=40", "test.short_side=40")),
    ]
    keys = {module.key_of(graph) for graph in (wanted, *others)}
    assert len(keys) == 1 + len(others)
    same = dataclasses.replace(cfg, output_dir="elsewhere", seed=3)
    assert module.key_of(wanted._replace(cfg=same)) == module.key_of(wanted)


def test_weights_are_told_apart(tmp_path: Path) -> None:
    model = fresh_state(tiny_config(tmp_path)).model
    one = weighted(model)
    assert one.model() is model and one.digest == weighted(model).digest
    model.head.projection.bias.set_value(model.head.projection.bias + 1e-6)
    assert weighted(model).digest != one.digest

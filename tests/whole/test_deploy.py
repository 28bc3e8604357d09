"""The programs of docs/deploy.md run where Paddle and this project cannot be imported, and come
to what our own reader and network come to."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.exporting import exported_once, network
from support.paths import REPOSITORY
from support.tiny_run import eager, environment, tiny_config, tiny_data
from support.videos import write_numbered_video

from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.samples import Box, KeyFrame, Sample
from slowfast.predict.export.exporter import export
from slowfast.predict.views import rows_of_videos

PROGRAMS = re.findall(
    r"```python\n(.*?)```", (REPOSITORY / "docs/deploy.md").read_text(encoding="utf-8"), re.DOTALL
)
BY_RUNTIME = {
    name: [program for program in PROGRAMS if f"{name}." in program and "counts" not in program]
    for name in ("onnxruntime", "openvino", "inference")
}


def run(program: str, *arguments: object, cwd: Path, barred: list[str]) -> str:
    """What a program prints; packages that are barred cannot be imported."""
    (cwd / "program.py").write_text(program, encoding="utf-8")
    for name in barred:
        (cwd / f"{name}.py").write_text("raise ImportError('barred')\n")
    clean = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "program.py", *map(str, arguments)],
        cwd=cwd, env=clean, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_barred_cannot_be_imported(tmp_path: Path) -> None:
    program = """
for name in ("paddle", "slowfast"):
    try:
        __import__(name)
    except ImportError as error:
        print(name, error)
"""
    found = run(program, cwd=tmp_path, barred=["paddle", "slowfast"])
    assert found == "paddle barred\nslowfast barred\n"


@pytest.mark.parametrize("runtime", BY_RUNTIME)
def test_a_program_gives_our_classes(tmp_path: Path, runtime: str) -> None:
    (program,) = BY_RUNTIME[runtime]
    barred = ["slowfast"] if runtime == "inference" else ["slowfast", "paddle"]
    video = sorted((tiny_data() / "val").glob("*.mp4"))[1]
    said = run(program, exported_once(), video, cwd=tmp_path, barred=barred)
    found = re.findall(r"^(0\.\d{4}) (.+)$", said, re.MULTILINE)

    cfg = tiny_config(tmp_path, "test.num_clips=2", "test.num_crops=1")
    views = MultiViewVideos([Sample(str(video), 0)], cfg.data, cfg.test)(0)
    ((y, x),) = views.crops
    clip = views.frames[views.clips[1]][:, y : y + 32, x : x + 32]  # of two, the one half way
    (rows,) = eager(network(cfg).model(), cfg, "prob").run(clip[None])
    names = (tiny_data() / "labels.txt").read_text().splitlines()
    best = rows.argsort()[:-6:-1]
    assert [name for _, name in found] == [names[i] for i in best]
    np.testing.assert_allclose([float(value) for value, _ in found], rows[best], atol=6e-5)
    assert rows[best[0]] > 2 * rows[best[4]]  # else it would say little


def test_the_program_for_boxes(tmp_path: Path) -> None:
    (program,) = (text for text in PROGRAMS if "counts" in text)
    cfg = tiny_config(tmp_path, "train.task=detection")
    names, one = (tiny_data() / "labels.txt").read_text().splitlines(), network(cfg)
    weight = one.model().head.projection.weight
    weight.set_value(weight * 0.1)  # no probability rounds to 1
    export(one, cfg, names, tmp_path / "exported", "mine.pdparams")
    video, size = write_numbered_video(tmp_path / "a.mp4", 60, size=(96, 64)), (96, 64)
    corners = np.array([[10, 5, 50, 60], [40, 20, 96, 64]])
    said = run(program, tmp_path / "exported", video, 1.1, *corners.ravel(),
               cwd=tmp_path, barred=["slowfast", "paddle"])  # fmt: skip
    found = re.findall(r"^(0\.\d{4}) (.+)$", said, re.MULTILINE)

    boxes = tuple(Box(tuple(own)) for own in (corners / np.array([*size, *size])).tolist())
    sample = Sample(str(video), (), key=KeyFrame("a", 1.1, 1.1, boxes))
    own = dict(rows_of_videos(eager(one.model(), cfg, "prob"), [sample], cfg, what=""))[0]
    assert isinstance(own, np.ndarray)
    best = own.argsort(axis=1)[:, :-6:-1]
    assert [name for _, name in found] == [names[i] for i in best.ravel()]
    wanted = np.take_along_axis(own, best, 1).ravel()
    np.testing.assert_allclose([float(value) for value, _ in found], wanted, atol=6e-5)
    (tmp_path / "exported/labels.txt").unlink()  # as of weights without class names
    said = run(program, tmp_path / "exported", video, 1.1, *corners.ravel(),
               cwd=tmp_path, barred=["slowfast", "paddle"])  # fmt: skip
    assert [int(line.split()[1]) for line in said.splitlines()] == best.ravel().tolist()


def test_whether_a_folder_is_whole(tmp_path: Path) -> None:
    (program,) = (text for text in PROGRAMS if "hashlib" in text)
    assert run(program, exported_once(), cwd=tmp_path, barred=["paddle", "slowfast"]) == ""
    assert sum(map(len, BY_RUNTIME.values())) + 2 == len(PROGRAMS)

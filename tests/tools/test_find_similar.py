"""The tool that finds similar moments: what it prints, writes, draws and refuses."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.tiny_run import save_tiny_model, tiny_config
from support.videos import write_mpeg4

from slowfast.tools import extract_features
from slowfast.tools.find_similar import main, short_name

pytestmark = pytest.mark.usefixtures("logging_as_it_was")
COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights; a folder ``videos`` with three videos of each colour, of different brightness; their
    ``features``; and a clip ``new.mp4`` that is first green, then red."""
    root = tmp_path_factory.mktemp("similar")
    cfg = tiny_config(root, "data.num_workers=0", "data.labels=")
    weights = save_tiny_model(cfg)
    weights.rename(root / "ckpt.pdparams")
    (root / "out" / "config.yaml").rename(root / "ckpt.yaml")
    (root / "videos").mkdir()
    for name, colour in COLOURS.items():
        for number in range(3):
            picture = np.full((32, 48, 3), colour, np.uint8) - 5 * number
            write_mpeg4(root / "videos" / f"{name} {number}.mp4", [picture] * 20)
    halves = [np.full((32, 48, 3), COLOURS[name], np.uint8) - 2 for name in ("green", "red")]
    write_mpeg4(root / "new.mp4", [halves[0]] * 30 + [halves[1]] * 30)
    words = root / "videos", "-w", root / "ckpt.pdparams", "--out", root / "features"
    assert extract_features.main([*map(str, words)]) == 0
    return root


def tool(root: Path, *words: Path | str) -> int:
    return main([*map(str, words), "-w", str(root / "ckpt.pdparams"), "--backend", "eager"])


def test_a_clip_finds_its_own_kind(root: Path, tmp_path: Path, capfd: Any) -> None:
    out, picture = tmp_path / "found.json", tmp_path / "found.png"
    words = root / "new.mp4", root / "features", "--at", "1.2", "2", "--top", "4"
    assert tool(root, *words, "--out", out, "--picture", picture) == 0
    said = capfd.readouterr().out.splitlines()
    rows = json.loads(out.read_text())
    first = next(i for i, line in enumerate(said) if line.startswith("similar to "))
    assert said[first] == f"similar to {root / 'new.mp4'}, 0:01.1 - 0:02.0:"
    assert {row["video"] for row in rows[:3]} == {f"{root}/videos/red {i}.mp4" for i in range(3)}
    assert [*rows[0]] == ["video", "start", "end", "similarity"]
    for number, row in enumerate(rows, 1):
        line = f"{number:>3}  {row['similarity']:.3f}  0:00.0 - 0:00.5  {row['video']}"
        assert said[first + number] in (line, line.replace("0:00.0 - 0:00.5", "0:00.1 - 0:00.7"))
    assert said[first + 5 :] == [str(out), str(picture)]
    drawn = cv2.imread(str(picture))
    assert drawn is not None
    is_red = (drawn[..., 2] > 180) & (drawn[..., 1] < 60)
    assert is_red.mean() > 0.2  # the clip, and three of four


def test_the_clip_itself_is_told(root: Path, capfd: Any) -> None:
    assert tool(root, root / "videos" / "blue 1.mp4", root / "features", "--top", "2") == 0
    said = capfd.readouterr().out.splitlines()
    assert said[-1] == f"left out: the clip itself, in {root}/videos/blue 1.mp4"
    assert {line.split("/")[-1] for line in said[-3:-1]} == {"blue 0.mp4", "blue 2.mp4"}


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("gone.mp4", "features"), "gone.mp4: No such file or directory"),
        (("ckpt.yaml", "features"), "ckpt.yaml: "),
        (("new.mp4", "gone"), "gone: there is no such folder of features (extract_features --out)"),
        (("new.mp4", "videos"), "videos has no features of extract_features: there is no depends"),
        (("new.mp4", "features", "--at", "9", "10"), "new.mp4 has no part from 9 to 10 s: it ends"),
        (
            ("new.mp4", "features", "-o", "data.sampling_stride=1"),
            "features is of other settings (data.sampling_stride: 2 there, 1 here): name those",
        ),
    ],
    ids=["no clip", "no video", "no folder", "other folder", "beyond", "settings"],
)
def test_what_is_refused(
    root: Path, words: tuple[str, ...], fault: str, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    assert tool(root, *words) == 1
    said = capfd.readouterr().err
    assert said.startswith("error: ") and fault in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--top", "0"), "'0' is not a whole number from 1 on"),
        (("--at", "2", "1"), "--at: the end must be after the start"),
        (("--at", "-1", "2"), "--at: '-1' is not a number of seconds, 0 or more"),
        (("--out", "found.csv"), "--out: found.csv does not end with .json"),
        (("--picture", "found.tga"), "--picture: found.tga does not end with .png"),
    ],
    ids=["none", "turned", "before", "out", "picture"],
)
def test_flags_that_cannot_be(root: Path, words: tuple[str, ...], fault: str, capfd: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        tool(root, root / "new.mp4", root / "features", *words)
    assert caught.value.code == 2
    assert fault in capfd.readouterr().err


def test_long_names_lose_their_middle() -> None:
    assert short_name("/videos/a clip.mp4") == "a clip.mp4"
    assert short_name(f"/videos/{'a' * 30}{'b' * 30}.mp4") == "aaaaaaaaaaaaaa...bbbbbbb.mp4"
    assert short_name("/videos/\udcff.mp4") == r"\udcff.mp4"

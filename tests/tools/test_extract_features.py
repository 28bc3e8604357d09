"""The tool that writes features: what it names, what it refuses, and how it ends."""

import errno
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.detecting import detection_config
from support.paths import REPOSITORY
from support.processes import run_processes
from support.tiny_run import environment, save_tiny_model, tiny_config, tiny_data

from slowfast.predict.kept import META, Kept
from slowfast.tools.extract_features import main
from slowfast.weights.save import write_config

pytestmark = pytest.mark.usefixtures("logging_as_it_was")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tiny_config(tmp_path_factory.mktemp("weights"), "data.num_workers=0"))


def tool(weights: Path, out: Path, *words: Path | str) -> int:
    return main([*map(str, words), "-w", str(weights), "--out", str(out)])


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Three videos, two of the same name, 60 frames of 30 a second."""
    root = tmp_path / "my videos"
    for number, name in enumerate(("höhe 1.mp4", "a/b c.mp4", "d/b c.mp4")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_data() / "val" / f"{number:06d}.mp4", root / name)
    return root


def files(folder: Path) -> list[str]:
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name not in (META, "videos.jsonl"))


def test_a_folder_is_mirrored(weights: Path, videos: Path, tmp_path: Path, capfd: Any) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "a").symlink_to(videos / "a")  # the same video, which is done once
    assert tool(weights, tmp_path / "out", videos, links, "--every", "0.4") == 0
    assert "clips of 0.533333 s, one every 0.4 s, read through PyAV" in capfd.readouterr().out
    assert files(tmp_path / "out") == ["a/b c.mp4.npy", "d/b c.mp4.npy", "höhe 1.mp4.npy"]
    rows = np.load(tmp_path / "out" / "a/b c.mp4.npy", allow_pickle=False)
    np.testing.assert_allclose(rows["start"], np.divide([0, 12, 24, 36, 44], 30))
    assert rows["features"].shape == (5, 288)


def test_a_list_from_a_root_and_clips_far_apart(
    weights: Path, videos: Path, tmp_path: Path
) -> None:
    (tmp_path / "moved.list").write_text("b c.mp4 3\nb c.mp4 3\n")
    words = "--root", videos / "a", "--every", "1e300", "-o", "data.num_workers=1"
    assert tool(weights, tmp_path / "out", tmp_path / "moved.list", *words) == 0
    assert files(tmp_path / "out") == ["b c.mp4.npy"]
    assert np.load(tmp_path / "out" / "b c.mp4.npy")["start"].tolist() == [0.0, 44 / 30]


def test_unreadable_videos_are_an_error(
    weights: Path, videos: Path, tmp_path: Path, capfd: Any
) -> None:
    (videos / "empty.mp4").touch()
    assert tool(weights, tmp_path / "out", videos, videos / "gone.mp4") == 1
    said = capfd.readouterr()
    assert said.out.count("unreadable: ") == 2
    assert said.err == (
        f"error: 2 of 5 videos could not be read (first: {videos}/empty.mp4: the file is empty "
        "(0 bytes))\n"
    )
    assert len(files(tmp_path / "out")) == 3


@pytest.mark.parametrize(
    ("what", "status", "said"),
    [
        ("full", 1, "error: {out}/d/b c.mp4.npy: No space left on device\n"),
        ("Ctrl-C", 130, "interrupted (the same command goes on from here)\n"),
    ],
)
def test_what_is_done_is_not_lost(
    weights: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any,
    what: str, status: int, said: str,
) -> None:  # fmt: skip
    out, write = tmp_path / "out", Kept.write

    def fail_at_the_second(self: Kept, name: str, row: Any) -> None:
        if name.startswith("d/") and what == "full":
            raise OSError(errno.ENOSPC, "No space left on device", str(self.path(name)))
        if name.startswith("d/"):
            os.kill(os.getpid(), signal.SIGINT)
        write(self, name, row)

    with monkeypatch.context() as patch:
        patch.setattr(Kept, "write", fail_at_the_second)
        assert tool(weights, out, videos, "-o", "data.num_workers=1") == status
    assert capfd.readouterr().err == said.format(out=out)
    assert files(out) == ["a/b c.mp4.npy"]
    assert tool(weights, out, videos) == 0
    assert len(files(out)) == 3


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["."], ".: no video in this folder"),
        (["a.mp4", "-w", "gone.pdparams"], "weights gone.pdparams cannot be read"),
        (["a.mp4", "-o", "data.num_frames=9"], "not divisible by model.alpha"),
        (["a.mp4", "-o", "model.width=16"], "do not fit the network"),
        (["a.mp4", "--out", "file"], "file: "),
    ],
)
def test_what_cannot_be_is_one_line(
    weights: Path, own_folder: Path, capfd: Any, words: list[str], line: str
) -> None:
    Path("file").touch()
    assert main(["-w", str(weights), "--out", "out", *words]) == 1
    said = capfd.readouterr().err
    assert line in said and said.count("\n") == 1


@pytest.mark.parametrize("text", ["0", "inf"])
def test_every_is_a_time(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a.mp4", "-w", "w", "--out", "o", "--every", text])
    assert f"{text!r} is not a number above 0" in capsys.readouterr().err


@pytest.mark.slow
def test_processes_share_the_videos_out(weights: Path, videos: Path, tmp_path: Path) -> None:
    (videos / "empty.mp4").touch()
    script = REPOSITORY / "slowfast" / "tools" / "extract_features.py"
    command = [str(word) for word in (script, videos, "-w", weights, "--out", "two")]
    done = run_processes(command, tmp_path, environment(), 2)
    assert done.returncode == 1
    assert "error: 1 of 4 videos could not be read" in done.stdout
    assert tool(weights, tmp_path / "one", videos) == 1
    assert len(files(tmp_path / "one")) == 3
    assert files(tmp_path / "two") == files(tmp_path / "one")
    for name in files(tmp_path / "one"):
        one, two = (np.load(tmp_path / folder / name)["features"] for folder in ("one", "two"))
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_a_network_for_boxes_is_refused_before_it_is_loaded(
    videos: Path, tmp_path: Path, capfd: Any
) -> None:
    weights = tmp_path / "out" / "net.pdparams"
    write_config(detection_config(tmp_path), None)
    weights.write_text("no weights")
    assert tool(weights, tmp_path / "features", videos) == 1
    assert "extract_features is for networks that classify whole clips" in capfd.readouterr().err

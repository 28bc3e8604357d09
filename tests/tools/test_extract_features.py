"""The tool that writes features: what it names, what it refuses, and how it ends."""

import errno
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.paths import REPOSITORY
from support.processes import run_processes
from support.tiny_run import environment, save_tiny_model, tiny_config, tiny_data

from slowfast.predict.kept import META, Kept
from slowfast.tools.extract_features import main

pytestmark = pytest.mark.usefixtures("logging_as_it_was")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tiny_config(tmp_path_factory.mktemp("weights"), "data.num_workers=0"))


def tool(weights: Path, out: Path, *paths: Path | str, more: tuple[str, ...] = ()) -> int:
    return main([*map(str, paths), "-w", str(weights), "--out", str(out), *more])


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Three videos, two of the same name, 60 frames of 30 a second; and what is not a video."""
    root = tmp_path / "my videos"
    for number, name in enumerate(("höhe 1.mp4", "a/b c.mp4", "d/b c.mp4")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_data() / "val" / f"{number:06d}.mp4", root / name)
    (root / "notes.txt").touch()
    (root / ".hidden.mp4").touch()
    return root


def files(folder: Path) -> list[str]:
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name not in (META, "videos.jsonl"))


def test_a_folder_is_mirrored_and_what_is_there_is_kept(
    weights: Path, videos: Path, tmp_path: Path, capfd: Any
) -> None:
    out = tmp_path / "out"
    assert tool(weights, out, videos / "höhe 1.mp4", more=("--every", "0.4")) == 0
    assert "clips of 0.533333 s, one every 0.4 s, read through OpenCV" in capfd.readouterr().out
    assert tool(weights, out, videos, more=("--every", "0.4")) == 0
    assert "1 of 3 videos are there already" in capfd.readouterr().out
    assert files(out) == [f"{name}.npy" for name in ("a/b c.mp4", "d/b c.mp4", "höhe 1.mp4")]
    rows = np.load(out / "a/b c.mp4.npy", allow_pickle=False)
    np.testing.assert_allclose(rows["start"], np.divide([0, 12, 24, 36, 44], 30))
    assert rows["features"].shape == (5, 288)


@pytest.mark.parametrize("more", [("--every", "1"), ("-o", "data.sampling_stride=1")])
def test_features_of_other_settings_are_one_line(
    weights: Path, videos: Path, tmp_path: Path, capfd: Any, more: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    assert tool(weights, out, videos / "a") == 0
    assert tool(weights, out, videos / "a", more=more) == 1
    said = capfd.readouterr().err
    assert said.startswith(f"error: what is in {out} is of other settings (every: 0.5333333333 the")
    assert said.count("\n") == 1


def test_two_videos_never_share_a_file(
    weights: Path, videos: Path, tmp_path: Path, capfd: Any
) -> None:
    one, other = videos / "a" / "b c.mp4", videos / "d" / "b c.mp4"
    assert tool(weights, tmp_path / "out", one, other) == 1
    said = capfd.readouterr().err
    assert f"{one} and {other} would both be written to b c.mp4.npy" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_lists_with_and_without_labels(weights: Path, videos: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where.mp4"
    shutil.copy(videos / "höhe 1.mp4", elsewhere)
    (videos / "some.list").write_text("a/b c.mp4 3\nd/b c.mp4 0\na/b c.mp4 3\n")
    (videos / "bare.txt").write_text(f"d/b c.mp4\n{elsewhere}\n")
    out = tmp_path / "out"
    assert tool(weights, out, videos / "some.list", videos / "bare.txt") == 0
    whole = str(elsewhere.relative_to("/"))
    assert files(out) == sorted(["a/b c.mp4.npy", "d/b c.mp4.npy", f"{whole}.npy"])
    (tmp_path / "moved.list").write_text("b c.mp4 3\n")
    root = ("--root", str(videos / "a"))
    assert tool(weights, tmp_path / "other", tmp_path / "moved.list", more=root) == 0
    assert files(tmp_path / "other") == ["b c.mp4.npy"]


def test_folders_behind_links_are_searched_once(
    weights: Path, videos: Path, tmp_path: Path
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "there").symlink_to(videos / "a")
    (links / "loop").symlink_to(links)
    (links / "twice").symlink_to(videos / "a")
    assert tool(weights, tmp_path / "out", links, f"{links}/../links") == 0
    assert files(tmp_path / "out") == ["there/b c.mp4.npy"]


def test_clips_that_are_very_far_apart(weights: Path, videos: Path, tmp_path: Path) -> None:
    more = ("--every", "1e300", "-o", "data.num_workers=1")
    assert tool(weights, tmp_path / "out", videos / "a", more=more) == 0
    assert np.load(tmp_path / "out" / "b c.mp4.npy")["start"].tolist() == [0.0]


def test_an_unreadable_video_does_not_stop_the_others(
    weights: Path, videos: Path, tmp_path: Path, capfd: Any
) -> None:
    out = tmp_path / "out"
    (videos / "empty.mp4").touch()
    (videos / "cut.mp4").write_bytes((videos / "höhe 1.mp4").read_bytes()[:400])
    assert tool(weights, out, videos, videos / "gone.mp4") == 1
    said = capfd.readouterr()
    assert said.out.count("unreadable: ") == 3
    assert f"unreadable: {videos}/empty.mp4: the file is empty (0 bytes)\n" in said.out
    line = said.err.splitlines()[-1]  # FFmpeg's own come before it, once it is loaded
    assert line.startswith("error: 3 of 6 videos could not be read (first: ")
    assert len(files(out)) == 3
    (videos / "gone.mp4").write_bytes((videos / "höhe 1.mp4").read_bytes())
    assert tool(weights, out, videos / "gone.mp4") == 0


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
        assert tool(weights, out, videos, more=("-o", "data.num_workers=1")) == status
    assert capfd.readouterr().err == said.format(out=out)
    assert files(out) == ["a/b c.mp4.npy"]
    assert tool(weights, out, videos) == 0
    assert len(files(out)) == 3


@pytest.mark.parametrize(
    ("paths", "more", "line"),
    [
        (["."], (), ".: no video in this folder"),
        (["gone.list"], (), "list gone.list cannot be read"),
        (["a.tar"], (), "a.tar: name a list of what is in it (build_list shards)"),
        (["a.mp4"], ("-w", "gone.pdparams"), "weights gone.pdparams cannot be read"),
        (["a.mp4"], ("-o", "data.num_frames=9"), "not divisible by model.alpha"),
        (["a.mp4"], ("-o", "model.width=16"), "do not fit the network"),
        (["a.mp4"], ("--out", "file"), "file: "),
    ],
)
def test_what_cannot_be_is_one_line(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any,
    paths: list[str], more: tuple[str, ...], line: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert tool(weights, tmp_path / "out", *paths, more=more) == 1
    said = capfd.readouterr().err
    assert line in said and said.count("\n") == 1


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
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

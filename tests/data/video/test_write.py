"""MP4s that browsers play: times, sizes, colours and sound, through our reader and a browser."""

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.full_disk import largest_file
from support.sounds import write_flash
from support.videos import numbered_picture, read_numbers

from slowfast.data.video.pyav import PyAVReader
from slowfast.data.video.reader import Picture
from slowfast.data.video.write import Writer

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [250, 250, 250], [128, 128, 128],
                    [224, 123, 57], [10, 60, 110], [255, 220, 0]], np.uint8)  # fmt: skip


def colours() -> Picture:
    """A picture of ``COLOURS``, 40 pixels each."""
    return np.repeat(np.repeat(COLOURS[None], 40, 0), 40, 1)


def test_times_are_kept_and_the_index_comes_first(tmp_path: Path) -> None:
    path, times = tmp_path / "new" / "a.mp4", np.array([0, 0.04, 0.08, 0.5, 0.54, 1.2])
    with Writer(path) as writer:
        for number, seconds in enumerate(times):
            writer.add(numbered_picture(number), seconds)
    reader = PyAVReader(str(path))
    assert read_numbers(reader.frames(np.arange(6))) == [*range(6)]
    np.testing.assert_allclose(reader.seconds(np.arange(6)), times, atol=1e-4)
    assert reader.seconds_said == pytest.approx(
        1.86, abs=1e-3
    )  # the last as long as the one before
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert [file.name for file in path.parent.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("size", "shown"), [((1, 1), (2, 2)), ((33, 17), (34, 18)), ((2, 600), (2, 600))]
)
def test_odd_sizes_become_even(
    size: tuple[int, int], shown: tuple[int, int], tmp_path: Path
) -> None:
    width, height = size
    with Writer(tmp_path / "a.mp4") as writer:
        for seconds in (0, 0.1):
            writer.add(np.full((height, width, 3), 200, np.uint8), seconds)
        writer.add(np.full((50, 70, 3), 200, np.uint8), 0.2)  # gets the size of the first
    frames = PyAVReader(str(tmp_path / "a.mp4")).frames(np.arange(3))
    assert frames.shape == (3, shown[1], shown[0], 3)
    assert np.abs(frames.astype(int) - 200).max() < 4


def test_colours_are_kept_and_tagged(tmp_path: Path) -> None:
    with Writer(tmp_path / "a.mp4") as writer:
        for number in range(3):
            writer.add(colours(), number / 30)
    with av.open(str(tmp_path / "a.mp4")) as film:
        frame = next(film.decode(video=0))
        tags = frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc
        assert [int(tag) for tag in tags] == [1, 1, 1, 1]  # BT.709, 16 to 235: ITU-T H.273
    (found,) = PyAVReader(str(tmp_path / "a.mp4")).frames(np.array([1]))
    middles = found[20, 20::40].astype(int)
    assert np.abs(middles - COLOURS).max() <= 4


@pytest.mark.parametrize("name", ["12:30.mp4", os.fsdecode(b"100 %d \xe9.mp4"), "no ending"])
def test_odd_names(name: str, own_folder: Path) -> None:
    with Writer(Path(name)) as writer:
        for number in range(2):
            writer.add(colours(), number)
    assert PyAVReader(name).num_frames == 2 and [*own_folder.iterdir()] == [own_folder / name]


def test_a_live_video_may_have_as_long_a_name_as_others(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 247 + ".mp4")
    with Writer(path, is_live=True) as writer:
        writer.add(colours(), 0.0)
    assert [*tmp_path.iterdir()] == [path]


def test_a_full_disk_is_one_error_and_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"earlier")
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    with largest_file(20_000), pytest.raises(OSError) as caught, Writer(path) as writer:
        for number in range(300):
            writer.add(noise, number / 30)
    assert caught.value.filename == str(path) and caught.value.strerror == "File too large"
    assert path.read_bytes() == b"earlier" and [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("fault", ["none added", "an error"])
def test_no_file_without_a_picture_or_after_an_error(fault: str, tmp_path: Path) -> None:
    if fault == "none added":
        with Writer(tmp_path / "a.mp4"):
            pass
    else:
        with pytest.raises(KeyError), Writer(tmp_path / "a.mp4") as writer:
            writer.add(colours(), 0)
            raise KeyError
    assert not [*tmp_path.iterdir()]


LOOK = """async (source) => {
    const video = document.createElement('video');
    const until = (name) => new Promise((yes, no) => {
        video.addEventListener(name, yes, {once: true});
        video.addEventListener('error', () => no(new Error(video.error.message)), {once: true});
    });
    video.src = source;
    document.body.append(video);
    await until('canplay');
    const state = video.readyState;
    const ended = until('ended');
    await video.play();
    await ended;
    const seeked = until('seeked');
    video.currentTime = 0.1;
    await seeked;
    const [width, height] = [video.videoWidth, video.videoHeight];
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, height];
    canvas.getContext('2d').drawImage(video, 0, 0);
    const row = canvas.getContext('2d').getImageData(0, height / 2, width, 1).data;
    const sound = video.webkitAudioDecodedByteCount;
    return {state, width, height, seconds: video.duration, sound, row: Array.from(row)};
}"""


def look(*paths: Path) -> list[dict[str, Any]]:
    """What Chromium tells of videos that it has played to their end."""
    play = pytest.importorskip("playwright.sync_api", reason="drives a browser")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here")
    flags = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
    with play.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page()
        data = [base64.b64encode(path.read_bytes()).decode() for path in paths]
        found = [page.evaluate(LOOK, f"data:video/mp4;base64,{text}") for text in data]
        browser.close()
    return found


def test_a_browser_plays_it_with_its_sound_in_its_colours(tmp_path: Path) -> None:
    paths = []
    for sound in ("libmp3lame", "libopus", "flac", "pcm_s16le", ""):
        source = None
        if sound:
            source = str(write_flash(tmp_path / f"{sound}.mkv", sound, seconds=0.4, flash=0.2))
        with Writer(tmp_path / f"{sound}.mp4", source) as writer:
            for number in range(10):
                writer.add(colours(), number / 25)
        paths.append(tmp_path / f"{sound}.mp4")
    with Writer(tmp_path / "live.mp4", is_live=True) as writer:
        for number in range(10):
            writer.add(colours(), number / 25)
    found = look(*paths, tmp_path / "live.mp4")
    for each in found:
        assert each["state"] >= 2 and (each["width"], each["height"]) == (320, 40)
        assert each["seconds"] == pytest.approx(0.4, abs=0.06)
        middles = np.array(each["row"]).reshape(-1, 4)[20::40, :3]
        assert np.abs(middles - COLOURS).max() <= 16  # another matrix: 30 and more
    assert [each["sound"] > 0 for each in found] == [True] * 4 + [False] * 2


KILLED = """
import os, sys
import numpy as np
from pathlib import Path
from slowfast.data.video.write import Writer

with Writer(Path(sys.argv[1]), is_live=True) as writer:
    for number in range(300):
        writer.add(np.full((48, 64, 3), number % 256, np.uint8), number / 30)
    os.kill(os.getpid(), 9)
"""


def test_what_a_process_that_is_killed_leaves_of_a_live_video(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "a.mp4")]
    assert subprocess.run(command, check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.name == ".a.mp4.partial"
    assert PyAVReader(str(left)).num_frames > 300 - 2 * 30

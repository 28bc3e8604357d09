"""The files of a timeline: read back by those that they are for."""

import csv
import functools
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import odd_videos

from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.predict.timeline import timeline_files
from slowfast.predict.timeline.segments import Segment

LABELS = ["a & b", '<i>tilted</i> --> "so", it\'s', "höhe 打", "plain"]
SEGMENTS = [
    Segment(0.0, 1.5, 0, 0.874), Segment(1.0, 62.0625, 1, 0.5), Segment(3661.5, 3662.0, 2, 1.0),
]  # fmt: skip
SECONDS = np.array([[0, 2.0], [1, 3]])
SCORES = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]], np.float32)


def written(path: Path, segments: list[Segment] = SEGMENTS) -> Path:
    head = {"video": "a.mp4", "fps": 30.0}
    timeline_files.write_video(path, head, SECONDS, SCORES, segments, LABELS, 2)
    return path


def test_the_json_has_all(tmp_path: Path) -> None:
    found = json.loads(written(tmp_path / "v.1").with_name("v.1.json").read_text())
    assert list(found) == ["video", "fps", "segments", "windows"]
    assert found["segments"][1] == {
        "start": 1.0, "end": 62.062, "label": LABELS[1], "class": 1, "score": 0.5,
    }  # fmt: skip
    assert found["windows"] == [
        {"start": 0, "end": 2, "classes": [3, 2], "labels": [LABELS[3], LABELS[2]],
         "scores": [0.4, 0.3]},
        {"start": 1, "end": 3, "classes": [0, 1], "labels": LABELS[:2], "scores": [0.7, 0.1]},
    ]  # fmt: skip


def cues_of_srt(path: Path) -> list[tuple[float, float, str]]:
    """What FFmpeg's subrip demuxer reads."""
    av = pytest.importorskip("av")
    with av.open(str(path), format="srt") as container:
        stream = container.streams.subtitles[0]
        unit = float(stream.time_base)
        packets = [packet for packet in container.demux(stream) if packet.size]
        return [
            (p.pts * unit, (p.pts + p.duration) * unit, bytes(p).decode()) for p in packets
        ]  # fmt: skip


def test_ffmpeg_reads_the_srt(tmp_path: Path) -> None:
    written(tmp_path / "v")
    found = cues_of_srt(tmp_path / "v.srt")
    assert [(start, end) for start, end, _ in found] == [
        (0, 1.5), (1, pytest.approx(62.062, abs=1e-3)), (3661.5, 3662),
    ]  # fmt: skip
    assert [text for *_, text in found] == [
        "a & b 87 %", "‹i›tilted‹/i› --› \"so\", it's 50 %", "höhe 打 100 %",
    ]  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    """A page of headless Chromium on what lies in the test's folder."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium")
    playwright = pytest.importorskip("playwright.sync_api")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    (tmp_path / "page.html").write_text("<video id=v></video>")
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with playwright.sync_playwright() as started:
            flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
            browser = started.chromium.launch(executable_path=chromium, args=flags)
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/page.html")
            yield page
            browser.close()
        server.shutdown()


CUES = """name => new Promise((done, fail) => {
  const track = document.createElement("track");
  track.src = name; track.default = true;
  track.onerror = () => fail(name);
  track.onload = () => done([...track.track.cues].map(
    cue => [cue.startTime, cue.endTime, cue.getCueAsHTML().textContent]));
  document.getElementById("v").append(track);
  track.track.mode = "hidden";
})"""


def test_a_browser_reads_the_webvtt(tmp_path: Path, page: Any) -> None:
    written(tmp_path / "v")
    written(tmp_path / "empty", [])
    assert page.evaluate(CUES, "v.vtt") == [
        [0, 1.5, "a & b 87 %"],
        [1, 62.062, f"{LABELS[1]} 50 %"],
        [3661.5, 3662, "höhe 打 100 %"],
    ]
    assert page.evaluate(CUES, "empty.vtt") == []


FIRST_FRAME = """name => new Promise(done => {
  const video = document.getElementById("v");
  video.muted = true; video.src = name;
  video.onerror = () => done(video.error.message);
  video.requestVideoFrameCallback((now, frame) => done(frame.mediaTime));
})"""


@pytest.mark.parametrize(("name", "frames"), [("a.mp4", 45), ("a.mkv", 45), ("b.mp4", 0)])
def test_a_browser_shows_the_first_frame_when_the_readers_say(
    tmp_path: Path, page: Any, name: str, frames: int
) -> None:
    """Subtitles are for its clock; an edit list begins with nothing for so many frames."""
    pytest.importorskip("av")
    odd_videos.copied(tmp_path / name, lambda frame: frame + frames, size=(320, 240))
    shown = page.evaluate(FIRST_FRAME, name)
    if isinstance(shown, str):
        pytest.skip(f"this Chromium does not play it: {shown}")
    reader = open_video(Sample(str(tmp_path / name)), "", 30, "pyav")
    assert shown == pytest.approx(frames / 30, abs=2e-3)
    assert reader.begins == pytest.approx(shown, abs=2e-3)


def test_without_segments_the_files_are_valid(tmp_path: Path) -> None:
    written(tmp_path / "v", [])
    assert (tmp_path / "v.vtt").read_text() == "WEBVTT\n"
    assert cues_of_srt(tmp_path / "v.srt") == []
    assert json.loads((tmp_path / "v.json").read_text())["segments"] == []


def test_detections_are_as_activitynet_reads_them(tmp_path: Path) -> None:
    timeline_files.write_all(tmp_path, {"x/v": SEGMENTS, "none": []}, LABELS)
    found = json.loads((tmp_path / "activitynet.json").read_text())
    assert {"results", "version", "external_data"} <= found.keys()  # which it asks for
    assert found["results"]["none"] == []
    assert found["results"]["x/v"][0] == {"label": LABELS[0], "score": 0.874, "segment": [0, 1.5]}
    with open(tmp_path / "activitynet.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["video-id", "t-start", "t-end", "label", "score"]
    assert [row["label"] for row in rows] == LABELS[:3]
    assert float(rows[1]["t-end"]) == 62.062 and rows[1]["video-id"] == "x/v"


def test_without_names_classes_have_numbers(tmp_path: Path) -> None:
    timeline_files.write_video(tmp_path / "v", {"video": ""}, SECONDS, SCORES, SEGMENTS, None, 1)
    assert "\nclass 1 50 %\n" in (tmp_path / "v.srt").read_text()


def test_the_table_is_aligned_and_tells_what_came_nearest() -> None:
    best = Segment(75.26, 77, 3, 0.31)
    assert timeline_files.table(SEGMENTS[1:], best, LABELS).splitlines() == [
        f"        0:01.0 - 1:02.1  {LABELS[1]}   50 %",
        f"  1:01:01.5 - 1:01:02.0  {LABELS[2].ljust(len(LABELS[1]))}  100 %",
    ]
    told = timeline_files.table([], best, LABELS)
    assert told == "  no segment; the best window is plain, 31 %, at 1:15.3"


def test_clocks_round_to_what_they_show() -> None:
    assert [timeline_files.clock(s) for s in (59.9996, 3599.9994)] == [
        "00:01:00.000", "00:59:59.999",
    ]  # fmt: skip
    assert [timeline_files.short_clock(s) for s in (59.96, 0.04, 7199.99)] == [
        "1:00.0", "0:00.0", "2:00:00.0",
    ]  # fmt: skip


def test_in_the_srt_no_name_is_a_command(tmp_path: Path) -> None:
    segments = [Segment(0, 1, 0, 0.5)]
    labels = ["{\\an8}<b>\x1b[2J"]
    timeline_files.write_video(
        tmp_path / "v", {"video": ""}, SECONDS, SCORES[:, :1], segments, labels, 1
    )
    text = (tmp_path / "v.srt").read_text()
    assert text == "1\n00:00:00,000 --> 00:00:01,000\n(\\an8)‹b›\\x1b[2J 50 %\n"
    assert "  (" not in timeline_files.table(segments, segments[0], labels)
    assert "\x1b" not in timeline_files.table(segments, segments[0], labels)


def test_a_long_name_makes_no_room_for_itself_in_other_lines() -> None:
    said = timeline_files.table(SEGMENTS[:2], SEGMENTS[0], ["x" * 400, "run", "", ""])
    assert len(said.splitlines()[1]) < 80

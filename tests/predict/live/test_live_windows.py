"""A stream is predicted while it comes, and nothing of it is lost, in whatever way it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support import streams
from support.locks import lock_held
from support.paths import REPOSITORY
from support.tiny_run import eager, environment, fresh_state, save_tiny_model, tiny_config
from support.videos import numbered_picture, write_h264

from slowfast.config import Config
from slowfast.data.clips.sliding import ChunkKey, SlidingClips
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.files import FolderError
from slowfast.predict.live import live_windows
from slowfast.predict.live.live_windows import live, require_places
from slowfast.signals import Terminated

pytestmark = pytest.mark.usefixtures("no_hang")
LABELS = [f"action {number}" for number in range(24)]


def write(folder: Path, num_frames: int = 130) -> Path:
    pictures = (numbered_picture(number) for number in range(num_frames))
    return write_h264(folder / "a.ts", pictures)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


class Ending:
    """A backend that raises something after so many answers."""

    def __init__(self, cfg: Config, end: BaseException, after: int = 2) -> None:
        self._backend = eager(fresh_state(cfg).model, cfg, "prob")
        self._end, self._left = end, after
        self.put = self._backend.put

    def __call__(self, views: Any) -> Any:
        if not self._left:
            raise self._end
        self._left -= 1
        return self._backend(views)


def test_a_pipe_gets_the_scores_of_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = tiny_config(tmp_path)
    path, out = write(tmp_path), tmp_path / "results/live.json"
    backend = eager(fresh_state(cfg).model, cfg, "prob")
    with streams.piped(path.read_bytes(), tmp_path) as pipe:
        live(backend, pipe, LABELS, cfg, out=out, top=24)
    samples = [Sample(str(path))]
    every = cfg.timeline.every
    clips = SlidingClips(samples, cfg.data, cfg.test, every=every, clips_at_once=99)
    chunk = clips(ChunkKey(0, 0))
    assert chunk is not None
    frames = backend.put(chunk.frames)
    scores = backend([frames[clip] for clip in chunk.clips])
    rows = read(out)
    found = np.zeros_like(scores)
    for row, into in zip(rows, found, strict=True):
        into[row["top24_indices"]] = row["top24_values"]
        assert row["video_id"] == pipe and row["top1_label"] == LABELS[row["top1_indices"]]
    np.testing.assert_allclose(found, scores, atol=1e-6)
    np.testing.assert_allclose([[r["start"], r["end"]] for r in rows], chunk.seconds, atol=1e-3)
    kept = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    assert [{k: v for k, v in row.items() if k != "key"} for row in kept] == rows
    said = capsys.readouterr().out.splitlines()
    form = r"\d\d:\d\d:\d\d +\d+\.\d s  action \d+ +\d+\.\d %  action \d+ +\d+\.\d %"
    assert all(re.fullmatch(form, line) for line in said[:-2]) and len(said) == len(rows) + 2
    assert said[-2:] == [f"{len(rows)} windows in 4.3 s", str(out)]


def test_rows_of_earlier_streams_stay(tmp_path: Path) -> None:
    cfg, out = tiny_config(tmp_path), tmp_path / "live.json"
    path = write(tmp_path, 40)
    backend = eager(fresh_state(cfg).model, cfg, "prob")
    for _ in range(2):
        with streams.piped(path.read_bytes(), tmp_path) as pipe:
            live(backend, pipe, None, cfg, out=out, top=1)
    kept = out.with_suffix(".jsonl").read_text().splitlines()
    assert len(kept) == 2 * len(read(out))


def test_rows_of_videos_are_not_touched(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    others = {
        out.with_suffix(".jsonl"): '{"key": "infer 1"}\n',
        out: '[\n {"video_id": "a.mp4", "top1_indices": [3]}\n]\n',
    }
    for path, content in others.items():
        path.write_text(content)
        with pytest.raises(FolderError, match=rf"{path} is there, and has no rows of a stream"):
            require_places(out, None)
        assert path.read_text() == content
        path.unlink()


@pytest.mark.parametrize(
    ("end", "is_raised"),
    [(KeyboardInterrupt(), False), (Terminated(), True), (VideoError("broken"), True)],
    ids=["Ctrl-C", "SIGTERM", "error"],
)
def test_what_is_there_is_kept_however_it_ends(
    tmp_path: Path, end: BaseException, is_raised: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C is how a live stream ends."""
    cfg, out = tiny_config(tmp_path), tmp_path / "live.json"
    backend: Any = Ending(cfg, end)
    raised: BaseException | None = None
    with streams.piped(write(tmp_path).read_bytes(), tmp_path) as pipe:
        try:
            live(backend, pipe, None, cfg, out=out, top=5, annotate=tmp_path / "drawn")
        except (KeyboardInterrupt, VideoError) as error:
            raised = error
    assert raised is (end if is_raised else None)
    assert len(read(out)) == 2
    assert "2 windows in 1.5 s" in capsys.readouterr().out
    (video,) = (tmp_path / "drawn").iterdir()
    with av.open(str(video)) as container:
        assert len([*container.decode(video=0)]) > 40


def test_nobody_reads_its_lines_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with ``head -1``: there may be no other end."""
    cfg, out = tiny_config(tmp_path), tmp_path / "live.json"
    monkeypatch.setattr(live_windows, "is_read", lambda: False)
    backend = eager(fresh_state(cfg).model, cfg, "prob")
    with streams.piped(write(tmp_path).read_bytes(), tmp_path) as pipe:
        live(backend, pipe, None, cfg, out=out, top=5)
    assert len(read(out)) == 1


def test_an_end_before_the_first_window(tmp_path: Path) -> None:
    """There is nothing to end with."""
    cfg, out = tiny_config(tmp_path), tmp_path / "live.json"
    end = KeyboardInterrupt()
    backend: Any = Ending(cfg, end, after=0)
    with (
        streams.piped(write(tmp_path).read_bytes(), tmp_path) as pipe,
        pytest.raises(KeyboardInterrupt),
    ):
        live(backend, pipe, None, cfg, out=out, top=5)
    assert not out.exists()


def test_two_streams_need_a_file_each(tmp_path: Path) -> None:
    cfg, out = tiny_config(tmp_path), tmp_path / "live.json"
    backend = eager(fresh_state(cfg).model, cfg, "prob")
    with (
        lock_held(out.with_suffix(".jsonl")),
        pytest.raises(FolderError, match=r"in use by another run: .*, or name another file"),
    ):
        live(backend, "0", None, cfg, out=out, top=1)


def test_weights_that_are_broken(tmp_path: Path) -> None:
    class Broken:
        def put(self, frames: Any) -> Any:
            return frames

        def __call__(self, views: Any) -> Any:
            return np.full((1, 24), np.nan, np.float32)

    cfg = tiny_config(tmp_path)
    backend: Any = Broken()
    with (
        streams.piped(write(tmp_path).read_bytes(), tmp_path) as pipe,
        pytest.raises(VideoError, match="fifo: the network's output for it is not finite"),
    ):
        live(backend, pipe, None, cfg, out=tmp_path / "a.json", top=1)
    assert not (tmp_path / "a.json").exists()


def test_a_slow_machine_drops_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And does not lag behind: windows are further apart than they would be, one a second."""
    cfg, out = tiny_config(tmp_path), tmp_path / "live.json"
    backend = eager(fresh_state(cfg).model, cfg, "prob")

    class Slow:
        put = staticmethod(backend.put)

        def __call__(self, views: Any) -> Any:
            time.sleep(1.2)
            return backend(views)

    film = write(tmp_path, 120).read_bytes()
    slow: Any = Slow()
    with streams.served(streams.sent(film, seconds=3.5)) as url:
        live(slow, url, LABELS, cfg, out=out, top=5)
    rows = read(out)
    ends = [row["end"] for row in rows]
    assert 1 < len(rows) < 5 and min(np.diff(ends)) >= 0.999 and max(np.diff(ends)) > 1.1
    assert sum(row["dropped"] for row in rows) > 10
    assert all(row["lag"] >= 1.2 for row in rows)
    assert all("secret" not in text for text in (capsys.readouterr().out, out.read_text()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_a_process_that_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C is no error; a process that is killed leaves rows, and a video that can be played."""
    weights = save_tiny_model(tiny_config(tmp_path))
    film = write(tmp_path, 300).read_bytes()
    rows = tmp_path / "live.jsonl"

    def listen_to_ctrl_c() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it

    with streams.served(streams.sent(film, seconds=6, then=30)) as url:
        command = [sys.executable, str(REPOSITORY / "main.py"), "--infer", url, "-w", str(weights),
                   "--out", "live.json", "--annotate", "drawn"]  # fmt: skip
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment(), text=True, preexec_fn=listen_to_ctrl_c,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            while not rows.exists() or rows.read_text().count("\n") < 5:
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.05)
            process.send_signal(number)
            said, _ = process.communicate(timeout=30)
    assert process.returncode == (0 if number == signal.SIGINT else -number), said
    assert "Traceback" not in said and "secret" not in said
    assert len(rows.read_text().splitlines()) >= 5 and "secret" not in rows.read_text()
    (name,) = os.listdir(tmp_path / "drawn")
    assert name.endswith(".mp4" if number == signal.SIGINT else ".partial")
    with av.open(str(tmp_path / "drawn" / name)) as container:
        assert len([*container.decode(video=0)]) > 0
    if number == signal.SIGINT:
        assert said.splitlines()[-1] == "live.json"
        assert len(read(tmp_path / "live.json")) >= 5


def test_a_line_has_all_labels_that_are_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = write(tmp_path, 70), tmp_path / "live.json"
    cfg = tiny_config(tmp_path, "train.task=multi", "test.threshold=0.625")

    class Two:
        """Sees both, then one, then none."""

        rows = iter([[0.9, 0.75], [0.25, 0.75], [0.5, 0.25]])

        def put(self, frames: Any) -> Any:
            return frames

        def __call__(self, views: Any) -> Any:
            return np.array([next(self.rows)], np.float32)

    with streams.piped(path.read_bytes(), tmp_path) as pipe:
        live(Two(), pipe, ["sit", "stand"], cfg, out=out, top=2)  # type: ignore[arg-type]
    said = [line.split(" s  ")[1] for line in capsys.readouterr().out.splitlines()[:3]]
    assert said == ["sit 90.0 %  stand 75.0 %", "stand 75.0 %", "none (best: sit 50.0 %)"]
    assert [row["predicted_labels"] for row in read(out)] == [["sit", "stand"], ["stand"], []]

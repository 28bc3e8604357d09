"""The sound of new videos: copied or encoded, and in time with the pictures."""

import logging
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.sounds import RATE, beep_and_flash, write_flash
from support.videos import numbered_picture, write_numbered_video

from slowfast.data.video.pyav import PyAVReader
from slowfast.data.video.write import Writer


def again(source: Path) -> Path:
    """Writes a video's pictures with its sound."""
    path, reader = source.parent / "again.mp4", PyAVReader(str(source))
    with Writer(path, str(source)) as writer:
        for number in range(reader.num_frames):
            (picture,) = reader.onward(np.array([number]))
            writer.add(picture, float(reader.seconds(np.array(number))))
    return path


@pytest.mark.parametrize(("name", "codec", "new", "how"), [
    ("aac.mp4", "aac", "aac", {}),
    ("late.mp4", "aac", "aac", {"late": 0.5}),
    ("begins.mkv", "aac", "aac", {"begin": 0.48}),
    ("aac.ts", "aac", "aac", {"picture": "mpeg2video"}),
    ("mp3.avi", "libmp3lame", "mp3", {}),
    ("mp3_11_kHz.mkv", "libmp3lame", "aac", {"rate": 11025, "layout": "mono"}),
    ("opus.mkv", "libopus", "opus", {"late": 0.5}),
    ("flac.mkv", "flac", "flac", {}),
    ("pcm.avi", "pcm_s16le", "aac", {}),
    ("pcm_8_kHz.mov", "pcm_s16le", "aac", {"rate": 8000, "layout": "mono", "late": 0.5}),
    ("ac3.mkv", "ac3", "aac", {"layout": "5.1", "begin": 0.48}),
    ("mp2.mpg", "mp2", "aac", {"picture": "mpeg2video"}),
])  # fmt: skip
def test_a_beep_stays_with_its_flash(
    name: str, codec: str, new: str, how: dict[str, Any], tmp_path: Path
) -> None:
    source = write_flash(tmp_path / name, codec, **how)
    _, before, lit = beep_and_flash(source)
    assert before == pytest.approx(lit, abs=1.5 / RATE)
    found, beep, flash = beep_and_flash(again(source))
    assert found == new and flash == pytest.approx(lit, abs=1e-3)
    assert beep == pytest.approx(before, abs=2e-3)


def test_sound_without_gaps_where_the_source_has_one(tmp_path: Path) -> None:
    """What is encoded again is silent for as long as the source is."""
    source, gappy = write_flash(tmp_path / "a.mkv", "pcm_s16le"), tmp_path / "gap.mkv"
    with av.open(str(source)) as old, av.open(str(gappy), "w") as container:
        streams = [container.add_stream_from_template(stream) for stream in old.streams]
        for packet in old.demux():
            seconds = float((packet.pts or 0) * packet.time_base)
            if packet.size and not (packet.stream.type == "audio" and 0.2 < seconds < 0.6):
                packet.stream = streams[packet.stream.index]
                container.mux(packet)
    _, beep, flash = beep_and_flash(again(gappy))
    assert beep == pytest.approx(flash, abs=0.03)


def test_no_sound_and_damaged_sound(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    silent = write_numbered_video(tmp_path / "silent.mp4", 5)
    with av.open(str(again(silent))) as film:
        assert not film.streams.audio
    gone = str(tmp_path / "gone.mp4")
    with caplog.at_level(logging.WARNING, "slowfast"), Writer(tmp_path / "b.mp4", gone) as writer:
        writer.add(numbered_picture(1), 0)
    assert "gone.mp4: its sound cannot be read, or ends early" in caplog.text
    assert PyAVReader(str(tmp_path / "again.mp4")).num_frames == 5

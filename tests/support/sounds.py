"""Videos with a flash and a beep at the same time."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from slowfast.data.video.pyav import PyAVReader

RATE = 25


def write_flash(
    path: Path, codec: str, *, rate: int = 48000, layout: str = "stereo", late: float = 0.0,
    seconds: float = 1.2, flash: float = 0.8, picture: str = "mpeg4", begin: float = 0.0,
) -> Path:  # fmt: skip
    """Writes black pictures, and a white one with a beep of 0.1 s at ``flash``; returns the path.

    Args:
        late: when the sound begins.
        begin: when the pictures begin; the flash is so much later, too.
    """
    with av.open(str(path), "w") as container:
        film: Any = container.add_stream(picture, rate=RATE)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        track: Any = container.add_stream(codec, rate=rate, layout=layout)
        for number in range(round(seconds * RATE)):
            shade = 255 if number == round(flash * RATE) else 0
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade, np.uint8), "rgb24")
            frame.pts, frame.time_base = number + round(begin * RATE), Fraction(1, RATE)
            container.mux(film.encode(frame))
        times = np.arange(round(late * rate), round((begin + seconds) * rate)) / rate
        is_beep = (times >= begin + flash) & (times < begin + flash + 0.1)
        wave = np.where(is_beep, 0.8 * np.sin(2 * np.pi * 1000 * times), 0).astype(np.float32)
        channels = track.codec_context.layout.nb_channels
        sound = av.AudioFrame.from_ndarray(np.tile(wave, (channels, 1)), "fltp", layout)
        sound.rate, sound.pts, sound.time_base = rate, round(late * rate), Fraction(1, rate)
        container.mux([*track.encode(sound), *track.encode(None), *film.encode(None)])
    return path


def beep_and_flash(path: Path) -> tuple[str, float, float]:
    """The sound's codec, and when beep and flash come, seconds after the first picture."""
    reader = PyAVReader(str(path))
    lit = reader.frames(np.arange(reader.num_frames)).mean(axis=(1, 2, 3)).argmax()
    with av.open(str(path)) as film:
        first = next(film.decode(video=0))
        begin = float(first.pts * first.time_base)
    with av.open(str(path)) as film:
        codec = film.streams.audio[0].codec_context.codec.canonical_name
        for frame in film.decode(audio=0):
            wave = frame.to_ndarray().astype(float)
            wave = wave[0] if frame.format.is_planar else wave[0, :: len(frame.layout.channels)]
            full = {"s16": 2**15, "s32": 2**31}.get(frame.format.name.rstrip("p"), 1)
            if len(loud := np.flatnonzero(np.abs(wave) > 0.2 * full)):
                beep = float(frame.pts * frame.time_base) + loud[0] / frame.rate - begin
                return codec, beep, float(reader.seconds(lit))
    raise AssertionError(f"{path}: no beep")

"""Files as people have them: each kind of codec, container, timing, orientation and damage, small.

The frames of each show numbers, see ``videos.py``; ``CASES`` says which, and at what rate. The
table of docs/data.md is made from them.
"""

import contextlib
import functools
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.stream import Disposition
from support import videos

NUM_FRAMES = 60
X264 = {"preset": "ultrafast", "crf": "20", "g": "12", "sc_threshold": "0", "bf": "2"}
INTERLACED = {"flags": "+ildct+ilme", "g": "12"}
ALT_REF = {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "5", "g": "40"}
LONG_GOP = X264 | {"g": "250"}

Make = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """A kind of file, and what is right for it."""

    group: str
    name: str
    ending: str
    make: Make
    """Writes the file."""
    shown: Sequence[int] | None = tuple(range(NUM_FRAMES))
    """The numbers of its frames; None: there is no film in it, it is refused."""
    fps: float = 30.0


@contextlib.contextmanager
def same_scheduling() -> Iterator[None]:
    """Gives this thread back the scheduling that it had.

    SVT-AV1 4.1 (PyAV 18.1), run by root, puts the thread that encodes under SCHED_FIFO 99, with all
    processes that it starts later (findings/svtav1_real_time.sh). Two that wait for each other on
    two cores then never let each other run.
    """
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, param)


def encode(
    path: Path, codec: str = "libx264", *, options: dict[str, str] = X264, pixels: str = "yuv420p",
    size: tuple[int, int] = videos.SIZE, rate: int = 30, mux: dict[str, str] | None = None,
    turn: Callable[[videos.Picture], videos.Picture] = lambda picture: picture,
    matrix: Sequence[int] | None = None, count: int = NUM_FRAMES,
) -> None:  # fmt: skip
    """Writes ``count`` frames; with a display matrix, (a, b, c, d) of ISO 14496-12, in mp4."""
    with same_scheduling(), av.open(str(path), "w", options=mux or {}) as container:
        stream: Any = container.add_stream(codec, rate=Fraction(rate), options=options)
        stream.pix_fmt = pixels
        if "crf" not in options:
            stream.codec_context.bit_rate = 2_000_000
        for number in range(count):
            picture = np.ascontiguousarray(turn(videos.numbered_picture(number, size)))
            if not number:
                stream.height, stream.width, _ = picture.shape
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode(None))
    if matrix:
        a, b, c, d = matrix
        content = bytearray(path.read_bytes())
        cells = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
        struct.pack_into(">9i", content, content.index(b"tkhd") + 44, *cells)
        path.write_bytes(content)


def copy(
    source: Path, path: Path, at: Callable[[int], float] = lambda frame: frame, **mux: str
) -> None:
    """Copies the packets of an H.264 file; frame i is shown at ``at(i)``, in frames."""
    with av.open(str(source)) as old, av.open(str(path), "w", options=mux) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [packet for packet in old.demux(video=0) if packet.size]
        tick = round(1 / (30 * float(packets[0].time_base)))
        for packet in packets:
            packet.pts, packet.dts = (
                round(at(time // tick) * tick) for time in (packet.pts, packet.dts)
            )
            packet.stream = stream
            new.mux(packet)


def copied(
    path: Path, at: Callable[[int], float] = lambda frame: frame, b_frames: int = 2,
    gop: int = 12, size: tuple[int, int] = videos.SIZE, **mux: str,
) -> None:  # fmt: skip
    """A copy, see ``copy``, of a film with so many B-frames and a keyframe every ``gop``."""
    whole = path.with_name(f"whole-{path.name}").with_suffix(".mp4")
    encode(whole, options=X264 | {"bf": str(b_frames), "g": str(gop)}, size=size)
    copy(whole, path, at, **mux)


def half_interlaced(path: Path) -> None:
    """Thirty frames progressive, then thirty interlaced ones, as one bare stream in MPEG-TS."""
    parts = []
    for number, flags in enumerate(("+low_delay", "+low_delay+ildct+ilme")):
        part = path.with_name(f"part{number}.m2v")
        encode(part, "mpeg2video", options={"g": "12", "flags": flags})
        with av.open(str(part)) as film:
            packets = [bytes(p) for p in film.demux(video=0) if p.size]
        parts.append(packets)
    joined = path.with_name("joined.m2v")
    joined.write_bytes(b"".join(parts[0][:36] + parts[1][36:]))
    with av.open(str(joined)) as old, av.open(str(path), "w") as new:
        stream: Any = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(p for p in old.demux(video=0) if p.size):
            packet.time_base = Fraction(1, 30)
            packet.pts = packet.dts = number
            packet.stream = stream
            new.mux(packet)


def in_avi(path: Path) -> None:
    """H.264 copied into AVI at twice its rate, every second place being empty."""
    bare = path.with_name("bare.h264")
    encode(bare)
    with av.open(str(bare)) as old, av.open(str(path), "w") as new:
        stream: Any = new.add_stream_from_template(old.streams.video[0])
        stream.codec_context.framerate = 60
        stream.time_base = Fraction(1, 60)
        for number, packet in enumerate(p for p in old.demux(video=0) if p.size):
            packet.time_base, packet.pts, packet.dts = Fraction(1, 60), None, 2 * number
            packet.duration = 2
            packet.stream = stream
            new.mux(packet)


def cut_off(path: Path) -> None:
    """The first half of a download, whose index comes first and tells of the whole."""
    whole = path.with_name("whole.mp4")
    encode(whole, mux={"movflags": "faststart"}, options=X264 | {"bf": "0"})
    with av.open(str(whole)) as film:
        places = [packet.pos for packet in film.demux(video=0) if packet.size]
    path.write_bytes(whole.read_bytes()[: places[31]])


def damaged(path: Path, number: int = 35) -> None:
    """One packet is overwritten, by default the last one before a keyframe."""
    encode(path, options=X264 | {"bf": "0"})
    with av.open(str(path)) as film:
        packet = [packet for packet in film.demux(video=0) if packet.size][number]
        place, size = int(packet.pos or 0), packet.size
    content = bytearray(path.read_bytes())
    content[place + 5 : place + size] = b"\xff" * (size - 5)
    path.write_bytes(content)


def unknown_codec(path: Path) -> None:
    """A codec that no decoder knows."""
    encode(path)
    content = path.read_bytes()
    place = content.index(b"avc1", content.index(b"stsd"))
    path.write_bytes(content[:place] + b"zzz1" + content[place + 4 :])


def with_cover(path: Path) -> None:
    """A film, and before it a larger picture as a stream of its own."""
    film = path.with_name("film.mp4")
    encode(film)
    with av.open(str(path), "w") as new, av.open(str(film)) as old:
        cover: Any = new.add_stream("mjpeg", rate=1)
        stream = new.add_stream_from_template(old.streams.video[0])
        _write_cover(new, cover)
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)


def sound_with_cover(path: Path) -> None:
    """A song."""
    with av.open(str(path), "w") as new:
        sound: Any = new.add_stream("aac", rate=8000)
        cover: Any = new.add_stream("mjpeg", rate=1)
        cover.disposition = Disposition.attached_pic
        _write_cover(new, cover)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.rate = 8000
        new.mux(sound.encode(silence))
        new.mux(sound.encode(None))


def _write_cover(container: Any, cover: Any) -> None:
    cover.width, cover.height, cover.pix_fmt = 640, 480, "yuvj420p"
    picture = av.VideoFrame.from_ndarray(np.full((480, 640, 3), 200, np.uint8), format="rgb24")
    container.mux([*cover.encode(picture.reformat(format="yuvj420p")), *cover.encode(None)])


def picture(path: Path) -> None:
    """A single picture, whatever its name."""
    _, content = cv2.imencode(".jpg", videos.numbered_picture(7))
    path.write_bytes(content.tobytes())


def text(path: Path) -> None:
    path.write_text("no video\n" * 100)


def slow_every_20th(frame: int) -> float:
    """Every 20th frame lasts a quarter longer, as a phone's do."""
    return frame + 0.25 * len(range(0, frame, 20))


def much_slower(frame: int) -> float:
    """The second half at a quarter of the rate."""
    return frame if frame < 30 else 30 + 4 * (frame - 30)


MEAN = 30 * 59 / slow_every_20th(59)

ORIENTATIONS: dict[str, tuple[tuple[int, int, int, int], Callable[..., Any]]] = {
    "mirrored": ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda p: p[::-1]),
    "turned by 90": ((0, 1, -1, 0), lambda p: np.rot90(p, 1)),
    "turned by 180": ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
    "turned by 270": ((0, -1, 1, 0), lambda p: np.rot90(p, 3)),
    "mirrored along one diagonal": ((0, 1, 1, 0), lambda p: p.transpose(1, 0, 2)),
    "mirrored along the other": ((0, -1, -1, 0), lambda p: p[::-1, ::-1].transpose(1, 0, 2)),
}
"""The matrix (a, b, c, d), and the picture that is stored so that it is shown upright."""


def _codec(name: str, ending: str, codec: str = "libx264", **how: Any) -> Case:
    make = functools.partial(encode, codec=codec, **how)
    return Case("codec and container", name, ending, make, fps=how.get("rate", 30))


CASES = [
    *(
        _codec("H.264", ending)
        for ending in (".mp4", ".mov", ".mkv", ".flv", ".ts", ".mpg", ".3gp")
    ),
    Case("codec and container", "H.264", ".h264", encode, fps=25),  # it does not say
    _codec("H.265", ".mp4", "libx265", options={"x265-params": "log-level=none"}),
    *(
        _codec("AV1", ending, "libsvtav1", options={"preset": "10", "crf": "30"}, size=(128, 96))
        for ending in (".mp4", ".webm")
    ),
    _codec("VP8", ".webm", "libvpx", options=ALT_REF),
    _codec("VP9", ".webm", "libvpx-vp9", options=ALT_REF),
    _codec("MPEG-4", ".mp4", "mpeg4", options={"bf": "2"}),
    _codec("MPEG-4", ".avi", "mpeg4", options={}),
    _codec("MPEG-2", ".mpg", "mpeg2video", options={"bf": "2"}),
    _codec("MPEG-2", ".ts", "mpeg2video", options={"bf": "2"}),
    _codec("WMV 8", ".wmv", "wmv2", options={}),
    _codec("Sorenson H.263", ".flv", "flv", options={}),
    _codec("H.263", ".3gp", "h263", options={}, size=(176, 144)),
    _codec("Motion JPEG", ".avi", "mjpeg", options={}, pixels="yuvj420p"),
    _codec("ProRes, 10 bit", ".mov", "prores_ks", options={}, pixels="yuv422p10le"),
    _codec("H.264, 10 bit", ".mp4", pixels="yuv420p10le"),
    _codec("GIF", ".gif", "gif", options={}, pixels="rgb8", rate=10),
    Case("interlaced", "H.264", ".mp4", functools.partial(
        encode, options=X264 | {"x264-params": "interlaced=1:tff=1"})),
    Case("interlaced", "MPEG-2", ".ts", functools.partial(
        encode, codec="mpeg2video", options=INTERLACED)),
    Case("interlaced", "MPEG-2", ".mpg", functools.partial(
        encode, codec="mpeg2video", options=INTERLACED)),
    Case("interlaced", "MPEG-4", ".avi", functools.partial(
        encode, codec="mpeg4", options=INTERLACED)),
    Case("interlaced", "DV", ".avi", functools.partial(
        encode, codec="dvvideo", options={}, size=(720, 576), rate=25, count=10), range(10), 25),
    Case("interlaced", "MPEG-2, its second half", ".ts", half_interlaced),
    Case("count and rate", "fragmented", ".mp4", functools.partial(
        encode, mux={"movflags": "frag_keyframe"})),
    Case("count and rate", "fragmented, a frame a piece", ".mp4", functools.partial(
        encode, mux={"movflags": "frag_every_frame"})),
    Case("count and rate", "cut without encoding, an edit list", ".mp4", functools.partial(
        copied, at=lambda frame: frame - 25, gop=250, avoid_negative_ts="disabled"),
        range(25, NUM_FRAMES)),
    Case("count and rate", "a cut-off download", ".mp4", cut_off, range(31)),
    Case("count and rate", "H.264 at twice the rate", ".avi", in_avi),
    *(Case("count and rate", "every 20th frame longer", ending, functools.partial(
        copied, at=slow_every_20th), fps=MEAN) for ending in (".mp4", ".mkv")),
    Case("count and rate", "the second half slower", ".mkv", functools.partial(
        copied, at=much_slower), fps=30 * 59 / 146),
    *(
        Case("colour (how near: below)", name, ".mp4", functools.partial(
            encode, options=X264 | {"x264-params": f"range={scale}:colorprim={primaries}:"
                                                   f"transfer={transfer}:colormatrix={matrix}"}))
        for name, scale, primaries, transfer, matrix in (
            ("BT.709", "tv", "bt709", "bt709", "bt709"),
            ("BT.601", "tv", "smpte170m", "smpte170m", "smpte170m"),
            ("HLG in BT.2020", "tv", "bt2020", "arib-std-b67", "bt2020nc"),
        )
    ),
    *(
        Case("orientation", name, ".mp4", functools.partial(encode, turn=turn, matrix=matrix))
        for name, (matrix, turn) in ORIENTATIONS.items()
    ),
    Case("damage and what is no film", "one damaged frame", ".mp4", damaged,
         [*range(35), 34, *range(36, NUM_FRAMES)]),
    Case("damage and what is no film", "an unknown codec", ".mp4", unknown_codec, None),
    Case("damage and what is no film", "cover picture first", ".mkv", with_cover),
    Case("damage and what is no film", "cover picture first", ".mp4", with_cover),
    Case("damage and what is no film", "sound with a cover picture", ".mp4", sound_with_cover,
         None),
    Case("damage and what is no film", "a picture", ".jpg", picture, None),
    Case("damage and what is no film", "a picture", ".mp4", picture, None),
    Case("damage and what is no film", "text", ".mp4", text, None),
]  # fmt: skip

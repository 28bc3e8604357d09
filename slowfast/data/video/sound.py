"""The sound of a video file, for a new MP4 of its pictures.

What browsers play is copied; the rest is encoded to AAC. Chromium plays each of ``COPIED`` in an
MP4.
"""

import contextlib
import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.filter import Graph

from slowfast.data.video.pyav import film_of, open_container
from slowfast.log import logger

COPIED = {"aac", "mp3", "opus", "flac"}
LEAST_RATE = 16_000
"""FFmpeg writes no MP3 of a lower rate into an MP4."""
AAC_RATE = 48_000
SEEN = 32
"""Packets in which the first picture is looked for: more than codecs store ahead of it."""


class Sound(contextlib.ExitStack):
    """The default audio track of a file, as packets of a stream that it adds to ``container``. They
    count time from the first picture, as the file's players do.

    Damaged sound ends where the damage begins, with a warning.
    """

    def __init__(self, path: str, container: Any) -> None:
        super().__init__()
        self._path, self._coming = path, None
        with self._warned():
            begin = _first_picture(path)
            self._source = self.enter_context(open_container(path))
            self._stream: Any = self._source.streams.best("audio")
            if self._stream is None or self._stream.codec_context is None:
                return
            packets = self._copied if self._is_playable() else self._encoded
            self._packets = packets(container, begin)
            self._coming = next(self._packets, None)

    def until(self, seconds: float) -> Iterator[Any]:
        """The packets that come next, up to this time from the first picture on."""
        while self._coming is not None and self._coming.pts * self._coming.time_base <= seconds:
            yield self._coming
            self._coming = next(self._packets, None)

    def _is_playable(self) -> bool:
        codec = self._stream.codec_context
        name = codec.codec.canonical_name
        return name in COPIED and (name != "mp3" or codec.sample_rate >= LEAST_RATE)

    def _copied(self, container: Any, begin: Fraction) -> Iterator[Any]:
        new, last = container.add_stream_from_template(self._stream), None
        with self._warned():
            for packet in self._source.demux(self._stream):
                if not packet.size or packet.pts is None or packet.dts is None:
                    continue
                shift = round(begin / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                if last is None or packet.dts > last:  # or the new file could not hold it
                    last, packet.stream = packet.dts, new
                    yield packet

    def _encoded(self, container: Any, begin: Fraction) -> Iterator[Any]:
        codec = self._stream.codec_context
        layout = "mono" if codec.channels == 1 else "stereo"
        new = container.add_stream("aac", rate=AAC_RATE, layout=layout)
        graph = None
        with self._warned():
            for frame in self._source.decode(self._stream):
                if frame.pts is None:
                    continue
                graph = graph or _resampler(self._stream, frame, layout)
                frame.pts -= round(begin / frame.time_base)
                graph.push(frame)
                yield from _out_of(graph, new)
            if graph is not None:
                graph.push(None)
                yield from _out_of(graph, new)
            yield from new.encode(None)

    @contextlib.contextmanager
    def _warned(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            logger.warning(f"{self._path}: its sound cannot be read, or ends early ({error})")


def _first_picture(path: str) -> Fraction:
    """When the first picture is shown that no edit list cuts away, seconds; 0 if not told."""
    with open_container(path) as source:
        film = film_of(source)
        if film is None:
            return Fraction(0)
        packets = (p for p in source.demux(film) if p.size and p.pts is not None)
        times = (p.pts for p in packets if not p.is_discard)
        return min(itertools.islice(times, SEEN), default=0) * film.time_base


def _resampler(stream: Any, frame: Any, layout: str) -> Graph:
    """Makes frames for the encoder; gaps in the sound become silence, so that it stays in time."""
    graph = Graph()
    graph.link_nodes(
        graph.add_abuffer(template=stream, time_base=frame.time_base),
        graph.add("aresample", "async=1:min_hard_comp=0.02"),
        graph.add("aformat", f"sample_fmts=fltp:sample_rates={AAC_RATE}:channel_layouts={layout}"),
        graph.add("asetnsamples", "n=1024:p=0"),
        graph.add("abuffersink"),
    ).configure()
    return graph


def _out_of(graph: Graph, new: Any) -> Iterator[Any]:
    """The packets of what has come through the graph."""
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield from new.encode(frame)

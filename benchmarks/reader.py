"""Our video reader beside mmaction2's and PyTorchVideo's, on one thread.

From the repository's root, in the environment that requirements-peers.txt describes:

    .venv-peers/bin/python -m benchmarks.reader --video CLIP.mp4 \
        --json reader.json --markdown reader.md --chart reader.png

Files of 10 s (300 frames, H.264, a keyframe every 250) are encoded on the spot, from the frames of
CLIP or from moving textures. What each side reads is compared before anything is timed. All of it
takes about a quarter of an hour, most of which is PyTorchVideo's 30 views of 1280x720.
"""

# ruff: noqa: E402  (libraries read these as they are imported)
import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import checks, ours, peers, scaling, videos
from benchmarks.report import Row, tell, write_chart
from benchmarks.timing import fastest, medians, one_core, progress
from benchmarks.videos import Files
from slowfast import machine
from slowfast.data.video.open import chosen_decoder

PEERS = ("mmaction2", "pytorchvideo")
NUM_STARTS = 10
STARTS = [int(236 * (i + 0.5) / NUM_STARTS) for i in range(NUM_STARTS)]
"""First frames of the timed training clips: as a uniform draw from 0..236 has them on average."""
FLOOR = 1.3
"""30 views should take no longer than so many times the decoding of the whole file."""
TARGETS = {
    ("30 views", "340x256"): {"mmaction2": 3.0, "pytorchvideo": 10.0, "libavcodec": 1 / FLOOR},
    ("30 views", "1280x720"): {"mmaction2": 3.0, "pytorchvideo": 20.0, "libavcodec": 1 / FLOOR},
    ("train clip", "340x256"): {"mmaction2": 1.4, "pytorchvideo": 2.0},
    ("train clip", "1280x720"): {"mmaction2": 1.4, "pytorchvideo": 2.0},
    ("train clip, prepared file", "340x256"): {"mmaction2": 4.0, "pytorchvideo": 10.0},
    ("train clip, prepared file", "1280x720"): {"mmaction2": 4.0, "pytorchvideo": 10.0},
}
"""The ratios that the project aims at."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status: 0, or 1 with one line of why."""
    options = _options(arguments)
    try:
        if options.video is not None and not options.video.is_file():
            raise ValueError(f"--video {options.video}: no such file")
        if options.rounds < 1:
            raise ValueError(f"--rounds {options.rounds} is below 1")
        peers.import_peers()
        with tempfile.TemporaryDirectory(prefix="reader-") as folder:
            _run(options, Path(folder))
    except (ValueError, OSError, peers.PeersMissingError, checks.MismatchError) as error:
        print(f"reader: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace, folder: Path) -> None:
    notes = [
        f"Python {platform.python_version()}, {peers.versions()}.",
        f"{machine.processor()}, one thread pinned to one core, page cache warm; medians of "
        f"{options.rounds} interleaved rounds.",
    ]
    rows: list[Row] = []
    with one_core():
        numbered = videos.write_h264(
            folder / "numbered.mp4", videos.numbered((256, 256)), videos.WILD
        )
        decoders = _decoders(numbered, notes)
        progress("checking which frames each side reads")
        checks.check_frames(numbered, decoders, [0, *STARTS[::3], 236])
        for size in options.sizes:
            progress(f"encoding the files of {size}")
            files = videos.write_files(options.video, size, folder)
            notes += files.notes
            notes += checks.check_pixels(files.original, decoders)
            if "views" in options.only:
                rows += _views_rows(files, decoders, options.rounds, notes)
            if "clips" in options.only:
                rows += _clip_rows(files, decoders, options.rounds, notes)
    if "loader" in options.only:
        size = options.sizes[0]
        rows.append(scaling.processes_row(folder / f"{size}.mp4", size, decoders[0]))
    _write(options, rows, notes)


def _views_rows(files: Files, decoders: list[str], rounds: int, notes: list[str]) -> list[Row]:
    title, path = f"30 views, {files.size}", str(files.original)
    setting = _pytorchvideo_setting(title, partial(peers.pytorchvideo_views, path), notes)
    sides: dict[str, Callable[[], Any]] = {
        **{decoder: partial(ours.views, files.original, decoder) for decoder in decoders},
        "mmaction2": partial(peers.mmaction2_views, path),
        "pytorchvideo": partial(peers.pytorchvideo_views, path, **setting),
    }
    floor = {"libavcodec": partial(ours.decode_only, files.original, videos.NUM_FRAMES)}
    seconds = medians(title, sides | floor, rounds)
    targets = TARGETS["30 views", files.size]
    rows = _rows(title, seconds, decoders, {peer: targets[peer] for peer in PEERS})
    share = f"{title}, share of the floor (libavcodec decode)"
    rows += _rows(share, seconds, decoders, {"libavcodec": targets["libavcodec"]})
    return rows + _bytes_rows(f"MB of {title}", sides, decoders)


def _clip_rows(files: Files, decoders: list[str], rounds: int, notes: list[str]) -> list[Row]:
    title, path = f"train clip, {files.size}", str(files.original)
    setting = _pytorchvideo_setting(
        title, partial(peers.pytorchvideo_clip, path, STARTS[NUM_STARTS // 2]), notes
    )
    lazy = {
        str(lazy): partial(peers.mmaction2_clip, path, STARTS[NUM_STARTS // 2], lazy=lazy)
        for lazy in (False, True)
    }
    is_lazy = fastest(f"{title}, mmaction2 lazy", lazy) == "True"
    notes.append(f"{title}: mmaction2's faster setting is lazy={is_lazy}.")
    sides: dict[str, Callable[[int], Any]] = {
        **{d: partial(ours.clip, files.original, decoder=d) for d in decoders},
        **{f"{d} prepared": partial(ours.clip, files.prepared, decoder=d) for d in decoders},
        "mmaction2": partial(peers.mmaction2_clip, path, lazy=is_lazy),
        "pytorchvideo": partial(peers.pytorchvideo_clip, path, **setting),
    }
    floor = {"libavcodec": partial(_decode_to_end_of_clip, files.original)}
    each = {name: partial(_all_starts, side) for name, side in (sides | floor).items()}
    seconds = {name: s / NUM_STARTS for name, s in medians(title, each, rounds).items()}
    rows = _rows(title, seconds, decoders, TARGETS["train clip", files.size])
    share = f"{title}, share of the floor (libavcodec decode)"
    rows += _rows(share, seconds, decoders, {"libavcodec": None})
    from_prepared = seconds | {d: seconds[f"{d} prepared"] for d in decoders}
    rows += _rows(
        f"train clip, prepared file, from {files.size}",
        from_prepared,
        decoders,
        TARGETS["train clip, prepared file", files.size],
    )
    one = {name: partial(side, STARTS[0]) for name, side in sides.items()}
    return rows + _bytes_rows(f"MB of {title}", one, decoders)


def _rows(
    what: str, seconds: dict[str, float], decoders: list[str], targets: Mapping[str, float | None]
) -> list[Row]:
    """A row for each peer and each of our decoders; that of ``data.decoder=auto``, the default, has
    the target."""
    default = chosen_decoder("auto")
    return [
        Row(
            f"{what}, ours {d}{' (the default)' if d == default else ''}",
            peer,
            seconds[d],
            seconds[peer],
            target if d == default else None,
        )
        for d in decoders
        for peer, target in targets.items()
    ]


def _bytes_rows(
    what: str, sides: Mapping[str, Callable[[], Any]], decoders: list[str]
) -> list[Row]:
    mine = _megabytes(sides[decoders[0]]())
    return [Row(what, peer, mine, _megabytes(sides[peer]())) for peer in PEERS]


def _megabytes(output: Any) -> float:
    """Of an array, a tensor, or a list of them."""
    arrays = output if isinstance(output, list) else [output]
    return sum(int(array.nbytes) for array in arrays) / 1e6


def _pytorchvideo_setting(
    title: str, read: Callable[..., object], notes: list[str]
) -> dict[str, Any]:
    """PyTorchVideo's fastest decoder and scaling for one case."""
    settings = {
        f"{decoder}+{backend}": {"decoder": decoder, "backend": backend}
        for decoder, backend in product(peers.PYTORCHVIDEO_DECODERS, peers.PYTORCHVIDEO_BACKENDS)
    }
    runs = {name: partial(read, **setting) for name, setting in settings.items()}
    name = fastest(f"{title}, pytorchvideo", runs)
    notes.append(f"{title}: pytorchvideo's fastest decoder and scaling are {name}.")
    return settings[name]


def _all_starts(read: Callable[[int], object]) -> None:
    for start in STARTS:
        read(start)


def _decode_to_end_of_clip(path: Path, start: int) -> None:
    """From the first frame: the only other keyframe comes after every start."""
    ours.decode_only(path, start + peers.NUM_FRAMES * peers.STRIDE)


def _decoders(path: Path, notes: list[str]) -> list[str]:
    """Those of ours that data.decoder really switches to here."""
    usable = [decoder for decoder in ours.DECODERS if ours.can_use(decoder, path)]
    for decoder in set(ours.DECODERS) - set(usable):
        notes.append(f"data.decoder={decoder} does not read with {decoder} here: not measured.")
        progress(notes[-1])
    return usable


def _write(options: argparse.Namespace, rows: list[Row], notes: list[str]) -> None:
    tell(rows, notes, options)
    if options.chart:
        write_chart(rows, options.chart)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="reader", description=__doc__.partition("\n")[0])
    parser.add_argument("--video", type=Path, help="a real clip whose frames are used")
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds (default: 7)")
    parser.add_argument("--sizes", nargs="+", choices=videos.SIZES, default=list(videos.SIZES))
    cases = ("views", "clips", "loader")
    parser.add_argument("--only", nargs="+", choices=cases, default=cases, help="what to measure")
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--markdown", type=Path, help="file for the table")
    parser.add_argument("--chart", type=Path, help="PNG file for the chart")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

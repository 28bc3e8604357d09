"""The timeline of a 10-minute video, a window a second: --infer --timeline beside PyTorchVideo's
network, fed by its own reader; and the memory of 10 and of 60 minutes.

From the repository's root, in the project's environment, with the peers' beside it
(requirements-peers.txt):

    python -m benchmarks.timeline --peers .venv-peers/bin/python --json FILE --markdown FILE

All hold the same weights, of R50 4x16 by name, and their probabilities of 40 windows are compared
before anything is timed. Each contender has a process of its own, and only one computes at a time,
on all cores that this process may use. What is timed is 20 windows of 2.13 s in the middle of the
file, from opening it to the last window's probabilities, right after the same 20: all windows of a
video cost the same, so more of them would tell no more. Ours decodes each frame once, in a reader
process; PyTorchVideo's ``EncodedVideo.get_clip`` decodes each window from the keyframe before it.
Its network is in the fastest of torch's forms, by a first run of each.

Memory is that of whole commands, with a window every 10 s to save time; each window more keeps 1.6
KB of scores, 6 MB in an hour at a window a second.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks import videos
from benchmarks.inference import TORCH, TORCH_BF16, Bench, MismatchError
from benchmarks.processes import Ran, Server, run_command
from benchmarks.report import Row, tell
from benchmarks.timing import WINDOWS, progress
from slowfast import machine

ROOT = Path(__file__).parents[1]
NETWORK, ALPHA = "4x16", 8
OURS = {"timeline fp32": 2.2, "timeline bf16": None, "timeline int8": 3.5}
"""What the project aims at, beside the best fp32 of torch."""
TOLERANCE = 0.02
"""Largest difference of fp32 probabilities; colours are converted by different libraries."""
MEMORY = 1 / 1.05
MINUTES = (10, 60)
EVERY = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status: 0, or 1 with one line of why."""
    options = _options(arguments)
    rows: list[Row] = []
    try:
        if not options.peers.is_file():
            raise ValueError(f"--peers {options.peers}: no such file")
        with tempfile.TemporaryDirectory(prefix="timeline-") as folder:
            sets = ", ".join(machine.instruction_sets())
            about = f"{machine.processor()} ({sets}), {machine.threads()} threads."
            bench = Bench(options, Path(folder), [about])
            _prepare(bench)
            if "windows" in options.rows:
                rows += _windows(bench)
            if "memory" in options.rows:
                rows += _memory(bench)
    except (ValueError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"timeline: {error}", file=sys.stderr)
        return 1
    tell(rows, bench.notes, options)
    return 0


def _prepare(bench: Bench) -> None:
    """The videos, of 10 s again and again, and the weights for both sides."""
    folder = bench.folder
    source = folder / "calibration.mp4"
    videos.write_h264(source, videos.moving_textures(videos.SIZES["340x256"]), videos.WILD)
    _repeat(source, folder / "video.mp4", 60)
    save = f"from benchmarks.view_torch import save; save({str(folder)!r})"
    subprocess.run(_torch(bench, "-c", save), check=True, env=_env_of_peers(bench))
    command = [
        sys.executable, "-m", "slowfast.tools.convert_weights", str(folder / f"{NETWORK}.pyth"),
        str(folder / f"{NETWORK}.pdparams"), "--alpha", str(ALPHA), "--num_frames", "32",
    ]  # fmt: skip
    run_command(command, bench.env(ROOT), lambda _, said: said)


def _repeat(source: Path, path: Path, times: int) -> None:
    """Copies a file's packets so many times, one copy behind another."""
    with av.open(str(source)) as old:
        stream: Any = old.streams.video[0]
        packets = [(p.pts, p.dts, p.is_keyframe, bytes(p)) for p in old.demux(stream) if p.size]
        length = round(videos.NUM_FRAMES / videos.FPS / stream.time_base)
        with av.open(str(path), "w") as new:
            copy = new.add_stream_from_template(stream)
            for number in range(times):
                for pts, dts, is_keyframe, content in packets:
                    packet = av.Packet(content)
                    packet.pts, packet.dts = pts + number * length, dts + number * length
                    packet.time_base, packet.is_keyframe = stream.time_base, is_keyframe
                    packet.stream = copy
                    new.mux(packet)


def _torch(bench: Bench, *arguments: str) -> list[str]:
    return [str(bench.options.peers), *arguments]


def _env_of_peers(bench: Bench) -> dict[str, str]:
    more = [Path(path) for path in bench.options.peers_path]
    return bench.env(ROOT, ROOT / "tests" / "golden", *more)


def _server(bench: Bench, contender: str) -> Server:
    """The process of a contender; its C library keeps memory for the next call, as ours does."""
    if contender in OURS:
        env = bench.env(ROOT, ROOT / "tests" / "golden")
        return Server([sys.executable, "-m", "benchmarks.view_ours"], env, bench.folder)
    env = _env_of_peers(bench)
    env |= {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
    return Server(_torch(bench, "-m", "benchmarks.view_torch"), env, bench.folder)


def _windows(bench: Bench) -> list[Row]:
    """Seconds a window, of the sides in turn."""
    left_out = bench.options.without
    forms = [f"timeline {name}" for name in (*TORCH, *TORCH_BF16) if name not in left_out]
    with ExitStack() as opened:
        servers: dict[str, Server] = {}
        first: dict[str, float] = {}
        expected = None
        for name in (*forms, *OURS):
            server = servers[name] = _server(bench, name)
            opened.callback(server.end)
            file = bench.folder / "rows.npy"
            answer = server.ask(name, NETWORK, rows=file)
            if "fault" in answer:
                bench.note(f"no {name} ({answer['fault']}).")
                continue
            first[name] = answer["seconds"] / WINDOWS
            progress(f"{name} is {answer['about']}: {first[name]:.3f} s a window")
            expected = np.load(file) if expected is None else expected
            _compare(bench, name, np.load(file), expected)
        best = [_fastest(first, names) for names in (_of_fp32(forms), _of_bf16(forms))]
        timed = [name for name in (*best, *OURS) if name in first]
        for name in servers.keys() - {*timed}:
            servers[name].end()
        seconds = _rounds(bench, servers, timed)
    return _rows(bench, seconds, *best)


def _of_fp32(forms: Sequence[str]) -> list[str]:
    return [name for name in forms if not name.endswith("bf16")]


def _of_bf16(forms: Sequence[str]) -> list[str]:
    return [name for name in forms if name.endswith("bf16")]


def _fastest(first: dict[str, float], names: Sequence[str]) -> str:
    return min((name for name in names if name in first), key=lambda n: first[n], default="")


def _compare(bench: Bench, name: str, found: Any, expected: Any) -> None:
    difference = float(np.abs(found - expected).max())
    same = int((found.argmax(1) == expected.argmax(1)).sum())
    bench.note(
        f"{name}: probabilities at most {difference:.1e} from torch's; {same} of {len(found)} best "
        "classes are the same."
    )
    if name == "timeline fp32" and not difference <= TOLERANCE:
        raise MismatchError(f"{name} does not agree with torch ({TOLERANCE:g})")


def _rounds(bench: Bench, servers: dict[str, Server], timed: Sequence[str]) -> dict[str, float]:
    """Median seconds a window of each, in interleaved rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    elsewhere = 0.0
    for number in range(1, bench.options.rounds + 1):
        for name in timed:
            answer = servers[name].ask(name, NETWORK)
            if "fault" in answer:
                raise RuntimeError(f"{name}: {answer['fault']}")
            seconds[name].append(answer["seconds"] / WINDOWS)
            elsewhere = max(elsewhere, answer["elsewhere"])
            progress(f"round {number}: {name} {seconds[name][-1]:.3f} s a window")
    bench.note(f"other processes, among them the reader's own, used at most {elsewhere:.2f} cores.")
    return {name: statistics.median(values) for name, values in seconds.items()}


def _rows(bench: Bench, seconds: dict[str, float], fp32: str, bf16: str) -> list[Row]:
    rows = []
    for name, target in OURS.items():
        if name not in seconds:
            continue
        what = f"timeline, R50 4x16, seconds a window, {name.partition(' ')[2]}"
        for peer in filter(None, (fp32, bf16 if name == "timeline bf16" else "")):
            theirs = f"PyTorchVideo, its reader ({peer.removeprefix('timeline ')})"
            rows.append(Row(what, theirs, seconds[name], seconds[peer], target))
    if "timeline fp32" in seconds:
        what = "seconds for a second of video, R50 4x16 fp32, a window a second"
        rows.append(Row(what, "real time", seconds["timeline fp32"], 1.0, 1.0))
    return rows


def _memory(bench: Bench) -> list[Row]:
    """Peaks of the command over 10 and over 60 minutes."""
    ran: list[Ran] = []
    every = 60 if bench.options.quick else EVERY
    for minutes in (1, *MINUTES):  # the first builds the graph
        path = bench.folder / f"{minutes}.mp4"
        _repeat(bench.folder / "calibration.mp4", path, 6 * minutes)
        command = [
            sys.executable, str(ROOT / "main.py"), "--infer", str(path), "--timeline", "out",
            "-w", str(bench.folder / f"{NETWORK}.pdparams"), "--precision", "fp32",
            "-o", f"timeline.every={every}",
        ]  # fmt: skip
        ran.append(run_command(command, bench.env(), lambda _, said: said))
        path.unlink()
        progress(f"{minutes} minutes: {ran[-1].mebibytes:.0f} MiB, {ran[-1].seconds:.0f} s")
    _, short, long = (one.mebibytes for one in ran)
    return [Row("MiB at the peak, 60 minutes of video", "10 minutes", long, short, MEMORY)]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="timeline", description=__doc__.partition("\n\n")[0])
    add = parser.add_argument
    add("--peers", type=Path, required=True, help="the peers' python")
    add("--peers-path", nargs="*", default=[], help="folders with more packages of the peers")
    add("--rows", nargs="+", choices=("windows", "memory"), default=["windows", "memory"])
    add(
        "--without", nargs="+", choices=(*TORCH[1:], *TORCH_BF16), default=[], metavar="NAME",
        help="torch's forms to leave out: its compiler takes minutes",
    )  # fmt: skip
    add("--rounds", type=int, default=5, help="timed rounds (default: 5)")
    add("--quick", action="store_true", help="one round, fewer windows of the commands: to try it")
    add("--json", type=Path, help="file for the rows")
    add("--markdown", type=Path, help="file for the table")
    options = parser.parse_args(arguments)
    options.peers = options.peers.absolute()  # not resolved: it is a link in its environment
    options.rounds = 1 if options.quick else options.rounds
    return options


if __name__ == "__main__":
    sys.exit(main())

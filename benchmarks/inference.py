"""The network forward on a CPU: our backends beside PyTorchVideo's SlowFast, and beside the build
before them; one view, and whole commands.

From the repository's root, in the project's environment, with the peers' beside it
(requirements-peers.txt):

    python -m benchmarks.inference --peers .venv-peers/bin/python --json FILE --markdown FILE

All hold the same weights, by name, and their logits of two clips are compared before anything is
timed. Each contender has a process of its own, and only one computes at a time, on all cores that
this process may use. What is timed of a view is the second of two calls in a row; PyTorchVideo's
input is normalised and split before, ours is not. A command runs from its start to its end.
"""

import argparse
import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import videos
from benchmarks.processes import Ran, Server, run_command
from benchmarks.report import Row, tell
from benchmarks.timing import progress
from slowfast import machine

ROOT = Path(__file__).parents[1]
BEFORE = "8baf74a"
"""The last commit before the backends."""
ALPHA = {"8x8": 4, "4x16": 8}

OURS = ("openvino", "paddle", "onnxruntime", "eager")
TORCH = ("torch", "torch channels_last_3d", "torch compiled", "torch frozen")
TORCH_BF16 = (
    "torch channels_last_3d bf16", "torch autocast bf16", "torch compiled bf16",
    "torch frozen bf16",
)  # fmt: skip
EXPORTED, EXPORTED_BF16 = "exported", "exported bf16"
"""PyTorchVideo's network in OpenVINO."""
FP32 = (*OURS, "before", *TORCH, EXPORTED)
LOW = ("openvino bf16", "openvino int8", *TORCH_BF16, EXPORTED_BF16)
TOLERANCE = 1e-4
"""Largest difference of fp32 logits from torch's, as a share of the largest logit."""
INFER_TOLERANCE = 0.02
"""Largest difference of the probabilities of --infer, which may take bf16."""

ROWS = ("views", "answer", "infer", "features")
LONG = 20.0
"""Seconds; a command that takes longer runs once, the others ``COMMAND_ROUNDS`` times."""
COMMAND_ROUNDS = 3
TARGETS = {
    "torch": (2.0, 1.9), "arithmetic": (1 / 1.3, 1 / 1.2), "eager before": (2.5, 2.2),
    "bf16": (1.7, None), "int8": (2.0, 1.7), "infer, hub": (8.0, 6.0), "infer, before": (12.0, 8.0),
    "main.py": (1.0, 1.0), "answer": (2.5, 2.0), "features": (4.0, 3.0),
    "memory": (1 / 0.6, 1 / 0.6), "onnxruntime": (1.1, 1.1),
}  # fmt: skip
"""The ratios that the project aims at: with AVX-512, and with AVX2 only."""


class MismatchError(RuntimeError):
    """The sides do not come to the same: nothing that was timed could be compared."""


class Bench(NamedTuple):
    """What all measurements need."""

    options: argparse.Namespace
    folder: Path
    """Weights, ``video.mp4``, the build before (``build``), and our caches."""
    notes: list[str]

    def env(self, *paths: Path, **more: str) -> dict[str, str]:
        """The user's environment with these folders of packages, and our caches in the folder."""
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "OMP_NUM_THREADS")}
        env |= {"SLOWFAST_HOME": str(self.folder / "home"), **more}
        env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
        return env | ({"PYTHONPATH": os.pathsep.join(map(str, paths))} if paths else {})

    def note(self, text: str) -> None:
        """Keeps a line for below the table."""
        progress(text)
        self.notes.append(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status: 0, or 1 with one line of why."""
    options = _options(arguments)
    rows: list[Row] = []
    try:
        if not options.peers.is_file():
            raise ValueError(f"--peers {options.peers}: no such file")
        if options.rounds < 1:
            raise ValueError(f"--rounds {options.rounds} is below 1")
        if options.video is not None and not options.video.is_file():
            raise ValueError(f"--video {options.video}: no such file")
        with tempfile.TemporaryDirectory(prefix="inference-") as folder:
            bench = Bench(options, Path(folder), [_machine()])
            _prepare(bench)
            if "views" in options.rows:
                for network in options.networks:
                    rows += _views(bench, network)
            if "answer" in options.rows:
                rows += _answers(bench)
            if "infer" in options.rows:
                rows += _commands(bench)
            if "features" in options.rows:
                rows += _features(bench)
    except (ValueError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"inference: {error}", file=sys.stderr)
        return 1
    tell(rows, bench.notes, options)
    return 0


def _machine() -> str:
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("paddlepaddle", "openvino", "onnxruntime", "nncf", "numpy")
        if _is_installed(name)
    )
    sets = ", ".join(machine.instruction_sets())
    return f"{machine.processor()} ({sets}), {machine.threads()} threads; {versions}."


def _is_installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def _target(name: str) -> float | None:
    return TARGETS[name]["avx512f" not in machine.instruction_sets()]


def _prepare(bench: Bench) -> None:
    """The video, the weights for each side, and the build before."""
    folder, build = bench.folder, bench.folder / "build"
    if bench.options.video:
        shutil.copy(bench.options.video, folder / "video.mp4")
    else:
        pictures = videos.moving_textures(videos.SIZES["340x256"])
        videos.write_h264(folder / "video.mp4", pictures, videos.WILD)
    build.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", BEFORE], check=True, stdout=subprocess.PIPE
    )
    names = ["slowfast", "configs", "main.py", "run_infer_single.sh"]
    subprocess.run(["tar", "-x", "-C", str(build), *names], check=True, input=archive.stdout)
    save = f"from benchmarks.view_torch import save; save({str(folder)!r})"
    _run([str(bench.options.peers), "-c", save], _peers_env(bench))
    (folder / "before").mkdir()
    for package, place in ((ROOT, folder), (build, folder / "before")):
        for network, alpha in ALPHA.items():
            command = [
                sys.executable, "-m", "slowfast.tools.convert_weights",
                str(folder / f"{network}.pyth"), str(place / f"{network}.pdparams"),
                "--alpha", str(alpha), "--num_frames", "32",
            ]  # fmt: skip
            _run(command, bench.env(package))


def _run(command: Sequence[str], env: Mapping[str, str]) -> Ran:
    return run_command(command, env, lambda _, said: said)


def _peers_env(bench: Bench) -> dict[str, str]:
    more = [Path(path) for path in bench.options.peers_path]
    return bench.env(ROOT, ROOT / "tests" / "golden", *more)


def _server(bench: Bench, contender: str) -> Server:
    """The process of a contender; its C library keeps memory for the next call, as ours does."""
    golden = ROOT / "tests" / "golden"
    kept = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
    if contender in ("before", "arithmetic"):
        env = bench.env(bench.folder / "build", ROOT, golden, **kept)
        env["OMP_NUM_THREADS"] = str(machine.threads())
        if cpu_type := machine.mkl_cpu_type(Path("/proc/cpuinfo").read_text()):
            env["MKL_DEBUG_CPU_TYPE"] = cpu_type
    elif contender.partition(" ")[0] in (*OURS, "answer"):
        env = bench.env(ROOT, golden)
    else:
        env = _peers_env(bench) | kept
        return Server([str(bench.options.peers), "-m", "benchmarks.view_torch"], env, bench.folder)
    return Server([sys.executable, "-m", "benchmarks.view_ours"], env, bench.folder)


def _medians(
    bench: Bench, what: str, contenders: Sequence[str], network: str,
    check: Callable[[str, Any], None] = lambda name, rows: None,
) -> dict[str, float]:  # fmt: skip
    """Median seconds of each contender that there is, in interleaved rounds; the best of
    ``product``. ``check`` gets each one's rows before anything is timed."""
    seconds: dict[str, list[float]] = {}
    elsewhere = 0.0
    with ExitStack() as opened:
        servers = {}
        for name in contenders:
            server = _server(bench, name)
            opened.callback(server.end)
            file = bench.folder / "rows.npy"
            answer = server.ask(name, network, rows=None if name == "product" else file)
            if "fault" in answer:
                bench.note(f"{what}: no {name} ({answer['fault']}).")
                server.end()
                continue
            progress(f"{what}: {name} is {answer['about']}")
            if name != "product":
                check(name, np.load(file))
            servers[name], seconds[name] = server, []
        for number in range(1, bench.options.rounds + 1):
            for name, server in servers.items():
                answer = server.ask(name, network)
                if "fault" in answer:
                    raise RuntimeError(f"{name}: {answer['fault']}")
                seconds[name].append(answer["seconds"])
                elsewhere = max(elsewhere, answer["elsewhere"])
                progress(f"{what}, round {number}: {name} {answer['seconds']:.3f} s")
    bench.note(f"{what}: other processes used at most {elsewhere:.2f} cores meanwhile.")
    listing = ", ".join(f"{n} {statistics.median(s):.3f}" for n, s in seconds.items())
    bench.note(f"{what}, seconds: {listing}.")
    return {n: min(s) if n == "product" else statistics.median(s) for n, s in seconds.items()}


def _views(bench: Bench, network: str) -> list[Row]:
    """One 256 view: each backend and precision against torch, the arithmetic, the build before."""
    what = f"one 256 view, R50 {network}"
    expected: list[Any] = []

    def check(name: str, rows: Any) -> None:
        expected.append(rows)
        difference = float(np.abs(rows - expected[0]).max() / np.abs(expected[0]).max())
        same = int((rows.argmax(1) == expected[0].argmax(1)).sum())
        bench.note(
            f"{what}: logits of {name} differ from {TORCH[0]}'s by {difference:.1e} of the "
            f"largest; {same} of {len(rows)} best classes are the same."
        )
        if name in FP32 and not difference <= TOLERANCE:
            raise MismatchError(f"{what}: {name} does not agree with torch ({TOLERANCE:g})")

    # torch first: it is what all others are compared with.
    contenders = [*TORCH, *OURS, "before", EXPORTED, *LOW, "product"]
    contenders = [name for name in contenders if name not in bench.options.without]
    found = _medians(bench, what, contenders, network, check)
    clip_0, clip_1 = expected[0]
    if np.abs(clip_0 - clip_1).max() < 0.1 * np.abs(clip_0).max():
        raise MismatchError(f"{what}: the two clips have the same logits: nothing was compared")
    return [*_fp32_rows(bench, what, network, found), *_low_rows(what, found)]


def _fp32_rows(bench: Bench, what: str, network: str, found: dict[str, float]) -> list[Row]:
    fp32, torch = f"{what}, fp32", _fastest(found, TORCH)
    best = _fastest(found, OURS)
    ours = found[best]
    rows = [
        Row(f"{fp32}, ours ({best})", f"best torch ({torch})", ours, found[torch], _target("torch"))
    ]
    flops = _gigaflops(bench, network)
    rate = 2 * 4096**3 / 1e9 / found["product"]
    bench.note(f"{what}: {flops:.1f} GFLOP; a product of 4096 at {rate:.0f} GFLOP/s, the best.")
    arithmetic = f"its arithmetic at {rate:.0f} GFLOP/s"
    rows.append(
        Row(f"{fp32}, ours ({best})", arithmetic, ours, flops / rate, _target("arithmetic"))
    )
    if "before" in found:
        peer = "eager of the build before, all threads"
        rows.append(
            Row(f"{fp32}, ours ({best})", peer, ours, found["before"], _target("eager before"))
        )
    if EXPORTED in found:
        rows.append(
            Row(f"{fp32}, ours ({best})", "PyTorchVideo's in OpenVINO", ours, found[EXPORTED])
        )
    for name in OURS:
        if name in found and name != best:
            target = _target("onnxruntime") if name == "onnxruntime" else None
            rows.append(
                Row(f"{fp32}, {name}", f"best torch ({torch})", found[name], found[torch], target)
            )
    return rows


def _low_rows(what: str, found: dict[str, float]) -> list[Row]:
    rows = []
    if "openvino bf16" in found:
        ours = found["openvino bf16"]
        if best := _fastest(found, TORCH_BF16):
            peer = f"best torch bf16 ({best})"
            rows.append(Row(f"{what}, bf16", peer, ours, found[best], _target("bf16")))
        if EXPORTED_BF16 in found:
            rows.append(
                Row(f"{what}, bf16", "PyTorchVideo's in OpenVINO", ours, found[EXPORTED_BF16])
            )
    if "openvino int8" in found:
        fp32 = found[_fastest(found, OURS)]
        rows.append(Row(f"{what}, int8", "our fp32", found["openvino int8"], fp32, _target("int8")))
    return rows


def _fastest(found: dict[str, float], names: Sequence[str]) -> str:
    """The fastest of these; empty if there is none."""
    return min((name for name in names if name in found), key=lambda n: found[n], default="")


def _gigaflops(bench: Bench, network: str) -> float:
    server = _server(bench, "arithmetic")
    answer = server.ask("arithmetic", network)
    server.end()
    if "fault" in answer:
        raise RuntimeError(f"arithmetic: {answer['fault']}")
    return float(answer["value"])


def _answers(bench: Bench) -> list[Row]:
    """A video's file to a row of scores, one view, in a process that has computed before."""
    what, hub = "warm answer, 1 view, decoding included", ("hub", "hub channels_last_3d")
    found = _medians(bench, what, ["answer", "answer fp32", *hub], "8x8")
    peers = {"hub": "Torch Hub's recipe", "hub channels_last_3d": "the same, channels_last_3d"}
    rows = [
        Row(what, peer, found["answer"], found[name], _target("answer") if name == "hub" else None)
        for name, peer in peers.items()
    ]
    return [*rows, Row(f"{what}, fp32", peers["hub"], found["answer fp32"], found["hub"])]


def _commands(bench: Bench) -> list[Row]:
    """``--infer`` of the video: time, and peak memory."""
    folder = bench.folder
    video = str(folder / "video.mp4")
    clips, crops = ("1", "1") if bench.options.quick else ("10", "3")
    ours = [video, "-w", str(folder / "8x8.pdparams")]
    infer = [sys.executable, str(ROOT / "main.py"), "--infer", *ours]
    before = ["bash", str(folder / "build" / "run_infer_single.sh"), video]
    before += ["-w", str(folder / "before" / "8x8.pdparams")]
    before += ["-o", f"test.num_clips={clips}", f"test.num_crops={crops}"]
    hub = [str(bench.options.peers), "-m", "benchmarks.hub_recipe", str(folder / "8x8.pyth"), video]
    hub += [clips, crops]
    own, peers = bench.env(), _peers_env(bench)
    commands = {
        "default": (infer, own, _first_row),
        "script": (["bash", str(ROOT / "run_infer_single.sh"), *ours], own, _first_row),
        "all views": ([*infer, "--views", f"{clips}x{crops}"], own, _first_row),
        "before": (before, own, _first_row),
        "hub": ([*hub, "contiguous"], peers, _said),
        "hub channels_last_3d": ([*hub, "channels_last_3d"], peers, _said),
    }
    first = run_command(infer, own, _first_row)
    bench.note(f"--infer, first run, which builds the graph: {first.seconds:.1f} s.")
    ran = _run_all(bench, "--infer", commands)
    before_row, row = ran["before"][0].result, ran["all views"][0].result
    apart = np.abs(np.subtract(row["top5_values"], before_row["top5_values"])).max()
    bench.note(f"--infer, all views: probabilities {apart:.1e} from those of the build before.")
    if row["top1_indices"] != before_row["top1_indices"] or not apart <= INFER_TOLERANCE:
        raise MismatchError(f"--infer: {row} where the build before has {before_row}")
    views = f"{int(clips) * int(crops)} views"
    used = ran["default"][0].result.get("num_views", "all")
    found = {name: statistics.median(run.seconds for run in runs) for name, runs in ran.items()}
    peak = {name: statistics.median(r.mebibytes for r in runs) for name, runs in ran.items()}
    default = f"--infer of a 10 s video, default ({used} views), second run"
    every = f"--infer of a 10 s video, {views}, second run"
    old, recipe = "run_infer_single.sh before", f"Torch Hub's recipe, {views}"
    return [
        Row(default, recipe, found["default"], found["hub"], _target("infer, hub")),
        Row(default, f"{recipe}, channels_last_3d", found["default"],
            found["hub channels_last_3d"]),
        Row(default, f"{old}, {views}", found["default"], found["before"],
            _target("infer, before")),
        Row(every, recipe, found["all views"], found["hub"]),
        Row(every, f"{old}, {views}", found["all views"], found["before"]),
        Row("python main.py --infer", "bash run_infer_single.sh", found["default"], found["script"],
            _target("main.py")),
        Row(f"MiB at the peak of --infer, {views}", old, peak["all views"], peak["before"],
            _target("memory")),
        Row("MiB at the peak of --infer, default", old, peak["default"], peak["before"]),
    ]  # fmt: skip


def _features(bench: Bench) -> list[Row]:
    """``extract_features`` of the video, whole command."""
    folder = bench.folder
    tool = [sys.executable, "-m", "slowfast.tools.extract_features", str(folder / "video.mp4")]
    tool += ["--out", "features", *(["--every", "8"] if bench.options.quick else [])]
    commands = {
        "ours": ([*tool, "-w", str(folder / "8x8.pdparams")], bench.env(ROOT), _clips),
        "before": ([*tool, "-w", str(folder / "before" / "8x8.pdparams")],
                   bench.env(folder / "build"), _clips),
    }  # fmt: skip
    run_command(*commands["ours"])  # builds the graph
    ran = _run_all(bench, "extract_features", commands)
    found = {
        name: statistics.median(run.seconds for run in runs) / len(runs[0].result)
        for name, runs in ran.items()
    }
    ours, theirs = ran["ours"][0].result["features"], ran["before"][0].result["features"]
    apart = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    bench.note(f"extract_features: {len(ours)} clips, {apart:.1e} of the largest number apart.")
    if not apart <= TOLERANCE:
        raise MismatchError("extract_features: the features are not those of the build before")
    what = "extract_features, seconds a clip"
    return [Row(what, "the build before", found["ours"], found["before"], _target("features"))]


def _run_all(
    bench: Bench, what: str, commands: Mapping[str, tuple[Sequence[str], Any, Any]]
) -> dict[str, list[Ran]]:
    """Runs all commands in rounds, those above ``LONG`` once."""
    ran: dict[str, list[Ran]] = {name: [] for name in commands}
    for number in range(1 if bench.options.quick else COMMAND_ROUNDS):
        for name, (command, env, read) in commands.items():
            if number and ran[name][0].seconds > LONG:
                continue
            ran[name].append(run_command(command, env, read))
            progress(
                f"{what}, round {number + 1}: {name} {ran[name][-1].seconds:.1f} s, "
                f"{ran[name][-1].mebibytes:.0f} MiB"
            )
    for name, runs in ran.items():
        listing = ", ".join(f"{run.seconds:.1f} s ({run.mebibytes:.0f} MiB)" for run in runs)
        bench.note(f"{what}, {name}: {listing}.")
    return ran


def _first_row(folder: Path, said: str) -> Any:
    return json.loads((folder / "data/results/result.json").read_text())[0]


def _said(folder: Path, said: str) -> str:
    return said.strip()


def _clips(folder: Path, said: str) -> Any:
    """The clips of the one file of features."""
    (path,) = (folder / "features").glob("**/*.npy")
    return np.load(path)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="inference", description=__doc__.partition("\n\n")[0])
    add = parser.add_argument
    add("--peers", type=Path, required=True, help="the peers' python")
    add("--peers-path", nargs="*", default=[], help="folders with more packages of the peers")
    add("--video", type=Path, help="a video of 10 s (default: one is made)")
    add("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="what to measure")
    add("--networks", nargs="+", choices=tuple(ALPHA), default=list(ALPHA))
    add(
        "--without",
        nargs="+",
        choices=(*OURS[1:], "before", *TORCH[1:], EXPORTED, *LOW),
        default=[],
        metavar="NAME",
        help="contenders of the views to leave out: torch's compiler takes minutes",
    )
    add("--rounds", type=int, default=5, help="timed rounds of the views (default: 5)")
    add("--quick", action="store_true", help="one round, one view in the commands: to try it out")
    add("--json", type=Path, help="file for the rows")
    add("--markdown", type=Path, help="file for the table")
    options = parser.parse_args(arguments)
    options.peers = options.peers.absolute()  # not resolved: it is a link in its environment
    options.rounds = 1 if options.quick else options.rounds
    return options


if __name__ == "__main__":
    sys.exit(main())

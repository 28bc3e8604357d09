"""Mutated weights files of every format: is each read, or refused in a line, in little memory?

Each is read in a process whose audit hook sees whatever is run, opened or made, and whose memory is
limited and measured. ``python -m benchmarks.survival checkpoints``.
"""

import functools
import io
import os
import pickle
import pickletools
import random
import resource
import struct
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import paddle
import safetensors.numpy

from benchmarks.mutations import Piece, Pieces, Random, mutated
from benchmarks.survival import Outcome, times
from benchmarks.timing import progress
from slowfast.config import ModelConfig, OptimConfig
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.errors import UserError, error_line
from slowfast.models.variants import build_model
from slowfast.train.checkpoint import TrainState, restore, save_checkpoint
from slowfast.train.recipe.optim import build_optimizer
from slowfast.weights.load import load_weights, read_checkpoint

COUNT = 10_000
"""Mutants of each format."""
SECONDS = 20.0
"""Without an end of a read, this is a hang."""
MOST_BYTES, MOST_TIMES = 32 * 2**20, 16
"""The bound: a read may take so many bytes, and so many for each byte of its file."""
ROOM = 2 * 2**30
"""What a process may take in all: more than the bound, so that it is measured and not hit."""
GOLDEN = Path("tests/golden")
"""Files that torch itself has written."""
SMALL = ModelConfig(slow_depth=14, fast_depth=14, width=8, num_classes=3)
CALLS = pickletools.opcodes  # every opcode that there is
NOTHING = {op.code.encode("latin1") for op in CALLS if not op.stack_before and op.stack_after}
"""Opcodes that put something on the stack and take nothing from it."""


class Format(NamedTuple):
    """A kind of file, and how it is read."""

    name: str
    bases: list[tuple[bytes, Pieces]]
    """Whole files, and what they are made of."""
    read: Callable[[Path], object]
    ending: str
    within: Callable[[bytes, Random, Path], bytes] | None = None
    """A mutation after which the file is still well-formed outside: a call of ``os.mkdir`` in a
    pickle, a changed entry of a zip archive whose checksum is right."""


class Fate(NamedTuple):
    """What came of a mutant."""

    result: str
    """``read``, ``refused``, or what was broken."""
    excess: int = 0
    """Bytes that the read took beyond ``MOST_TIMES`` for each of the file's; below 0: less."""
    peak: int = 0
    seconds: float = 0


def run(seed: int, scale: float, folder: Path) -> list[Outcome]:
    """The outcome of each format."""
    return [_outcome(each, seed, times(COUNT, scale), folder) for each in formats(folder)]


def _outcome(kind: Format, seed: int, count: int, folder: Path) -> Outcome:
    results: Counter[str] = Counter()
    peak = excess = 0
    slowest = 0.0
    reader = Reader(kind, seed, folder)
    begin = time.monotonic()
    with Loader(reader, num_workers=2, describe=reader.shown, seconds=SECONDS) as loader:
        for done, (_, fate) in enumerate(loader.as_ready(range(count)), start=1):
            if isinstance(fate, VideoError):
                fate = Fate("hung" if "no progress" in str(fate) else "crashed")
            results[fate.result] += 1
            peak, excess = max(peak, fate.peak), max(excess, fate.excess)
            slowest = max(slowest, fate.seconds)
            if done % 1000 == 0:
                progress(f"{kind.name}: {done} of {count}, {time.monotonic() - begin:.0f} s")
    broken = {what: number for what, number in results.items() if what not in ("read", "refused")}
    over = excess > MOST_BYTES
    result = (
        f"{results['read']:,} read, {results['refused']:,} refused in a line; "
        f"{''.join(f'{number:,} {what}; ' for what, number in broken.items())}"
        f"no more than {peak / 2**20:.0f} MiB and {slowest:.1f} s a file"
    )
    return Outcome(f"mutated checkpoints: {kind.name}", count, result, not broken and not over)


class Reader:
    """Draws mutant number ``key``, reads it, and says what came of it; in a reader process."""

    def __init__(self, kind: Format, seed: int, folder: Path) -> None:
        self._kind, self._seed, self._folder = kind, seed, folder
        self._process = 0
        self._watch = Watch()

    def shown(self, key: int) -> str:
        """How a key is called in messages."""
        return f"{self._kind.name}, mutant {key} of seed {self._seed}"

    def __call__(self, key: int) -> Fate:
        path = self._folder / f"{os.getpid()}{self._kind.ending}"
        if self._process != os.getpid():  # what is loaded on demand comes with a whole file
            self._process = os.getpid()
            for base, _ in self._kind.bases:
                path.write_bytes(base)
                self._kind.read(path)
            "".encode("cp437")  # of names in zip archives
            self._watch.begin()
        mark = path.with_suffix(".ran")
        data = self._mutant(key, mark)
        path.write_bytes(data)
        begin = time.monotonic()
        with self._watch:
            result = self._read(path)
        seconds = time.monotonic() - begin
        if self._watch.events or mark.exists():
            result = f"executed ({', '.join(sorted(self._watch.events)) or 'a mark'})"
        path.unlink()
        peak = self._watch.peak
        return Fate(result, peak - MOST_TIMES * len(data), peak, seconds)

    def _mutant(self, key: int, mark: Path) -> bytes:
        rng = random.Random(f"{self._seed} {self._kind.name} {key}")
        base, pieces = rng.choice(self._kind.bases)
        if self._kind.within and rng.random() < 0.4:
            base = self._kind.within(base, rng, mark)
            if rng.random() < 0.8:
                return base
        return mutated(base, pieces, rng)

    def _read(self, path: Path) -> str:
        try:
            self._kind.read(path)
        except UserError as error:
            line = error_line(error)
            if str(path) not in line or not line.isprintable():
                return f"a message of several lines, or without the file: {line[:200]}"
            return "refused, it is said not to fit into memory" if "into mem" in line else "refused"
        except Exception as error:  # which a user would see with its traceback
            return f"{type(error).__name__}: {str(error)[:200]}"
        return "read"


class Watch:
    """Limits what a process takes, measures it, and sees what it does besides reading a file."""

    HARMLESS = ("open", "builtins.id")
    """Events of https://docs.python.org/3/library/audit_events.html that reading a file raises."""

    def __init__(self) -> None:
        self.events: set[str] = set()
        self.peak = self._before = 0
        self._is_watching = False

    def begin(self) -> None:
        """In the process that is to be watched, once."""
        room = _status("VmSize") + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
        sys.addaudithook(self._heard)
        self._before = _status("VmRSS")

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_watching:
            return
        writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if writes or event not in self.HARMLESS:
            self.events.add(event)

    def __enter__(self) -> None:
        self.events.clear()
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far, see man 5 proc
        self._is_watching = True

    def __exit__(self, *exception: object) -> None:
        self._is_watching = False
        self.peak = _status("VmHWM") - self._before


def _status(name: str) -> int:
    """Bytes, from the kernel's account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def formats(folder: Path) -> list[Format]:
    """The formats that ``slowfast/weights/formats`` reads, and the state of a training."""
    state, pdopt = _trained(folder)
    own = {name: tensor.numpy() for name, tensor in state.model.state_dict().items()}
    blobs = {"blobs": _caffe2(np.random.default_rng(0))}
    zips = [(GOLDEN / name).read_bytes() for name in ("torch_zip.pyth", "pytorchvideo_small.pyth")]
    legacy = (GOLDEN / "torch_legacy.pyth").read_bytes()
    pickled = [pickle.dumps(own, protocol) for protocol in (2, 4)]
    caffe2 = [_of_python2(blobs), pickle.dumps(blobs, 0), pickle.dumps(blobs, 2)]
    tensors = safetensors.numpy.save(own)

    def fill(path: Path) -> None:
        load_weights(state.model, path)

    def resume(path: Path) -> None:
        weights = path.with_suffix(".pdparams")
        if not weights.exists():  # when a whole one is read first
            weights.write_bytes(pdopt.with_suffix(".pdparams").read_bytes())
        restore(state, weights)

    def bases(files: list[bytes], pieces: Callable[[bytes], Iterator[Piece]]) -> Any:
        return [(data, list(pieces(data))) for data in files]

    return [
        Format(".pdparams", bases(pickled, opcodes), fill, ".pdparams", _called),
        Format(".pdopt", bases([pdopt.read_bytes()], opcodes), resume, ".pdopt", _called),
        Format("caffe2's .pkl", bases(caffe2, opcodes), read_checkpoint, ".pkl", _called),
        Format("torch's zip", bases(zips, entries), read_checkpoint, ".pyth", _rezipped),
        Format("torch's before 1.6", bases([legacy], opcodes), read_checkpoint, ".pth", _called),
        Format(".safetensors", bases([tensors], words), fill, ".safetensors", _reworded),
    ]


def opcodes(data: bytes, start: int = 0) -> Iterator[Piece]:
    """Of a pickle, and of those that follow it: a byte each, and its argument."""
    file = io.BytesIO(data)
    try:
        while True:
            places = [place for _, _, place in pickletools.genops(file) if place is not None]
            for place, end in zip(places, [*places[1:], file.tell()], strict=True):
                yield Piece(place, place + 1, end)
    except ValueError:  # what follows is no pickle: the numbers of a legacy file
        return


def entries(data: bytes) -> Iterator[Piece]:
    """Of a zip archive: what begins with a signature, in the file and in its directory at the
    end."""
    heads = {b"PK\3\4": 30, b"PK\1\2": 46, b"PK\5\6": 22, b"PK\6\6": 56, b"PK\6\7": 20}
    places = [at for at in range(len(data)) if data[at : at + 2] == b"PK" and data[at : at + 4] in heads]
    for start, end in zip(places, [*places[1:], len(data)], strict=True):
        yield Piece(start, min(start + heads[data[start : start + 4]], end), end)


def words(data: bytes) -> Iterator[Piece]:
    """Of a safetensors file: the header's length, and what commas part in the header."""
    yield Piece(0, 8, 8)
    start, last = 8, 8 + struct.unpack_from("<Q", data)[0]
    while start < last:
        end = data.find(b",", start, last) + 1 or last
        yield Piece(start, end, end)
        start = end


def _called(data: bytes, rng: Random, mark: Path) -> bytes:
    """A pickle with a call in place of something: it would make a folder."""
    pieces = [p for p in _opcodes(data) if data[p.start : p.body] in NOTHING]
    piece, text = rng.choice(pieces), str(mark).encode()
    call = b"cposix\nmkdir\n(X" + struct.pack("<I", len(text)) + text + b"tR"
    return data[: piece.start] + call + data[piece.end :]


_opcodes = functools.lru_cache(maxsize=8)(lambda data: list(opcodes(data)))


def _rezipped(data: bytes, rng: Random, mark: Path) -> bytes:
    """An archive with one entry mutated, and sizes and checksums that are right."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    pickled = next(name for name in parts if name.endswith("data.pkl"))
    if rng.random() < 0.8:
        content = parts[pickled]
        called = rng.random() < 0.2
        parts[pickled] = (
            _called(content, rng, mark) if called else mutated(content, _opcodes(content), rng)
        )
    else:
        name = rng.choice(list(parts))
        parts[name] = mutated(parts[name], [], rng)
    packed = zipfile.ZIP_DEFLATED if rng.random() < 0.05 else zipfile.ZIP_STORED
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packed) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def _reworded(data: bytes, rng: Random, mark: Path) -> bytes:
    """A safetensors file whose header is mutated, and as long as it says."""
    size = struct.unpack_from("<Q", data)[0]
    header = data[8 : 8 + size]
    pieces = [Piece(p.start - 8, p.body - 8, p.end - 8) for p in list(words(data))[1:]]
    if rng.random() < 0.5:  # a number, or a type
        digits = [place for place, byte in enumerate(header) if 48 <= byte < 58]
        place = rng.choice(digits)
        number = rng.choice(("0", "1", "-1", "65536", "4294967296", str(2**63), "1e9", "9" * 40))
        header = header[:place] + number.encode() + header[place + 1 :]
    else:
        header = mutated(header, pieces, rng)
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


def _trained(folder: Path) -> tuple[TrainState, Path]:
    """A small network after a step, and its checkpoint's ``.pdopt``."""
    from slowfast.config import Config

    paddle.seed(0)
    model = build_model(SMALL, train_crop=32, task="single")
    state = TrainState(model, build_optimizer(model, OptimConfig()))
    model(paddle.rand([2, 3, 8, 32, 32])).sum().backward()
    state.optimizer.step()
    state.optimizer.clear_grad()
    state.epoch = 1
    save_checkpoint(state, Config(output_dir=str(folder / "run")))
    (pdopt,) = (folder / "run").glob("*.pdopt")
    return state, pdopt


def _caffe2(rng: np.random.Generator) -> dict[str, Any]:
    """Some of a network's tensors, by the names that they have in caffe2."""
    layers = {"conv1": "w", "t_conv1": "w", "res_conv1_bn": "s b rm riv", "pred": "w b"}
    for stage in range(2, 6):
        layers |= {f"{way}res{stage}_0_branch2{x}": "w" for way in ("", "t_") for x in "abc"}
        layers |= {f"{way}res{stage}_0_branch2a_bn": "s b rm riv" for way in ("", "t_")}
    names = [f"{layer}_{kind}" for layer, kinds in layers.items() for kind in kinds.split()]
    return {name: rng.random((8, 3, 1, 1, 1), np.float32) for name in names}


def _of_python2(content: object) -> bytes:
    """A pickle whose texts are bytes, as Python 2 wrote them."""

    def save(pickler: Any, text: str | bytes) -> None:
        raw = text if isinstance(text, bytes) else text.encode()
        pickler.write(b"T" + struct.pack("<i", len(raw)) + raw)
        pickler.memoize(text)

    pickler = type("Pickler", (pickle._Pickler,), {  # type: ignore[attr-defined]
        "dispatch": {**pickle._Pickler.dispatch, str: save, bytes: save}})  # type: ignore[attr-defined]  # fmt: skip
    file = io.BytesIO()
    pickler(file, 2).dump(content)
    return file.getvalue()

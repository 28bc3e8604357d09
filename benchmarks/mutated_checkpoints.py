"""Weights files of every format that is read, small and whole, and how to change each."""

import functools
import io
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import paddle
import safetensors.numpy

from benchmarks.mutations import Piece, Pieces, Random, mutated
from slowfast.config import Config, ModelConfig, OptimConfig
from slowfast.models.variants import build_model
from slowfast.train.checkpoint import TrainState, restore, save_checkpoint
from slowfast.train.recipe.optim import build_optimizer
from slowfast.weights.load import load_weights, read_checkpoint

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
    places = [
        at for at in range(len(data)) if data[at : at + 2] == b"PK" and data[at : at + 4] in heads
    ]
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

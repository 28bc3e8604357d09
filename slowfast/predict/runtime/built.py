"""The graphs of networks, in the cache folder: each is built once, by the first run that needs it.

A folder ``KEY-FORM`` holds a graph, what eager mode comes to on clips of noise, and a manifest of
both. The key tells weights, settings and this program's own code, so nothing there is ever changed.

Legend: N clips, T frames, H x W pixels, K boxes of all clips.
"""

import contextlib
import dataclasses
import errno
import functools
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import slowfast
from slowfast import machine
from slowfast.config import Config
from slowfast.files import FolderError, file_digest, locked, named, write_json
from slowfast.log import logger
from slowfast.places import cache_folder
from slowfast.predict.runtime.noise import inputs_of_noise
from slowfast.weights.damage import WeightsError

if TYPE_CHECKING:
    from slowfast.models.slowfast import VideoClassifier
    from slowfast.predict.runtime.graph import FromFrames

Row = NDArray[np.float32]
ONNX, IR, PROGRAM = "graph.onnx", "graph.xml", ("program.json", "program.pdiparams")
"""Files of a graph; OpenVINO's own, the IR, has its numbers in ``graph.bin``."""
CHECK, MANIFEST = "eager.npy", "manifest.json"
LEAST_SPACE = 1 << 20
"""Free bytes of a disk below which it counts as full."""
DISK_FAULTS = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM,
    errno.ENOTDIR, errno.EIO, errno.ENOLCK, errno.ENOTSUP,
}  # fmt: skip
"""What says that a folder cannot be written."""


class Weighted(NamedTuple):
    """A network that has its weights, or can get them."""

    model: "Callable[[], VideoClassifier]"
    """Gives it; called only where Paddle has to compute."""
    digest: str
    """Tells its weights from all others."""


def weighted(model: "VideoClassifier") -> Weighted:
    """A network that is there already."""
    return Weighted(lambda: model, digest_of(model))


def digest_of(model: "VideoClassifier", *, with_head: bool = True) -> str:
    """The SHA-256 of all tensors, or of those that features depend on, in hexadecimal digits."""
    from slowfast.weights.load import CLASSIFIER  # here: it imports Paddle

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if with_head or name not in CLASSIFIER:
            digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


class Graph(NamedTuple):
    """Which graph of a network."""

    network: Weighted
    cfg: Config
    kind: str
    """What its rows are, see ``graph.KINDS``."""


@contextlib.contextmanager
def built(wanted: Graph, form: str) -> Iterator[Path]:
    """The folder of a graph in a form, ``onnx`` or ``paddle``, see ``kept_folder``."""
    build = functools.partial(_build, wanted, form)
    with kept_folder(f"{key_of(wanted)}-{form}", build, "network's graph") as folder:
        yield folder


@contextlib.contextmanager
def kept_folder(name: str, build: Callable[[Path], None], what: str) -> Iterator[Path]:
    """A folder of graphs: from the cache, or built anew if it is not there or damaged. It is a
    temporary one where the cache cannot be written.

    Args:
        build: writes the folder's files, and then ``write_manifest``.
    """
    with contextlib.ExitStack() as opened:
        try:
            own = cache_folder() / "graphs" / name
            if not _is_whole(own):
                own.parent.mkdir(parents=True, exist_ok=True)
                _build_once(build, own, what)
        except (OSError, FolderError, RuntimeError) as error:
            if not _is_of_the_disk(error):
                raise
            reason = getattr(error, "strerror", None) or error
            logger.warning(f"the {what} cannot be kept ({reason}): the next run builds it again")
            own = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="slowfast-")))
            with named(own):
                build(own)
        yield own


def _is_of_the_disk(error: Exception) -> bool:
    """Whether the cache cannot be written; libraries raise a RuntimeError where a disk is full."""
    if isinstance(error, FolderError):  # there is no home folder
        return True
    if isinstance(error, OSError):
        is_there = error.filename and Path(error.filename).is_relative_to(cache_folder())
        return error.errno in DISK_FAULTS or bool(is_there)
    with contextlib.suppress(OSError):
        return shutil.disk_usage(cache_folder()).free < LEAST_SPACE
    return False


def _build_once(build: Callable[[Path], None], own: Path, what: str) -> None:
    """Builds in a folder beside, which then takes the name, while other processes wait."""
    lock = own.parent.with_name("locks") / own.name
    with locked(lock, f"waiting for another run, which builds the {what}", wait=True):
        if _is_whole(own):
            return
        logger.info(f"the {what} is built now, once; it will be kept for the next runs")
        for left in own.parent.glob(f".{own.name}.*.new"):  # of a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{own.name}.", suffix=".new", dir=own.parent, ignore_cleanup_errors=True
        ) as new:
            build(Path(new))
            shutil.rmtree(own, ignore_errors=True)
            os.rename(new, own)


def _build(wanted: Graph, form: str, folder: Path) -> None:
    machine.import_paddle()
    from slowfast.predict.runtime import graph

    cfg = wanted.cfg
    layer = graph.FromFrames(wanted.network.model(), cfg, wanted.kind)
    (folder / CHECK).write_bytes(npy_bytes(eager_rows(layer, *inputs_of_noise(cfg))))
    traced = graph.trace(layer, cfg.data.num_frames, cfg.test.crop_size)
    FORMS[form](traced, folder)
    write_manifest(folder)


def write_manifest(folder: Path) -> None:
    """Writes what tells that all the files in a folder are there, as they are now."""
    write_json(folder / MANIFEST, {path.name: file_digest(path) for path in folder.iterdir()})


def npy_bytes(rows: NDArray[Any]) -> memoryview:
    """A file for ``numpy.load``; numpy's own writing to one misses that a disk is full."""
    content = io.BytesIO()
    np.save(content, rows, allow_pickle=False)
    return content.getbuffer()


def eager_rows(layer: "FromFrames", *inputs: NDArray[Any]) -> Row:
    """What eager mode comes to.

    Raises:
        WeightsError: numbers that are not finite.
    """
    import paddle

    with paddle.no_grad():
        rows: Row = layer(*map(paddle.to_tensor, inputs)).numpy()
    if not np.isfinite(rows).all():
        raise WeightsError("the network's output is not finite: its weights are broken")
    return rows


def _write_onnx(traced: object, folder: Path) -> None:
    import onnx

    from slowfast.predict.runtime.onnx_graph import to_onnx

    onnx.save(to_onnx(traced), folder / ONNX)


def _write_program(traced: Any, folder: Path) -> None:
    from slowfast.predict.runtime.graph import save_program

    save_program(traced, folder / "program")
    numbers = folder / PROGRAM[1]
    unused = traced.model.head.projection.state_dict() if traced.kind == "features" else {}
    least = 4 * sum(int(tensor.size) for tensor in traced.model.state_dict().values())
    if numbers.stat().st_size < least - 4 * sum(int(tensor.size) for tensor in unused.values()):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(numbers))  # Paddle is silent


FORMS = {"onnx": _write_onnx, "paddle": _write_program}


def _is_whole(folder: Path) -> bool:
    """Whether all that the manifest names is there as it was written."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        return bool(manifest) and all(
            file_digest(folder / name) == digest for name, digest in manifest.items()
        )
    except (OSError, ValueError, AttributeError):
        return False


def key_of(wanted: Graph) -> str:
    """What a graph depends on: weights, settings, and the code of the network."""
    cfg = wanted.cfg
    settings = dataclasses.asdict(cfg.model) | {"pretrained": "", "dropout": 0}
    package = Path(slowfast.__file__).parent
    code = sorted([*package.glob("models/**/*.py"), *package.glob("weights/**/*.py")])
    own = ("built.py", "graph.py", "noise.py", "onnx_graph.py", "onnx_boxes.py")
    code += [package / "predict/runtime" / name for name in own]
    told = (
        wanted.network.digest, wanted.kind, cfg.train.task, settings, cfg.data.num_frames,
        cfg.data.crop_size, cfg.data.mean, cfg.data.std, cfg.test.crop_size,
        machine.paddle_version(), [file_digest(path) for path in code],
    )  # fmt: skip
    return hashlib.sha256(repr(told).encode()).hexdigest()[:24]


def expected_rows(folder: Path) -> Row:
    """What eager mode came to on the clips of noise."""
    rows: Row = np.load(folder / CHECK)
    return rows

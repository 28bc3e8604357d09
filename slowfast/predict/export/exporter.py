"""A network as a folder that needs nothing of this project: for Paddle Inference, ONNX Runtime and
OpenVINO, with class names, preprocessing as data, and a card (docs/deploy.md).

A graph takes uint8 clips and gives probabilities. None gets into the folder before it has come to
what eager mode comes to, and the folder is there whole or not at all.
"""

import dataclasses
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import slowfast
from slowfast import machine
from slowfast.config import Config, dump_changes
from slowfast.errors import UserError
from slowfast.files import FolderError, file_digest, named, write_json, write_lines, write_whole
from slowfast.log import logger
from slowfast.predict.export.card import Check, Source, card
from slowfast.predict.export.preprocessing import preprocessing
from slowfast.predict.runtime.backends import TOLERANCE
from slowfast.predict.runtime.built import (
    CHECK,
    FORMS,
    IR,
    MANIFEST,
    ONNX,
    PROGRAM,
    Row,
    Weighted,
    eager_rows,
    npy_bytes,
)
from slowfast.predict.runtime.checks import apart
from slowfast.predict.runtime.noise import CHECKED, Inputs, boxes_on_noise, inputs_of_noise
from slowfast.predict.runtime.runtimes import (
    Backend,
    OnnxRuntime,
    OpenVino,
    PaddleInference,
    first_line,
    is_installed,
)
from slowfast.weights.save import CONFIG

FORMAT = 1
"""Version of the folder's layout, in its manifest."""
KIND: Literal["prob"] = "prob"
"""What the rows are, see ``graph.KINDS``."""
BATCHES = (1, 3)
"""Numbers of clips that each graph is checked with."""
LABELS, PREPROCESSING, CARD = "labels.txt", "preprocessing.json", "README.md"


OWN_FILES = (
    "train_boxes", "val_boxes", "train_excluded", "val_excluded", "train_frames", "val_frames",
    "scored",
)  # fmt: skip
"""Settings of detection that name files of one machine."""


class ExportError(UserError):
    """A graph that cannot be written, or comes to something else than eager mode."""


class Artefact(NamedTuple):
    """A graph in one form."""

    files: tuple[str, ...]
    needs: tuple[str, ...]
    """Packages that write it."""
    write: Callable[[Any, Path], None]
    """From the traced network, into a folder."""
    runtimes: dict[str, Callable[[Path], Backend]]
    """By package; the first one that is installed checks it."""


def _write_ir(traced: object, folder: Path) -> None:
    from slowfast.predict.runtime.onnx_graph import to_onnx

    # Not convert_model: OpenVINO 2026.4's knows no ONNX model that is in memory.
    openvino = machine.import_openvino()
    model = openvino.Core().read_model(to_onnx(traced).SerializeToString())
    openvino.save_model(model, folder / IR, compress_to_fp16=False)


ARTEFACTS = {
    "Paddle Inference": Artefact(PROGRAM, (), FORMS["paddle"], {"paddle": PaddleInference}),
    "ONNX": Artefact(
        (ONNX,), ("onnx",), FORMS["onnx"],
        {"onnxruntime": OnnxRuntime, "openvino": OpenVino},
    ),
    "OpenVINO": Artefact(
        (IR, "graph.bin"), ("onnx",), _write_ir,
        {"openvino": lambda folder: OpenVino(folder, IR)},
    ),
}  # fmt: skip
"""In the order in which they are written."""


def export(
    network: Weighted, cfg: Config, class_names: list[str] | None, folder: Path, source: str
) -> None:
    """Writes the folder, with each form of the graph whose packages are installed.

    Args:
        source: where the weights are from, for the card.

    Raises:
        FolderError: the folder is there already, and not empty.
        WeightsError: the weights do not fit, or give numbers that are not finite.
        ExportError: at the end, if a form failed: it is not in the folder. None is there if all
            did.
    """
    require_new(folder)
    if cfg.test.row_kind != KIND:
        logger.warning(
            f"test.average_clips={cfg.test.average_clips}: an exported network gives "
            "probabilities, and it is these that are averaged over its views"
        )
    cfg = cfg.of_probabilities()
    place = folder.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    with (
        named(folder),
        tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as beside,
    ):
        new = Path(beside, place.name)
        new.mkdir()
        checks, failed = _write_graphs(network, cfg, new)
        require_new(folder)  # another export may have ended by now
        faults = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        if not checks:
            raise ExportError(f"{folder} is not written, as every form failed: {faults}")
        if class_names is None:
            logger.warning(f"there are no class names: {folder} has no {LABELS}")
        write_lines(new / LABELS, class_names or [])
        write_json(new / PREPROCESSING, preprocessing(cfg))
        write_whole(new / CONFIG, dump_changes(_own_config(cfg)))
        parameters = sum(int(p.size) for p in network.model().parameters() if p.trainable)
        told = Source(source, network.digest, parameters, class_names)
        write_whole(new / CARD, card(cfg, told, checks))
        digests = {path.name: file_digest(path) for path in sorted(new.iterdir())}
        made_by = f"slowfast-paddle {slowfast.__version__}"
        write_json(new / MANIFEST, {"format": FORMAT, "made_by": made_by, "files": digests})
        os.rename(new, place)
    logger.info(f"written: {folder}: {', '.join([*digests, MANIFEST])}")
    if failed:
        raise ExportError(f"{folder} is written without what failed: {faults}")


def require_new(folder: Path) -> None:
    """Raises a FolderError if there is something already."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise FolderError(f"{folder} is there already: name a new folder, or empty this one")


def _write_graphs(
    network: Weighted, cfg: Config, folder: Path
) -> tuple[dict[str, Check], dict[str, str]]:
    """The checks of the graphs written, by the names of ``ARTEFACTS``, and why others failed."""
    machine.import_paddle()
    from slowfast.predict.runtime import graph

    layer = graph.FromFrames(network.model(), cfg, KIND)
    inputs = {number: inputs_of_noise(cfg, number) for number in BATCHES}
    expected = {number: eager_rows(layer, *own) for number, own in inputs.items()}
    boxes = boxes_on_noise(cfg, CHECKED)
    checked = len(boxes[0]) if boxes else CHECKED
    (folder / CHECK).write_bytes(npy_bytes(expected[max(BATCHES)][:checked]))
    traced = graph.trace(layer, cfg.data.num_frames, cfg.test.crop_size)
    checks, failed = {}, {}
    for name, artefact in ARTEFACTS.items():
        if lacking := _lacking(artefact):
            logger.info(f"{name} is left out: pip install {' '.join(lacking)}")
            continue
        try:
            artefact.write(traced, folder)
            checks[name] = _check(artefact, folder, inputs, expected)
            logger.info(f"{name}: {checks[name]}")
        except (OSError, MemoryError):
            raise
        except Exception as error:  # each library has errors of its own
            failed[name] = first_line(error)
            logger.warning(f"{name} is removed: {failed[name]}")
            for file in artefact.files:
                (folder / file).unlink(missing_ok=True)
    return checks, failed


def _lacking(artefact: Artefact) -> list[str]:
    """The packages that are not installed, without which it can be written, or not be checked."""
    lacking = [package for package in artefact.needs if not is_installed(package)]
    if not any(map(is_installed, artefact.runtimes)):
        lacking.append(next(iter(artefact.runtimes)))
    return lacking


def _check(
    artefact: Artefact, folder: Path, inputs: dict[int, Inputs], expected: dict[int, Row]
) -> Check:
    """How far the graph in the folder is from eager mode, at each number of clips.

    Raises:
        ExportError: further than ``TOLERANCE``.
    """
    (package, *_) = filter(is_installed, artefact.runtimes)
    backend = artefact.runtimes[package](folder)
    found = {
        number: apart(backend.run(*inputs[number]), rows, KIND) for number, rows in expected.items()
    }
    check = Check(artefact.files, backend.about, found)
    if not all(value <= TOLERANCE for value in found.values()):
        raise ExportError(f"{check}, where {TOLERANCE:g} is allowed")
    return check


def _own_config(cfg: Config) -> Config:
    """The config of the folder, for ``exported.py``: what does not belong to one machine."""
    none = Config()
    lists = ("root", "train_list", "val_list", "test_list", "labels", "decoder", "num_workers")
    data: dict[str, Any] = {key: getattr(none.data, key) for key in lists}
    files: dict[str, Any] = {key: "" for key in OWN_FILES}
    return dataclasses.replace(
        none,
        model=dataclasses.replace(cfg.model, pretrained=""),
        data=dataclasses.replace(cfg.data, **data),
        test=cfg.test,
        detection=dataclasses.replace(cfg.detection, **files),
        train=dataclasses.replace(none.train, task=cfg.train.task),
    ).with_test(backend="auto", precision="fp32", calibration_list="", views_per_chunk=0)

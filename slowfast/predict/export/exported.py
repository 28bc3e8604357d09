"""Computes with an exported network (``exporter.py``), without its weights and without Paddle."""

import dataclasses
import json
from pathlib import Path

from slowfast import distributed, machine
from slowfast.config import Config, ConfigError, load_config
from slowfast.files import FolderError, file_digest
from slowfast.log import logger
from slowfast.places import cache_folder
from slowfast.predict.export.exporter import ARTEFACTS, FORMAT, KIND, LABELS, ExportError
from slowfast.predict.runtime.backends import checked
from slowfast.predict.runtime.built import CHECK, MANIFEST
from slowfast.predict.runtime.runtimes import (
    RUNTIMES,
    Backend,
    BackendError,
    is_installed,
    reported,
)
from slowfast.weights.save import CONFIG

FORMS = {"openvino": "OpenVINO", "paddle": "Paddle Inference", "onnxruntime": "ONNX"}
"""What each backend reads, by the names of ``ARTEFACTS``."""


def require_exported(folder: Path) -> dict[str, str]:
    """The files of an exported folder, with their SHA-256.

    Raises:
        ExportError: it is none, is of another version, or a file that each backend needs is
            missing or damaged.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        version, files = manifest["format"], dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f"{folder} is no folder that --export has written: its {MANIFEST} cannot be read"
        ) from error
    if version != FORMAT:
        raise ExportError(
            f"{folder} is of version {version} of the layout, this program's is {FORMAT}: export "
            "the weights again"
        )
    for name in (CONFIG, CHECK, LABELS):
        if name in files:
            _require_whole(folder / name, files[name])
    return files


def _require_whole(path: Path, digest: str) -> None:
    """Raises an ExportError if a file is missing, or is not as it was written."""
    if not path.is_file():
        raise ExportError(f"{path} is missing: copy the folder again")
    if file_digest(path) != digest:
        raise ExportError(f"{path} is damaged: copy the folder again")


def class_names(folder: Path) -> list[str] | None:
    """The class names of an exported folder; None if it has none."""
    path = folder / LABELS
    return path.read_text(errors="surrogateescape").splitlines() if path.is_file() else None


def open_exported(folder: Path, cfg: Config) -> Backend:
    """The backend of ``test.backend``; ``auto`` is the fastest one that is installed, has its form
    of the network in the folder, and comes to what eager mode came to.

    Raises:
        ConfigError: the folder cannot give what is asked for.
        ExportError: a file is missing or damaged.
        BackendError: the backend cannot be used here, or none can.
    """
    files, asked = require_exported(folder), cfg.test.backend
    if asked == "eager" or cfg.test.row_kind != KIND:
        raise ConfigError(
            f"test.backend={asked} and test.average_clips={cfg.test.average_clips}: {folder} has "
            "graphs of probabilities, no weights: take other backends, and test.average_clips=prob "
            "or max"
        )
    if cfg.test.precision not in ("auto", "fp32"):
        raise ConfigError(
            f"test.precision={cfg.test.precision}: exported networks compute in fp32 here"
        )
    own = load_config(folder / CONFIG)
    if _of_the_graph(own) != _of_the_graph(cfg):
        raise ConfigError(
            f"{folder}: network, task, frames of a clip, mean, std and a crop of "
            f"{own.test.crop_size} or more are part of the graph: leave out -o and -c that change "
            "them"
        )
    if distributed.world_size() > 1:  # Paddle connects the processes
        machine.import_paddle()
        distributed.start("cpu", seed=cfg.seed)
    own, faults = own.with_test(views_per_chunk=cfg.test.views_per_chunk), []
    for name in RUNTIMES if asked == "auto" else (asked,):
        try:
            backend = _open(folder, name, files, own)
        except BackendError as error:
            faults.append(str(error))
            continue
        logger.info(f"{folder} is computed by {backend.about}")
        return backend
    raise BackendError(f"{folder} cannot be computed here: {'; '.join(faults)}")


def _of_the_graph(cfg: Config) -> tuple[object, ...]:
    """The settings that the graph was made with."""
    model = dataclasses.replace(cfg.model, pretrained="", dropout=0.0)
    return (
        model,
        cfg.train.task,
        cfg.data.num_frames,
        cfg.data.mean,
        cfg.data.std,
        cfg.test.crop_size,
    )


def _open(folder: Path, name: str, files: dict[str, str], own: Config) -> Backend:
    """A backend, once it has come to what eager mode came to on clips of noise."""
    artefact = ARTEFACTS[FORMS[name]]
    if not is_installed(name):
        raise BackendError(f"{name} is not installed")
    if not {*artefact.files} <= {*files}:
        raise BackendError(f"there is no {artefact.files[0]} for {name}")
    if missing := [file for file in artefact.files if not (folder / file).is_file()]:
        raise BackendError(f"{folder / missing[0]} is missing, for {name}")
    for file in artefact.files:
        _require_whole(folder / file, files[file])
    machine.keep_memory()
    try:
        notes = cache_folder() / "exported" / file_digest(folder / MANIFEST)[:24]
    except FolderError:  # no home folder
        notes = folder
    with reported(f"{name} cannot compute it"):
        return checked(artefact.runtimes[name](folder), folder, own, KIND, notes)

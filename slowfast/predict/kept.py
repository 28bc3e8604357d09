"""Keeps computed rows on disk, one ``.npy`` file per video, so that an interrupted run loses
nothing: the scores of a test (``--out``), and features for other programs and for training.

A folder holds rows of one kind; its ``depends_on.yaml`` says what they depend on. All processes
must see the folder, because each writes into it. Rows may differ in length.
"""

import contextlib
import dataclasses
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.lib import format as npy
from numpy.typing import NDArray

from slowfast.config import Config
from slowfast.data.samples import Sample
from slowfast.data.shards import state_of
from slowfast.files import FolderError, atomic, write_whole
from slowfast.places import cache_folder
from slowfast.predict.runtime.built import Weighted, digest_of, npy_bytes
from slowfast.predict.runtime.calibration import calibration_digest

META = "depends_on.yaml"

LATER = {"test.spatial": "crops", "test.precision": "fp32"}
"""Keys that came later than folders that people have; what these were made with."""

Plan = dict[str, Any]
"""What rows depend on, by name."""

WITHOUT_INFLUENCE = {
    "data": {
        "root", "train_list", "val_list", "test_list", "labels", "min_short_side",
        "max_short_side", "inverse_short_side", "crop_area", "crop_aspect", "rand_augment",
        "rand_augment_magnitude", "erase", "flip", "flip_pairs", "flip_by_name", "num_workers",
        "read_seconds", "on_error", "max_errors", "spacing",
    },
    "model": {"dropout", "pretrained", "roi_dropout_first"},
    "test": {"batch_size", "views_per_chunk", "backend", "calibration_list", "threshold"},
}  # fmt: skip
"""Keys of the config that do not change what a row holds."""
OF_THE_HEAD = {
    "data": set[str](),
    "model": {"num_classes", "average_positions", "labels_per_box"},
    "test": {"num_clips", "num_crops", "spatial", "average_clips"},
}
"""Keys of the config that have no influence on features: of the classifier, or of views."""
OF_BOXES = {
    "dilations", "roi_size", "roi_aligned", "roi_sampling", "roi_time", "roi_context",
    "labels_per_box",
}  # fmt: skip
"""Keys that have influence with detection alone."""
NOT_OF_BOXES = {"num_clips", "num_crops", "spatial", "crop_size"}
"""Keys that have none with detection: a key frame has one view, the whole picture."""


def plan_of(network: Weighted, cfg: Config, *, with_head: bool, **more: Any) -> Plan:
    """What rows depend on: the weights, the config's keys that matter, and ``more``.

    Scores depend on the classifier, features do not: these are ``with_head=False``.
    """
    weights = _weights_digest(network, with_head)
    return {"weights": weights, **more, **settings_of(cfg, with_head=with_head)}


def _weights_digest(network: Weighted, with_head: bool) -> str:
    """Tells the tensors from all others; kept in the cache, for runs that need no Paddle."""
    name = f"{network.digest}-{'all' if with_head else 'features'}"
    with contextlib.suppress(OSError, ValueError, FolderError):
        if len(found := (cache_folder() / "digests" / name).read_text()) == 64:
            return found
    digest = digest_of(network.model(), with_head=with_head)
    with contextlib.suppress(OSError, FolderError):  # found again the next time
        write_whole(cache_folder() / "digests" / name, digest)
    return digest


def settings_of(cfg: Config, *, with_head: bool) -> Plan:
    """The config's keys that matter to rows, see ``plan_of``, with their values."""
    plan: Plan = {}
    without = NOT_OF_BOXES if cfg.train.task == "detection" else OF_BOXES
    if not cfg.model.nonlocal_blocks:  # a key that came later than what people have
        without = without | {"nonlocal_blocks"}
    for section, ignored in WITHOUT_INFLUENCE.items():
        if not with_head:
            ignored = ignored | OF_THE_HEAD[section]
        for key, value in dataclasses.asdict(getattr(cfg, section)).items():
            if key not in ignored | without:
                plan[f"{section}.{key}"] = list(value) if isinstance(value, tuple) else value
    if with_head and cfg.train.task != "single":
        plan["task"] = cfg.train.task
    if cfg.test.precision == "int8":
        plan["calibration"] = calibration_digest(cfg)
    return plan


def key_of(sample: Sample) -> str:
    """A name for a video's row, from its path and the size and time of its file."""
    state = state_of(sample.path) or (-1, -1)
    key = os.path.abspath(sample.path), sample.num_frames, state, *sample.place[1:], *_boxes(sample)
    return hashlib.sha256(repr(key).encode()).hexdigest()[:32]


def _boxes(sample: Sample) -> list[Any]:
    """What else the row of a key frame depends on."""
    if sample.key is None:
        return []
    return [sample.key.seconds, [box.corners for box in sample.key.boxes]]


class Kept:
    """A folder of rows, by name. A process that is killed never leaves half a row. After a crash of
    the machine this holds only if ``durable``, see ``atomic``: else check or delete the folder."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder, self._durable = folder, durable

    def claim(self, plan: Plan) -> None:
        """Makes the folder and writes the plan, or checks that the plan there is the same.

        Raises:
            FolderError: the folder's plan is another one, or damaged.
            OSError: the folder cannot be written.
        """
        if not (self.folder / META).exists():
            text = yaml.safe_dump(plan, sort_keys=False, allow_unicode=True)
            write_whole(self.folder / META, text)
        elif odd := self.differing(plan):
            raise FolderError(
                f"what is in {self.folder} is of other {odd}: delete it, or name another place"
            )

    def plan(self) -> Plan:
        """The folder's plan; an empty one if there is none. Raises a FolderError if it is damaged,
        and an OSError if it cannot be read."""
        meta = self.folder / META
        if not meta.exists():
            return {}
        try:
            return dict(yaml.safe_load(meta.read_text(encoding="utf-8")))
        except (yaml.YAMLError, ValueError, TypeError) as error:
            raise FolderError(f"{meta} is damaged: delete it, and what lies beside it") from error

    def differing(self, plan: Plan) -> str:
        """The first key in which the folder's plan is another one, with both values; empty if there
        is none. Raises as ``plan``."""
        found = {key: LATER[key] for key in LATER.keys() & plan.keys()} | self.plan()
        odd = next((key for key in found | plan if found.get(key) != plan.get(key)), None)
        if odd is None:
            return ""
        there, here = (str(each.get(odd))[:12] for each in (found, plan))
        what = "weights" if odd == "weights" else "settings"
        return f"{what} ({odd}: {there} there, {here} here)"

    def path(self, name: str) -> Path:
        """The file of a row."""
        return self.folder / f"{name}.npy"

    def write(self, name: str, row: NDArray[Any]) -> None:
        """Writes a row; ``numpy.load`` reads it, without pickle.

        Raises:
            OSError: the disk is full, or similar; earlier rows stay.
        """
        with atomic(self.path(name), durable=self._durable) as file:
            file.write(npy_bytes(row))

    def read(self, name: str, *shape: int) -> NDArray[np.float32] | None:
        """A row; None if it is missing, damaged, not finite, or not float32 with a shape that
        begins so."""
        try:
            with open(self.path(name), "rb") as file:
                row: NDArray[np.float32] = npy.read_array(file, allow_pickle=False)
        except Exception:  # a damaged file can fail in any way
            return None
        fits = row.dtype == np.float32 and row.shape[: len(shape)] == shape
        return row if fits and np.isfinite(row).all() else None

    def has(self, name: str) -> bool:
        """Whether a row is there, whole, of whatever kind."""
        try:
            np.load(self.path(name), mmap_mode="r", allow_pickle=False)
        except Exception:  # see read
            return False
        return True

    def remove(self) -> None:
        """Deletes the folder with its rows."""
        shutil.rmtree(self.folder)

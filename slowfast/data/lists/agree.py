"""Whether lists, class folders and class names agree about the classes, and a run with itself.

A list says more about its classes than their numbers: ``LIST.labels`` of ``build_list`` beside it
names them, or the folders of its videos do, where each class has one folder of its own.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from slowfast.data.labels import read_labels, spelled
from slowfast.data.lists.read_lists import ListError
from slowfast.data.lists.text_lists import text_of
from slowfast.data.samples import Sample, classes_of
from slowfast.log import logger

ADVICE = (
    "number both by one file of class names, --labels FILE of build_list, and name that file in "
    "data.labels"
)


class Classes(NamedTuple):
    """What a source says about the classes."""

    source: str
    names: Mapping[int, str]
    meant: bool = True
    """Whether these are certainly names of classes: folders in a list's paths may be others."""


def check_lists(
    labels: str, names: Sequence[str] | None, read: Sequence[tuple[str, Sequence[Sample]]]
) -> None:
    """Compares the classes of a run's lists with each other and with the class names.

    Args:
        labels: where the class names come from.
        read: each list or folder of class folders, and its samples.

    Raises:
        ListError: two of them number the classes in another way.
    """
    listed = [_classes_of(path, samples) for path, samples in read]
    for index, classes in enumerate(listed):
        if names:
            check_same(classes, Classes(f"data.labels={labels}", dict(enumerate(names))))
        for earlier in listed[:index]:
            check_same(classes, earlier, whole=classes.meant and earlier.meant)


def check_same(one: Classes, other: Classes, *, whole: bool = False) -> None:
    """Raises ListError at the first class that has another name in the other source, if one of both
    names is another class's there, or ``whole``; else warns: it may be another spelling. Case,
    spaces and signs make no difference."""
    places = [{spelled(name): i for i, name in each.names.items()} for each in (one, other)]
    differing = []
    for index in sorted(one.names.keys() & other.names.keys()):
        own, others = one.names[index], other.names[index]
        if spelled(own) != spelled(others):
            differing.append(
                f"class {index} is {own!r} in {one.source}, {others!r} in {other.source}"
            )
            if whole or spelled(own) in places[1] or spelled(others) in places[0]:
                raise ListError(f"{differing[-1]}: {ADVICE}")
    if differing and one.meant and other.meant:
        logger.warning(f"{differing[0]} (of {len(differing)} such names): taken for the same class")


def _classes_of(path: str, samples: Sequence[Sample]) -> Classes:
    if os.path.isfile(beside := f"{path}.labels"):
        return Classes(beside, dict(enumerate(read_labels(beside, 0))))
    meant = os.path.isdir(path)
    pairs = {
        (label, os.path.basename(os.path.dirname(sample.path)))
        for sample in samples
        for label in classes_of(sample.label)
    }
    names = dict(pairs)
    alone = len(names) == len({*names.values()}) == len(pairs)
    if not meant and not (alone and 1 < len(names) < len(samples)):
        names = {}
    return Classes(f"the folders of {path}", names, meant)


def kept_labels(samples: Sequence[Sample]) -> dict[str, Any]:
    """What a checkpoint keeps of a list: a hash of each video, and its label or labels."""
    labels: Any = [sample.label for sample in samples]
    if not any(isinstance(label, tuple) for label in labels):
        labels = np.array(labels, np.int64)
    return {"videos": np.frombuffer(b"".join(map(_digest, samples)), np.uint64), "labels": labels}


def _digest(sample: Sample) -> bytes:
    part = repr(sample.place[1:]).encode() if sample.place[1:] else b""
    return hashlib.blake2b(os.fsencode(sample.path) + part, digest_size=8).digest()


def check_labels(before: Mapping[str, Any], samples: Sequence[Sample]) -> None:
    """Raises ListError if a video has another label than ``before``, see ``kept_labels``."""
    labels: dict[int, list[tuple[int, ...]]] = {}  # a video may be there twice, with another label
    kept = before["labels"] if isinstance(before["labels"], list) else before["labels"].tolist()
    for key, label in zip(before["videos"].tolist(), kept, strict=True):
        labels.setdefault(key, []).append(classes_of(label))
    hashes = kept_labels(samples)["videos"].tolist()
    pairs = [(s, labels[key]) for s, key in zip(samples, hashes, strict=True) if key in labels]
    if labels and not pairs:
        logger.warning(
            "no video of the list was in the run so far, by its path: their labels are not compared"
        )
    changed = [(s, found[0]) for s, found in pairs if classes_of(s.label) not in found]
    if changed:
        sample, label = changed[0]
        raise ListError(
            f"{len(changed):,} of {len(pairs):,} videos have another label than in the run so far, "
            f"the first is {sample.shown}: {text_of(label) or 'none'} so far, "
            f"{text_of(sample.label) or 'none'} in the list now (go on with the list as it was, or "
            "train anew into another output_dir)"
        )

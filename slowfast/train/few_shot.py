"""A classifier for a few clips of one's own actions, trained in seconds on their features, and how
far it can be trusted.

It is logistic regression on features from which the mean is taken away and which are divided by one
number, as SimpleShot centres them (Wang et al. 2019). One number for each feature, as is usual,
makes noise as large as what matters: with two clips of each of the demo's motions 71 % of new ones
were right instead of 92 %.

Legend: N clips, n views of a clip, C channels of the classifier's input, K classes, r dimensions of
the space that the clips span.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config, dump_config
from slowfast.data.labels import label_lines
from slowfast.errors import UserError
from slowfast.files import FolderError, write_whole
from slowfast.metrics.accuracy import average_views
from slowfast.predict.runtime.built import Weighted
from slowfast.weights.save import CLASS_NAMES, write_pickles

STRENGTH = 10.0
"""Scikit-learn's C, on clips whose mean square length is 1: answers are not timid, and where the
clips tell nothing, not sure."""
TOLERANCE = 1e-5
"""The largest gradient that is left: probabilities are within 5e-4 of the solution."""
FOLDS = 100
"""The most fits of a check; with more clips than this, several are left out at a time."""
SAME = 1e-4
"""Distance of two clips, as a share of their length, up to which they show the same."""

Rows = NDArray[np.float64]


class TeachError(UserError):
    """Clips or names that no classifier can be trained on."""


class Clip(NamedTuple):
    """An example of a class."""

    name: str
    label: int
    """Its class's place among the names."""
    features: NDArray[np.float32]
    """The classifier's input of each of its views ``[n, C]``."""


class Mistake(NamedTuple):
    """A clip that a classifier took for another class, which was trained without it."""

    clip: str
    label: str
    guessed: str
    probability: float
    """Of the guess."""


class Verdict(NamedTuple):
    """How many clips are right when the classifier is trained without them."""

    right: int
    judged: int
    interval: tuple[float, float]
    """Of the share that is right, at 95 % (Wilson 1927): what a few clips can tell."""
    mistakes: list[Mistake]


@dataclasses.dataclass(frozen=True)
class Taught:
    """A linear classifier on features, and what is known of it."""

    names: list[str]
    weights: NDArray[np.float32]
    """``[C, K]``, as ``models/head.py`` has it."""
    bias: NDArray[np.float32]
    verdict: Verdict | None
    """None if each class has a single clip."""
    notes: list[str]
    """What the user should know of the clips: a sentence each."""

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Of each class ``[K]``, from a video's views ``[n, C]``."""
        return average_views(features @ self.weights + self.bias, "score")


def teach(clips: Sequence[Clip], names: Sequence[str]) -> Taught:
    """A classifier that tells the classes apart, as soon as each has a clip.

    A clip counts once, however many views it has; all classes count the same. The verdict is of
    leaving one clip out, with all its views and all clips that show the same; everything is
    computed anew from the others.

    Args:
        names: of the classes.

    Raises:
        TeachError: there are fewer than two classes, a name is empty or there twice, a class has no
            clip, or two classes have the same one; or scikit-learn is not installed.
    """
    names = [class_name(name) for name in names]
    _require_names(names)
    labels = np.array([clip.label for clip in clips], np.int64)
    counts = np.bincount(labels, minlength=len(names))
    if not counts.all():
        raise TeachError(f"'{names[int(counts.argmin())]}' has no clip yet: add one")
    try:
        import sklearn.linear_model  # noqa: F401, what _fit needs
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError as error:
        raise TeachError("teaching needs scikit-learn: pip install scikit-learn") from error
    rows_NC = np.stack([clip.features.mean(axis=0, dtype=np.float64) for clip in clips])
    groups, notes = _same_clips(clips, names, rows_NC)
    mean_C = rows_NC.mean(axis=0)
    # N points are told apart as well in the space that they span, where there is less to compute:
    # the penalty on the weights is the same there.
    left, sizes, axes_rC = np.linalg.svd(rows_NC - mean_C, full_matrices=False)
    points_Nr = left * sizes
    with threadpool_limits(1):  # several threads only wait for each other on so little
        weights_rK, bias = _fit(points_Nr, labels)
        verdict, more = _judged(clips, names, points_Nr, labels, groups)
    weights_CK = axes_rC.T @ weights_rK
    bias = bias - mean_C @ weights_CK
    single = weights_CK.astype(np.float32), bias.astype(np.float32)
    return Taught(names, *single, verdict, notes + more)


def class_name(text: str) -> str:
    """A class's name, without needless spaces and quotes."""
    return " ".join(text.split()).strip('" ')


def _fit(points_Nr: Rows, labels: NDArray[np.int64]) -> tuple[Rows, Rows]:
    """Weights ``[r, K]`` and bias ``[K]`` of a linear classifier."""
    from sklearn.linear_model import LogisticRegression

    scale = np.sqrt(points_Nr.var(axis=0).sum())
    found = LogisticRegression(
        C=STRENGTH, class_weight="balanced", tol=TOLERANCE, max_iter=10_000
    ).fit(points_Nr / scale, labels)
    weights, bias = found.coef_.T / scale, found.intercept_
    if len(bias) == 1:  # of two classes scikit-learn has the second one's lead
        weights, bias = weights @ [[-0.5, 0.5]], bias @ [[-0.5, 0.5]]
    return weights, bias


def _require_names(names: Sequence[str]) -> None:
    if len(names) < 2:
        raise TeachError("name at least two actions: one cannot be told from nothing")
    known: dict[str, str] = {}
    for number, name in enumerate(names, 1):
        if not name:
            raise TeachError(f"action {number} has no name")
        if name.casefold() in known:
            raise TeachError(f"'{known[name.casefold()]}' and '{name}' are one name: change one")
        known[name.casefold()] = name


def _same_clips(
    clips: Sequence[Clip], names: Sequence[str], rows_NC: Rows
) -> tuple[NDArray[np.int64], list[str]]:
    """For each clip, the first one that shows the same, ``[N]``, and a note for each such pair.

    Raises:
        TeachError: it is of another class.
    """
    from scipy.spatial.distance import cdist

    groups, notes = np.arange(len(clips)), []
    is_same = cdist(rows_NC, rows_NC) <= SAME * np.linalg.norm(rows_NC, axis=1, keepdims=True)
    for index, first in enumerate(is_same.argmax(axis=1).tolist()):
        if first >= index:
            continue
        groups[index] = groups[first]
        one, other = clips[first], clips[index]
        pair = f"{one.name} and {other.name} show the same"
        if one.label != other.label:
            raise TeachError(
                f"{pair}, one as '{names[one.label]}', one as '{names[other.label]}': remove one"
            )
        notes.append(f"{pair}: they count as one clip in the check.")
    return groups, notes


def _judged(
    clips: Sequence[Clip], names: Sequence[str], points_Nr: Rows, labels: NDArray[np.int64],
    groups: NDArray[np.int64],
) -> tuple[Verdict | None, list[str]]:  # fmt: skip
    """The verdict, and a note for each thing that it leaves out."""
    from scipy.special import softmax
    from scipy.stats import binomtest

    firsts = np.unique(groups)
    counts = np.bincount(labels[firsts], minlength=len(names))
    notes = [
        f"'{names[label]}' has one clip, which cannot be judged: without it there is no example of "
        "this action. Add another."
        for label in np.flatnonzero(counts == 1).tolist()
    ]
    judged = firsts[counts[labels[firsts]] > 1]
    if not len(judged):
        return None, notes
    judged = judged[np.argsort(labels[judged], kind="stable")]  # a class's clips in several folds
    folds = np.arange(len(judged)) % FOLDS
    if len(judged) > FOLDS:
        notes.append(f"The check leaves out {-(-len(judged) // FOLDS)} clips at a time.")
    guessed, probability = np.empty(len(clips), np.int64), np.empty(len(clips))
    for fold in np.unique(folds):
        left_out = judged[folds == fold]
        kept = ~np.isin(groups, left_out)
        weights, bias = _fit(points_Nr[kept], labels[kept])
        scores = softmax(points_Nr[left_out] @ weights + bias, axis=1)
        guessed[left_out], probability[left_out] = scores.argmax(axis=1), scores.max(axis=1)
    wrong = [index for index in np.sort(judged).tolist() if guessed[index] != labels[index]]
    mistakes = [
        Mistake(clips[i].name, names[labels[i]], names[guessed[i]], float(probability[i]))
        for i in wrong
    ]
    right = len(judged) - len(wrong)
    ends = binomtest(right, len(judged)).proportion_ci(method="wilson")
    return Verdict(right, len(judged), (float(ends.low), float(ends.high)), mistakes), notes


def save_taught(network: Weighted, cfg: Config, taught: Taught, path: Path) -> None:
    """Writes a checkpoint of the whole network with this classifier, and beside it ``NAME.yaml``
    and the class names: ``--infer -w`` and ``--test -w`` need no more.

    Its answer for a video is that of ``Taught.probabilities``, for the views that ``cfg`` names.

    Args:
        network: what has computed the clips' features, with ``cfg``.
        path: the file, ``NAME.pdparams``.

    Raises:
        FolderError: class names of another checkpoint are beside it.
        OSError: the disk is full, or similar.
    """
    from slowfast.weights.load import CLASSIFIER  # here: it imports Paddle

    beside = path.with_name(CLASS_NAMES)
    lines = "".join(f"{line}\n" for line in label_lines(taught.names))
    if beside.exists() and beside.read_text(encoding="utf-8") != lines:
        raise FolderError(f"{beside} has other class names: write into another folder")
    tensors = {name: tensor.numpy() for name, tensor in network.model().state_dict().items()}
    tensors |= zip(CLASSIFIER, (taught.weights, taught.bias), strict=True)
    # No file has this name by accident: the names beside the weights are taken.
    labels = f"labels-{hashlib.sha256(lines.encode()).hexdigest()[:8]}.txt"
    model = dataclasses.replace(
        cfg.model, num_classes=len(taught.names), average_positions="score", pretrained=""
    )
    data = dataclasses.replace(
        cfg.data, labels=labels, root=".", train_list="train.list", val_list="val.list",
        test_list="", flip_pairs=(),
    )  # fmt: skip
    test = dataclasses.replace(cfg.test, average_clips="score", calibration_list="")
    train = dataclasses.replace(  # a clip shows one action, whatever the network was trained for
        cfg.train, task="single", class_weights="none", focal_gamma=0.0
    )
    output = f"output/{path.stem}"  # that of the network's own run has other results
    own = dataclasses.replace(
        cfg, model=model, data=data, test=test, train=train, output_dir=output
    )
    write_whole(path.with_suffix(".yaml"), dump_config(own))
    write_whole(beside, lines)
    write_pickles({path: tensors})

"""A session's own actions: their clips, with the features of each, and the classifier.

A session's folder has ``clips/``, ``features/`` and ``pictures/``, each with a file by the digest
of the clip's content, so that none is computed twice; ``lesson.json``, which clips are of which
action; and what was learned from them, until they change.
"""

import itertools
import json
import os
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.cli.network import network_of
from slowfast.config import Config
from slowfast.data.clips.datasets import frame_at
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.files import atomic, file_digest, write_json
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.views import rows_of_videos
from slowfast.train.few_shot import Clip, Mistake, Taught, Verdict, class_name, save_taught, teach
from slowfast.web.jobs import JobError, OpenKind, Step, Tell
from slowfast.web.site import Shared
from slowfast.web.uploads import THUMBNAIL, by_its_name, seconds_of, write_picture

NUM_CLIPS = 4
"""Views of a clip, spread over it."""
LONGEST_NAME = 60
"""Characters of an action's name."""
CHECKPOINT = "my_actions"
TAUGHT, PACKED = "taught.json", f"{CHECKPOINT}.zip"


class Example(NamedTuple):
    """A clip of an action."""

    action: str
    name: str
    """Of the file that was uploaded."""
    digest: str


def examples(session: Path) -> list[Example]:
    """A session's clips, by action, in the order in which they came."""
    path = session / "lesson.json"
    if not path.exists():
        return []
    found = [Example(*row) for row in json.loads(path.read_text(encoding="utf-8"))]
    order = list(dict.fromkeys(example.action for example in found))
    return sorted(found, key=lambda example: order.index(example.action))


def write_examples(session: Path, found: list[Example]) -> None:
    """Replaces a session's clips; what was learned from the others is gone."""
    write_json(session / "lesson.json", found)
    for name in (TAUGHT, PACKED):
        (session / name).unlink(missing_ok=True)


def known_name(session: Path, action: str) -> str:
    """An action's name without needless spaces, and as it is known already, if it is. Raises a
    JobError if there is none."""
    name = class_name(class_name(action or "")[:LONGEST_NAME])  # a cut may end at a space
    if not name:
        raise JobError("Name the action first.")
    known = {e.action.casefold(): e.action for e in examples(session)}
    return known.get(name.casefold(), name)


def add_example(session: Path, new: Example) -> list[str]:
    """Adds a clip to a session; returns what is to be said of it, if anything."""
    found = examples(session)
    for example in found:
        if example.digest == new.digest:
            return [f"{new.name} is there already, in {example.action}."]
    taken, name = {example.name for example in found}, new.name
    numbers = itertools.count(2)
    while name in taken:  # as of clips from a camera
        name = f"{new.name} ({next(numbers)})"
    write_examples(session, [*found, new._replace(name=name)])
    return []


def picture(session: Path, digest: str) -> Path:
    """What a clip looks like, a small JPEG."""
    return session / "pictures" / f"{digest}.jpg"


def features(session: Path, digest: str) -> NDArray[np.float32]:
    """The features of a clip's views ``[n, C]``."""
    return np.load(session / "features" / f"{digest}.npy", allow_pickle=False)


def taught(session: Path) -> Taught | None:
    """What was learned, if anything was since the last change."""
    path = session / TAUGHT
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    for name in ("weights", "bias"):
        kept[name] = np.array(kept[name], np.float32)
    if kept["verdict"] is not None:
        right, judged, interval, mistakes = kept["verdict"]
        mistakes = [Mistake(*mistake) for mistake in mistakes]
        kept["verdict"] = Verdict(right, judged, tuple(interval), mistakes)
    return Taught(**kept)


def keep(session: Path, found: list[Example], new: Taught | Path) -> None:
    """Keeps what was learned from these clips, or moves its packed checkpoint into the session.
    Raises a JobError if the session has other clips by now."""
    if examples(session) != found:
        raise JobError("The clips have changed meanwhile: press Learn again.")
    if isinstance(new, Path):
        os.replace(new, session / PACKED)
    else:
        numbers = {"weights": new.weights.tolist(), "bias": new.bias.tolist()}
        write_json(session / TAUGHT, {**vars(new), **numbers}, indent=None)


def checkpoint(session: Path) -> Path | None:
    """The checkpoint of what was learned, with all that belongs to it, in a zip file."""
    path = session / PACKED
    return path if path.exists() else None


def few_views(cfg: Config) -> Config:
    """The config, with the views that features are of."""
    return cfg.with_test(num_clips=NUM_CLIPS, num_crops=1, spatial="crops")


def take(
    open_kind: OpenKind, tell: Tell, paths: list[str], action: str, session: Path, shared: Shared
) -> None:
    """Takes clips into a session; tells for each an Example, or a JobError if it cannot be used."""
    data, backend = shared.cfg.data, None
    for path in paths:
        try:
            with by_its_name(path):
                digest = file_digest(path)
                kept = session / "features" / f"{digest}.npy"
                if not kept.exists():
                    backend = backend or open_kind("features")
                    seconds = seconds_of(path, data, shared.longest)
                    rows = features_of(backend, path, shared.cfg)
                    frame = frame_at(Sample(path), data, seconds / 2, THUMBNAIL)
                    write_picture(frame, picture(session, digest))
                    with atomic(kept, alone=False) as file:
                        np.save(file, rows, allow_pickle=False)
            tell(Example(action, Path(path).name, digest))
        except JobError as error:
            tell(error)


def features_of(backend: Backend, path: str, cfg: Config) -> NDArray[np.float32]:
    """The features of a video's views ``[n, C]``. Raises a VideoError if it cannot be read."""
    ((_, row),) = rows_of_videos(backend, [Sample(path)], few_views(cfg), what="")
    if isinstance(row, VideoError):
        raise row
    return row


def recognise(open_kind: OpenKind, tell: Tell, path: str, session: Path, shared: Shared) -> None:
    """Tells the probability of each of a session's actions, by name."""
    known = taught(session)
    if known is None:
        raise JobError("Press Learn first.")
    with by_its_name(path):
        tell(Step(0.1, "looking at it"))
        seconds_of(path, shared.cfg.data, shared.longest)
        scores = known.probabilities(features_of(open_kind("features"), path, shared.cfg))
    tell(dict(zip(known.names, scores.tolist(), strict=True)))


def learn(
    open_kind: OpenKind, tell: Tell, session: Path, found: list[Example], folder: Path,
    shared: Shared,
) -> None:  # fmt: skip
    """Tells what is learned from these clips of a session, a Taught; then the path of its packed
    checkpoint, which is in ``folder``.

    Raises:
        TeachError: the clips do not do.
    """
    names = list(dict.fromkeys(example.action for example in found))
    tell(Step(0.1, "learning"))
    known = teach(
        [Clip(e.name, names.index(e.action), features(session, e.digest)) for e in found], names
    )
    tell(known)
    tell(Step(0.5, "writing the checkpoint"))
    tell(_packed(folder, known, shared.weights, few_views(shared.cfg)))


def _packed(folder: Path, known: Taught, weights: str, cfg: Config) -> Path:
    network = network_of(weights, cfg, "cpu", any_classes=True)
    save_taught(network, cfg, known, folder / "parts" / f"{CHECKPOINT}.pdparams")
    with zipfile.ZipFile(folder / PACKED, "w") as archive:
        for part in sorted((folder / "parts").iterdir()):
            archive.write(part, part.name)
    return folder / PACKED

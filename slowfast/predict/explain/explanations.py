"""Explains answers: for each video a picture of where each pathway looks, and the numbers."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from slowfast import distributed
from slowfast.config import Config, ConfigError
from slowfast.data.clips.view_videos import VideoViews
from slowfast.data.find import Named, require_own_names, without_ending
from slowfast.data.shards import state_of
from slowfast.data.video.reader import VideoError
from slowfast.files import FolderError, atomic, sole_writer, write_json
from slowfast.log import Progress, over_bar
from slowfast.models.slow_frames import slow_frames_of
from slowfast.places import require_of
from slowfast.predict import enough
from slowfast.predict.annotate.drawn_labels import drawable
from slowfast.predict.answer import lines_of, require_classifier, threshold_of
from slowfast.predict.explain.entries import PATHWAYS, Entry, decision_of, entry_of, text_of
from slowfast.predict.explain.heat_maps import COLOURS, HeatRow, heat_maps
from slowfast.predict.kept import settings_of
from slowfast.predict.runtime.backends import open_backend
from slowfast.predict.runtime.built import Weighted
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.views import (
    finite,
    own_batches,
    rows_of_views,
    view_loader,
    views_until_enough,
)

if TYPE_CHECKING:
    from slowfast.predict.explain.reasons import Why


def explain(
    network: Weighted, videos: list[Named], labels: list[str] | None, cfg: Config, folder: Path, *,
    top: int, until_enough: bool,
) -> None:  # fmt: skip
    """Writes ``NAME.png`` and ``NAME.json`` for each video, and prints its answer and the shares of
    the pathways; the processes share the videos, and each prints its own.

    A video that cannot be read does not stop the others. What an earlier run has explained with the
    same weights and settings is not computed again, as long as the video's file is the same.

    Args:
        labels: the names of the classes.
        top: number of best classes that are told, at least 2 if there are as many.
        until_enough: the answer is from as many views as it needs, see ``enough.py``.

    Raises:
        ListError: two videos have the same name.
        FolderError: another run is writing there, or a file there is not of this function.
        OSError: a file cannot be written; those that were written before stay.
        VideoError: at the end, if videos could not be read.
    """
    require_classifier(cfg, "--explain")
    threshold = threshold_of(cfg)
    if cfg.model.num_classes < 2 and threshold is None:
        raise ConfigError("--explain tells why one class and not another, and there is only one")
    require_own_names(videos, file_of=_file_of)
    videos = list({video.name: video for video in videos}.values())
    settings = sorted(settings_of(cfg, with_head=True).items())
    told = [network.digest, until_enough and enough.CERTAINTY, top, labels, settings]
    depends_on = repr(told if threshold is None else [*told, threshold])
    with contextlib.ExitStack() as opened:

        def begin() -> list[tuple[Named, str]]:
            opened.enter_context(sole_writer(folder, "explaining videos"))
            return _left_to_do(videos, depends_on, folder)

        todo, faults = distributed.on_first(begin), 0
        for index, why in _whys(network, [video for video, _ in todo], cfg, until_enough, top):
            video, key = todo[index]
            if isinstance(why, VideoError):
                faults += 1
                _show(lines_of(video.sample.shown, str(why), labels))
                continue
            own = {"depends_on": key, "file": os.path.abspath(video.sample.path)}
            _write(own | entry_of(video.sample.shown, why, labels, cfg), why, cfg, folder, video)
        faults = sum(distributed.gather(faults))  # also waits until all is written
    if faults:
        raise VideoError(f"{faults:,} of {len(videos):,} videos could not be read")


def _left_to_do(videos: list[Named], depends_on: str, folder: Path) -> list[tuple[Named, str]]:
    """Shows what is there; returns the other videos, each with a key that tells what its
    explanation depends on."""
    todo = []
    for video in videos:
        path = os.path.abspath(video.sample.path)
        told = repr([depends_on, path, state_of(path), *video.sample.span])
        key = hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()[:32]
        numbers, picture = _files(folder, video)
        entry = _earlier(numbers, picture, path)
        if entry.get("depends_on") == key and picture.exists():
            _show(text_of(entry, picture))
        else:
            todo.append((video, key))
    return todo


def _write(entry: Entry, why: "Why", cfg: Config, folder: Path, video: Named) -> None:
    """Writes both files of a video, and shows what they tell."""
    numbers, picture = _files(folder, video)
    picture.unlink(missing_ok=True)  # until both are there, neither counts
    write_json(numbers, entry, indent=None)
    with atomic(picture) as file:
        draw(entry, why, cfg, file)
    _show(text_of(entry, picture))


def _file_of(name: str) -> str:
    return f"{without_ending(name)}.json"


def _files(folder: Path, video: Named) -> tuple[Path, Path]:
    name = without_ending(video.name)
    return folder / f"{name}.json", folder / f"{name}.png"


def _earlier(numbers: Path, picture: Path, path: str) -> Entry:
    """What an earlier run has written of a video; empty if it has not. Raises a FolderError if a
    file is there that is none of ours, or of another video's file than ``path``."""
    if not numbers.exists() and not picture.exists():
        return {}
    with contextlib.suppress(OSError, ValueError):
        entry = json.loads(numbers.read_bytes())
        if isinstance(entry, dict) and "depends_on" in entry:
            require_of(numbers, entry.get("file", path), path)
            return entry
    raise FolderError(
        f"{numbers if numbers.exists() else picture} is there, and is not of --explain: name "
        "another folder, or delete it"
    )


def _show(text: str) -> None:
    print(over_bar(f"{text}\n"), flush=True)


def _whys(
    network: Weighted, videos: list[Named], cfg: Config, until_enough: bool, top: int
) -> Iterator[tuple[int, "Why | VideoError"]]:
    """This process's share of the videos: each one's index with its explanation.

    The answer is the one of ``--infer``; eager mode computes the view that is explained once more.
    """
    if not videos:
        return
    samples = [video.sample for video in videos]
    backend = open_backend(network, cfg, cfg.test.row_kind)
    shares = own_batches(samples, 1, cfg)
    progress = Progress("explain", len(shares), show=distributed.rank() == 0)
    with view_loader(samples, cfg, len(shares)) as loader:
        found = zip(shares, loader.run(shares), strict=True)
        for done, ((index,), (video,)) in enumerate(found, start=1):
            if isinstance(video, VideoError):
                yield index, video
            else:
                yield index, explained(network, backend, video, cfg, until_enough, top)
            progress.update(done)
    progress.finish()


def explained(
    network: Weighted, backend: Backend, video: VideoViews, cfg: Config, until_enough: bool,
    top: int,
) -> "Why | VideoError":  # fmt: skip
    """The answer of a video, and why; a VideoError if the network's output is not finite.

    Args:
        backend: of kind ``test.row_kind``; it computes the answer.
    """
    views: Sequence[int] = range(video.num_views)
    if until_enough:
        views = enough.spread_order(len(video.clips), len(video.crops))
        row = views_until_enough(backend, video, cfg, lambda index, row: None)
    else:
        (row,) = rows_of_views(backend, [video], cfg)
    if isinstance(row := finite(row), VideoError):
        return row
    model = network.model()
    from slowfast.predict.explain.reasons import why_of  # here: it imports Paddle, quietly by now

    return why_of(model, video, views, row, cfg, top)


def draw(entry: Entry, why: "Why", cfg: Config, file: IO[bytes]) -> None:
    """Writes the picture, a PNG file."""
    from slowfast.pictures.fonts import shortened  # here: matplotlib is slow to import

    count, names = len(why.clip), PATHWAYS[cfg.model.name]
    seen = {"slow": slow_frames_of(cfg.model, count), "fast": list(range(count))}
    rows = [
        HeatRow(f"{name} pathway", COLOURS[name], why.clip[seen[name]], seen[name], heat)
        for name, heat in zip(names, why.reasons.heat, strict=True)
    ]
    parts, scale = why.reasons.parts, "logit (a positive one: more than 50 %)"
    if why.predicted is None:  # softmax stays the same where the same is added to all
        parts = parts - parts.mean(axis=1, keepdims=True)
        scale = "logit above the mean of all classes"
    bars = dict(zip([*names, "bias"], parts[:, why.classes], strict=True))
    labels = [drawable(label) for label in entry["labels"]]
    short = [shortened(label, 80) for label in labels[:2]]
    title = f"{short[0]}  {100 * why.probabilities[0]:.1f} %\n{decision_of(short, entry)}"
    heat_maps(rows, bars, labels, title, scale, file)

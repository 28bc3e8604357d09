"""``--infer`` with boxes: who does what, where, in videos of any length."""

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.find import Named
from slowfast.data.unreadable import reason_of
from slowfast.data.video.reader import VideoError
from slowfast.log import Progress, logger
from slowfast.predict.annotate.answers import require_own_files, show_answers
from slowfast.predict.annotate.boxed_videos import DrawnKeyFrames, show_persons
from slowfast.predict.kept import settings_of
from slowfast.predict.persons.box_sources import BoxSource
from slowfast.predict.persons.key_rows import KeyPart, key_rows
from slowfast.predict.persons.person_actions import AnswerSettings, Found, answer_settings
from slowfast.predict.persons.person_rows import PersonRows
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.views import own_batches


def infer_boxes(
    backend: Backend, listed: Sequence[Named], labels: list[str] | None, cfg: Config, *,
    source: BoxSource, weights: str, out: Path, top: int, annotate: Path | None = None,
) -> None:  # fmt: skip
    """Finds what each person does at the key frames of videos; the processes share the videos.

    Writes ``out`` and beside it, in AVA's form, the csv with the scores of the actions, and the
    boxes in ours; prints each video in its turn. A video that cannot be read, or at a picture of
    which the detector fails, does not stop the others. Key frames of an earlier run are used again
    if weights, settings and boxes are the same, and the video's file has not changed: also those of
    a video that it did not come to the end of.

    Args:
        backend: of kind ``prob``.
        labels: the names of the actions.
        source: says which frames are key frames, and the boxes in them.
        weights: a digest of the weights.
        top: the best actions that are listed for each person.
        annotate: a folder that gets each video with the persons drawn in, and a picture of its best
            moment.

    Raises:
        FolderError: another run is writing there, or what is there is not of this function.
        OSError: the files cannot be written; key frames that were written before stay.
        VideoError: at the end, if videos could not be read, or not be written to ``annotate``.
        ListError: two videos would be written to one file of ``annotate``.
    """
    if annotate:
        require_own_files(annotate, listed)
    settings, samples = answer_settings(cfg, labels, top), [video.sample for video in listed]
    depends_on = repr([weights, source.digest, sorted(settings_of(cfg, with_head=True).items())])
    digest = hashlib.sha256(depends_on.encode(errors="surrogateescape")).hexdigest()[:16]
    with PersonRows(out, samples, digest, settings, source.about) as rows:
        rows.show()
        _compute_own(backend, rows, listed, cfg, source)
        unread = rows.finish()
        drawn = distributed.on_first(
            lambda: [drawn_key_frames(rows.found(i), settings) for i in range(len(listed))]
            if annotate else []
        )  # fmt: skip
    failed = 0
    if annotate:
        seen = f"{digest} {settings.threshold}"
        failed = show_answers(annotate, listed, drawn, cfg, seen, show=show_persons)
    if unread:
        raise VideoError(f"{unread:,} of {len(listed):,} videos could not be read")
    if failed:
        raise VideoError(f"{failed:,} of {len(listed):,} videos are not in {annotate}, see above")


def _compute_own(
    backend: Backend, rows: PersonRows, listed: Sequence[Named], cfg: Config, source: BoxSource
) -> None:
    """Computes this process's share."""
    todo, samples = [*rows.todo], [video.sample for video in listed]
    shares = own_batches([samples[i] for i in todo], 1, cfg)
    places = [todo[i] for i in itertools.chain(*shares)]
    counts, faulty = dict(rows.known), set[int]()
    if known := sum(counts.values()):
        logger.info(f"{known:,} key frames are there from an earlier run")
    progress = Progress("who", 100, show=bool(places) and distributed.rank() == 0)

    def report(done: float, keys: int) -> None:
        progress.update(100 * done / len(places), f"{keys:,} key frames")

    found = key_rows(
        backend, samples, cfg, source, places=places, first=rows.known.__getitem__, report=report
    )
    for place, part in found:
        if place in faulty:
            continue
        if isinstance(part, KeyPart):
            rows.add(place, counts[place], part)
            counts[place] += len(part.keys)
        else:
            faulty.add(place)
            logger.warning(f"unreadable: {reason_of(samples[place].shown, part)}")
            rows.keep(place, {"error": str(part)})
        rows.show()
    progress.finish(f"{len(places) - len(faulty):,} videos")
    if hint := source.hint():
        logger.warning(hint)


def drawn_key_frames(found: Found | str, settings: AnswerSettings) -> DrawnKeyFrames | None:
    """What is drawn of a video: its key frames' seconds, and who does what there; None if it could
    not be read."""
    if isinstance(found, str):
        return None
    return [
        (
            key.seconds,
            [
                (person, box.corners, settings.seen(row_A))
                for person, box, row_A in zip(persons, key.boxes, key.rows, strict=True)
            ],
        )
        for key, persons in zip(found.keys, found.persons, strict=True)
    ]

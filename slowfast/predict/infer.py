"""Predicts the classes of videos: shows each as it comes, and writes them all to a JSON file."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.find import Named
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.predict import enough
from slowfast.predict.annotate.answers import require_own_files, show_answer, show_answers
from slowfast.predict.answer import answer_of, threshold_of
from slowfast.predict.kept import settings_of
from slowfast.predict.result_rows import Rows
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.views import rows_of_videos

RESULT = Path("data/results/result.json")
TOP = 5


def infer(
    backend: Backend, samples: list[Sample], labels: list[str] | None, cfg: Config, *,
    weights: str, out: Path = RESULT, top: int = TOP, until_enough: bool = False,
    annotate: Path | None = None, names: Sequence[str] = (),
) -> None:  # fmt: skip
    """Predicts each video from its views; the processes share the videos.

    A video that cannot be read gets a row with ``error`` and does not stop the others; the next run
    tries it again. Process 0 prints the videos in their order, each once it and those before it are
    there: what other processes compute comes at the end. Rows of an earlier run are used again if
    weights and settings are the same, and the video's file has not changed.

    Args:
        labels: the names of the classes.
        weights: a digest of the weights.
        out: the file for all rows, ``FILE.json``.
        top: number of best classes that a row has, as ``top5_indices`` and so on.
        until_enough: only as many views as an answer needs, see ``enough.py``; on a terminal, the
            answer so far is shown as it changes.
        annotate: a folder that gets a video and a picture of each answer, see ``show_answers``.
        names: of the videos in that folder, see ``Named``.

    Raises:
        FolderError: another run is writing there, or what is there is not of this function.
        OSError: the files cannot be written; rows that were written before stay.
        VideoError: at the end, if videos could not be read, or not be written to ``annotate``.
        ListError: two videos would be written to one file of ``annotate``.
    """
    videos = [*map(Named, samples, names)] if annotate else []
    if annotate:
        require_own_files(annotate, videos)
    digest, threshold = _digest(weights, cfg, until_enough), threshold_of(cfg)
    with Rows(out, samples, digest, labels, top, threshold) as rows:
        rows.show()
        found = rows_of_videos(
            backend, samples, cfg, what="infer", only=list(rows.todo), until_enough=until_enough,
            seen=lambda index, row: rows.show_so_far(index, answer_of(row, cfg, top)),
        )  # fmt: skip
        for index, row in found:
            rows.add(index, str(row) if isinstance(row, VideoError) else answer_of(row, cfg, top))
            rows.show()
        unread = rows.finish()
        answers = distributed.on_first(lambda: [rows.listed(index) for index in range(len(videos))])
    failed = 0
    if annotate:
        depends_on = digest if threshold is None else f"{digest} {threshold}"
        failed = show_answers(annotate, videos, answers, cfg, depends_on, show=show_answer)
    if unread:
        raise VideoError(f"{unread:,} of {len(samples):,} videos could not be read")
    if failed:
        raise VideoError(f"{failed:,} of {len(samples):,} videos are not in {annotate}, see above")


def _digest(weights: str, cfg: Config, until_enough: bool) -> str:
    """Tells the weights and settings of rows from all others."""
    settings, threshold = sorted(settings_of(cfg, with_head=True).items()), threshold_of(cfg)
    rule = enough.CERTAINTY if threshold is None else (enough.CERTAINTY, threshold)
    depends_on = repr([weights, until_enough and rule, settings])
    return hashlib.sha256(depends_on.encode()).hexdigest()[:16]

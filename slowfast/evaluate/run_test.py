"""The test: every video that can be read is counted once, in all its views; or every key frame."""

import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.find import read_files_of
from slowfast.data.samples import Sample
from slowfast.data.unreadable import Unreadable, UnreadableVideo, in_order
from slowfast.data.video.reader import VideoError
from slowfast.evaluate import report
from slowfast.evaluate.box_report import BoxReport
from slowfast.evaluate.report import VideoReport
from slowfast.evaluate.run_facts import facts_of_run
from slowfast.evaluate.score_arrays import ResultsError
from slowfast.evaluate.scores import check_new, partial_of
from slowfast.files import FolderError, sole_writer
from slowfast.log import logger
from slowfast.places import require_place, require_unread
from slowfast.predict.kept import META, Kept, key_of, plan_of
from slowfast.predict.runtime.backends import open_backend
from slowfast.predict.runtime.built import Row, Weighted
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.tallies import TALLIES
from slowfast.predict.views import rows_of_videos

REPORTS = {"single": VideoReport, "multi": VideoReport, "detection": BoxReport}
"""By task."""


def run_test(
    network: Weighted, samples: list[Sample], cfg: Config, *,
    metrics: Sequence[str] = (), out: Path | None = None, page: Path | None = None,
    class_names: list[str] | None = None, weights: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Runs the test over all processes; each readable video is counted once.

    Writes ``test_result.json`` and ``unreadable.txt`` to the output folder, and with ``out`` the
    file of scores. Returns the content of ``test_result.json``: the numbers of the task's tally,
    ``num_videos`` that were read of ``num_listed``, ``coverage`` (their share), ``num_views``,
    ``unreadable`` and, in the list's order, each video's prediction.

    With train.task=detection the list is of key frames, the whole picture is their only view, and
    there are no predictions in the result: see ``evaluate/box_report.py`` for what there is.

    Args:
        metrics: names of the task's ``Tally.metrics`` for the log line; none: the usual ones.
        out: the file for all views' scores, see ``evaluate/scores.py``, or for all boxes' scores,
            see ``evaluate/box_scores.py``. During the test they are in the folder ``OUT.partial``;
            after an interruption, the same test continues there.
        page: the report, which is made of that file.
        class_names: stored in that file.
        weights: what the user calls them; stored in that file.

    Raises:
        NoPositivesError: average precision is asked for, but no video, or box, has a label.
        VideoError: no video can be read, or more than ``data.max_errors`` of one process cannot;
            or, at the end, some cannot and ``data.on_error`` is ``raise``.
        ResultsError: ``out`` exists already.
        FolderError: ``OUT.partial`` is of another test, or another run is writing there; or a file
            in the output folder is one that the test reads.
    """
    place = Path(cfg.output_dir) / report.RESULT
    distributed.on_first(lambda: require_place(place))  # now, not after hours of work
    for name in REPORTS[cfg.train.task].files:
        require_unread(Path(cfg.output_dir, name), read_files_of(cfg, "test"))
    tally = TALLIES[cfg.train.task]([sample.truth for sample in samples], cfg)
    told = REPORTS[cfg.train.task](tally, samples, class_names or [], cfg)
    with contextlib.ExitStack() as opened:
        kept = opened.enter_context(KeptScores(out, network, samples, told, cfg)) if out else None
        unreadable, own = Unreadable(cfg.data.max_errors), {}
        backend = open_backend(network, cfg, cfg.test.row_kind)
        began, num_kept = time.monotonic(), len(kept.done) if kept else 0
        for index, row in _scored(backend, samples, cfg, unreadable, kept):
            own[index] = told.take(index, row)
        taken, missing = _gathered(own, unreadable, f"{len(samples):,} {told.unit}")
        seconds = time.monotonic() - began
        run = facts_of_run(
            network, backend, cfg,
            weights=weights, seconds=seconds, computed=len(taken) - num_kept, kept=num_kept,
        )  # fmt: skip
        tally.gather()
        result = told.result(taken, missing)
        is_allowed = not result["unreadable"] or cfg.data.on_error != "raise"
        if distributed.rank() == 0:
            told.write(result, missing, metrics)
            if kept:
                kept.finish([*taken], result, run, is_complete=is_allowed)
            if out and page:
                told.write_page(out, page)
        distributed.barrier()  # the launcher ends all as soon as one exits with an error
    if not is_allowed:
        raise VideoError(report.unreadable_line(result, cfg))
    return result


def _scored(
    backend: Backend, samples: list[Sample], cfg: Config, unreadable: Unreadable,
    kept: "KeptScores | None",
) -> Iterator[tuple[int, Row]]:  # fmt: skip
    """Yields index and row of each readable video, or key frame, in this process's share."""
    todo = set(range(len(samples)))
    if kept:
        todo -= set(kept.done)
        for index in kept.done[distributed.rank() :: distributed.world_size()]:
            yield index, kept.read(index)
    own_rows = rows_of_videos(backend, samples, cfg, what="test", only=sorted(todo))
    for index, row in own_rows:
        if isinstance(row, VideoError):
            if video := unreadable.note(samples, index, row):
                logger.warning(f"unreadable: {video.line()}")
            continue
        if kept:
            kept.write(index, row)
        yield index, row


def _gathered(
    own: dict[int, dict[str, Any]], unreadable: Unreadable, named: str
) -> tuple[dict[int, dict[str, Any]], list[UnreadableVideo]]:
    """What all processes took, in the list's order, and what none of them could read. Raises a
    VideoError if they took nothing."""
    parts = distributed.gather(own)
    taken = dict(sorted(itertools.chain.from_iterable(part.items() for part in parts)))
    missing = in_order(distributed.gather(unreadable.videos))
    if not taken:
        raise VideoError(f"none of the {named} could be read (first: {missing[0].line()})")
    return taken, missing


class KeptScores(contextlib.ExitStack):
    """A test's scores while it runs, in the folder ``OUT.partial``, see ``run_test``.

    No other run may write there until the end of the ``with`` block.
    """

    def __init__(
        self, out: Path, network: Weighted, samples: list[Sample], report: VideoReport, cfg: Config
    ) -> None:
        super().__init__()
        self._out = out
        self._kept = kept = Kept(partial_of(out), durable=False)
        self._report = report
        self._shapes = [*map(report.shape, range(len(samples)))]
        plan = plan_of(network, cfg, with_head=True)

        def begin() -> tuple[list[str], list[int]]:
            check_new(out)
            if kept.folder.is_file():
                fault = "is of an earlier version of this program: delete it"
                raise FolderError(f"{kept.folder} {fault}")
            self.enter_context(sole_writer(kept.folder, "writing"))
            kept.claim(plan)
            names = [f"{i:06d}-{key_of(sample)[:16]}" for i, sample in enumerate(samples)]
            found = (kept.read(name, *own) for name, own in zip(names, self._shapes, strict=True))
            return names, [index for index, row in enumerate(found) if row is not None]

        # Names of the first process: on other machines the videos' files may have other times.
        self._names, self.done = distributed.on_first(begin)
        """Indices of the videos that have scores from an earlier run."""
        if not (kept.folder / META).exists():
            raise FolderError(
                f"{kept.folder} is not there for all processes: name a file on a disk that all of "
                "them see"
            )
        if self.done:
            there = f"{len(self.done):,} of {len(samples):,} {report.unit}"
            logger.info(f"--out: {there} are there already")

    def write(self, index: int, row: Row) -> None:
        """Keeps the scores of the list's video ``index``."""
        assert row.shape == self._shapes[index]
        self._kept.write(self._names[index], row)

    def read(self, index: int) -> Row:
        """The kept scores of a video.

        Raises:
            ResultsError: the scores are missing or damaged.
        """
        row = self._kept.read(self._names[index], *self._shapes[index])
        if row is None:
            raise ResultsError(
                f"{self._kept.path(self._names[index])} is not there, or damaged (do all processes "
                "see this folder?); the same command computes it again"
            )
        return row

    def finish(
        self, read: Sequence[int], result: dict[str, Any], run: Mapping[str, Any] | None, *,
        is_complete: bool,
    ) -> None:  # fmt: skip
        """Writes the file and deletes the folder; unless ``is_complete`` the folder stays, so that
        the same command later computes only the missing videos.

        Args:
            read: indices of the videos that could be read.
            run: what the test records about itself.
        """
        check_new(self._out)
        self._report.write_scores(self._out, map(self.read, read), read, result, run)
        if is_complete:
            self._kept.remove()
        else:
            folder = self._kept.folder
            logger.info(f"{folder} stays: without {self._out} the same command adds the others")

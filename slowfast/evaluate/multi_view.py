"""The test: every video that can be read is counted once, in all its views; or every key frame.

Legend: V views, K classes; of a key frame B boxes, A classes.
"""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.samples import Sample
from slowfast.data.unreadable import Unreadable, in_order
from slowfast.data.video.reader import VideoError
from slowfast.evaluate import box_report, report
from slowfast.evaluate.box_scores import write_box_scores
from slowfast.evaluate.scores import ResultsError, check_new
from slowfast.files import FolderError, require_place, sole_writer
from slowfast.log import logger
from slowfast.metrics.accuracy import average_views
from slowfast.predict.kept import META, Kept, key_of, plan_of
from slowfast.predict.runtime.backends import open_backend
from slowfast.predict.runtime.built import Row, Weighted
from slowfast.predict.tallies import TALLIES, Detections, Tally
from slowfast.predict.views import rows_of_videos


def multi_view_test(
    network: Weighted, samples: list[Sample], cfg: Config, *,
    metrics: Sequence[str] = (), out: Path | None = None,
    class_names: list[str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Runs the multi-view test over all processes; each readable video is counted once.

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
        class_names: stored in that file.

    Raises:
        NoPositivesError: average precision is asked for, but no video, or box, has a label.
        VideoError: no video can be read, or more than ``data.max_errors`` of one process cannot;
            or, at the end, some cannot and ``data.on_error`` is ``raise``.
        ResultsError: ``out`` exists already.
        FolderError: ``OUT.partial`` is of another test, or another run is writing there.
    """
    place = Path(cfg.output_dir) / report.RESULT
    distributed.on_first(lambda: require_place(place))  # now, not after hours of work
    tally = TALLIES[cfg.train.task]([sample.truth for sample in samples], cfg)
    with contextlib.ExitStack() as opened:
        kept = opened.enter_context(KeptScores(out, network, samples, cfg)) if out else None
        unreadable, own = Unreadable(cfg.data.max_errors), {}
        for index, row in _scored(network, samples, cfg, unreadable, kept):
            own[index] = _taken(tally, index, samples[index], row, cfg)
        told = _report(tally, own, unreadable, len(samples), cfg, metrics, class_names or [])
        result, read = told
        is_allowed = not result["unreadable"] or cfg.data.on_error != "raise"
        if kept and distributed.rank() == 0:
            kept.finish(read, result, class_names or [], cfg, is_complete=is_allowed)
        distributed.barrier()  # the launcher ends all as soon as one exits with an error
    if not is_allowed:
        raise VideoError(report.unreadable_line(result, cfg))
    return result


def _taken(tally: Tally, index: int, sample: Sample, row: Row, cfg: Config) -> dict[str, Any]:
    """Takes the row ``[V, K]`` of a video, or ``[B, A]`` of a key frame, into the tally; what
    test_result.json says of it."""
    if isinstance(tally, Detections):
        (tally.add_logits if cfg.test.row_kind == "score" else tally.add)(index, row)
        return {}
    scores = average_views(row, cfg.test.average_clips, cfg.train.task)
    tally.add(index, scores)
    return report.prediction(index, sample, scores, tally.truth(index))


def _scored(
    network: Weighted, samples: list[Sample], cfg: Config, unreadable: Unreadable,
    kept: "KeptScores | None",
) -> Iterator[tuple[int, Row]]:  # fmt: skip
    """Yields index and row of each readable video, or key frame, in this process's share."""
    todo = set(range(len(samples)))
    if kept:
        todo -= set(kept.done)
        for index in kept.done[distributed.rank() :: distributed.world_size()]:
            yield index, kept.read(index)
    backend = open_backend(network, cfg, cfg.test.row_kind)
    own_rows = rows_of_videos(backend, samples, cfg, what="test", only=sorted(todo))
    for index, row in own_rows:
        if isinstance(row, VideoError):
            if video := unreadable.note(samples, index, row):
                logger.warning(f"unreadable: {video.line()}")
            continue
        if kept:
            kept.write(index, row)
        yield index, row


def _report(
    tally: Tally, own_predictions: dict[int, dict[str, Any]], unreadable: Unreadable,
    num_listed: int, cfg: Config, metrics: Sequence[str], class_names: list[str],
) -> tuple[dict[str, Any], list[int]]:  # fmt: skip
    """Returns the result of all processes, and what was read of the list; rank 0 also writes the
    result. Raises a VideoError if nothing could be read."""
    parts = distributed.gather(own_predictions)
    found = dict(sorted(itertools.chain.from_iterable(part.items() for part in parts)))
    missing = in_order(distributed.gather(unreadable.videos))
    if not found:
        what, first = report.named(cfg), missing[0].line()
        raise VideoError(f"none of the {num_listed:,} {what} could be read (first: {first})")
    tally.gather()
    numbers = tally.numbers()
    if isinstance(tally, Detections):
        counts = report.counts(len(found), num_listed, missing, cfg)
        result = box_report.summary(numbers, counts, tally, class_names)
    else:
        result = report.summary(numbers, [*found.values()], missing, cfg)
    if distributed.rank() == 0:
        if isinstance(tally, Detections):
            box_report.write_rows(result, tally, Path(cfg.output_dir))
        told = {tally.called(key): result[key] for key in tally.told(metrics)}
        report.write_report(result, missing, cfg, told)
    return result, [*found]


def _shape(sample: Sample, cfg: Config) -> tuple[int, int]:
    """Of the row of a video, or of a key frame's boxes."""
    if sample.key is not None:
        return len(sample.key.boxes), cfg.model.num_classes
    return cfg.test.num_clips * cfg.test.views_per_clip, cfg.model.num_classes


class KeptScores(contextlib.ExitStack):
    """A test's scores while it runs, in the folder ``OUT.partial``, see ``multi_view_test``.

    No other run may write there until the end of the ``with`` block.
    """

    def __init__(self, out: Path, network: Weighted, samples: list[Sample], cfg: Config) -> None:
        super().__init__()
        self._out = out
        self._kept = kept = Kept(out.with_name(f"{out.name}.partial"), durable=False)
        self._samples = samples
        self._shapes = [_shape(sample, cfg) for sample in samples]
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
            there = f"{len(self.done):,} of {len(samples):,} {report.named(cfg)}"
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
        self, read: Sequence[int], result: dict[str, Any], class_names: list[str], cfg: Config, *,
        is_complete: bool,
    ) -> None:  # fmt: skip
        """Writes the file and deletes the folder; unless ``is_complete`` the folder stays, so that
        the same command later computes only the missing videos.

        Args:
            read: indices of the videos that could be read.
        """
        check_new(self._out)
        rows = map(self.read, read)
        if cfg.train.task == "detection":
            keys = [(i, key) for i in read if (key := self._samples[i].key)]
            write_box_scores(self._out, rows, keys, result, class_names, cfg)
        else:
            report.write_scores_of(self._out, rows, result, class_names, cfg)
        if is_complete:
            self._kept.remove()
        else:
            folder = self._kept.folder
            logger.info(f"{folder} stays: without {self._out} the same command adds the others")

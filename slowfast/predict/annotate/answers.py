"""Shows answers: each video with its labels drawn in, and a picture of what the network saw of it.

In the folder, ``annotated.jsonl`` says which video, answer and settings each file is of, so that
the next run writes only what is missing, and never over a file of somebody else.
"""

import contextlib
import hashlib
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.find import Named, require_own_names, without_ending
from slowfast.data.samples import Sample
from slowfast.data.shards import state_of
from slowfast.data.unreadable import reason_of
from slowfast.data.video.reader import Pictures
from slowfast.files import FolderError
from slowfast.journal import Journal
from slowfast.log import Progress, logger
from slowfast.models.slow_frames import slow_frames_of
from slowfast.places import require_of
from slowfast.predict import enough
from slowfast.predict.annotate.drawn_labels import annotate_video, drawable
from slowfast.predict.answer import threshold_of
from slowfast.predict.views import own_batches

Best = list[tuple[str, float]]
"""Labels with their probabilities, best first."""
Show = Callable[[Path, Named, Any, Config, Callable[[float], None]], None]
"""Folder, video, its answer, config, and what is told how much is done."""

JOURNAL = "annotated.jsonl"
FILES = "{}.mp4", "{}.png"
"""What is written for a video, by its name without ending."""
IN_VIDEO, IN_STREAM = {"single": 3, "multi": 6}, {"single": 2, "multi": 6}
"""How many of the labels are drawn, at most, by ``train.task``."""
IN_PICTURE = 10
"""The same in a picture."""


def require_own_files(folder: Path, videos: Sequence[Named]) -> None:
    """Makes the folder, and checks that the videos can be written there; in all processes.

    Raises:
        ListError: two of them would be written to one file.
        FolderError: a file is there that no run has written for this video, or another run is
            writing there.
        OSError: nothing can be written there.
    """

    def check() -> None:
        require_own_names(videos, lambda name: FILES[0].format(without_ending(name)))
        with Journal(folder / JOURNAL) as journal:
            _require_own(folder, videos, journal)

    distributed.on_first(check)


def show_answers(
    folder: Path, videos: Sequence[Named], answers: Sequence[Any], cfg: Config, digest: str, *,
    show: Show,
) -> int:  # fmt: skip
    """Writes ``NAME.mp4`` and ``NAME.png`` into the folder for each video with an answer; the
    processes share the videos. Returns, in all processes, how many could not be written; why is
    logged.

    Args:
        answers: what comes to be seen of each video, by default a ``Best``; None if nothing.
        digest: of weights and settings.
        show: writes the files of a video.

    Raises:
        FolderError, OSError: as ``require_own_files`` does; or the disk is full.
    """
    with contextlib.ExitStack() as opened:

        def begin() -> list[int]:
            journal = opened.enter_context(Journal(folder / JOURNAL))
            _require_own(folder, videos, journal)
            return _claim(folder, videos, answers, digest, journal)

        todo = distributed.on_first(begin)
        shares = own_batches([videos[i].sample for i in todo], 1, cfg)
        own = [todo[i] for i in itertools.chain(*shares)]
        faults = 0
        progress = Progress("annotate", len(own), show=distributed.rank() == 0 and bool(own))
        for done, index in enumerate(own):
            video, answer = videos[index], answers[index]
            assert answer is not None, video

            def report(share: float, done: int = done) -> None:
                progress.update(done + share)

            try:
                show(folder, video, answer, cfg, report)
            except OSError:
                raise
            except Exception as error:  # whatever it is, the others go on
                faults += 1
                logger.warning(f"not annotated: {reason_of(video.sample.shown, error)}")
        progress.finish(str(folder))
        return sum(distributed.gather(faults))  # also waits until all are written


def files_of(folder: Path, name: str) -> list[Path]:
    """The video and the picture that are written for a video with this name."""
    return [folder / form.format(without_ending(name)) for form in FILES]


def _require_own(folder: Path, videos: Sequence[Named], journal: Journal) -> None:
    for video in videos:
        then = journal.get(without_ending(video.name))
        for path in files_of(folder, video.name):
            if not path.exists():
                continue
            if os.path.exists(video.sample.path) and os.path.samefile(path, video.sample.path):
                raise FolderError(f"{path} is the video itself: name another folder")
            if then is None:
                raise FolderError(
                    f"{path} is there, and no run with --annotate wrote it: name another folder, "
                    "or delete it"
                )
            require_of(path, then["video"], os.path.abspath(video.sample.path))


def _claim(
    folder: Path, videos: Sequence[Named], answers: Sequence[Any], digest: str,
    journal: Journal,
) -> list[int]:  # fmt: skip
    """The videos whose files are missing, or of another answer; notes them in the journal before
    they are written, and removes what is out of date."""
    todo: dict[str, int] = {}
    there: set[str] = set()
    for index, (video, best) in enumerate(zip(videos, answers, strict=True)):
        name = without_ending(video.name)
        if best is None or name in todo:
            continue
        files, then = files_of(folder, video.name), journal.get(name) or {}
        state = state_of(video.sample.path)
        depends_on = hashlib.sha256(repr([digest, best]).encode()).hexdigest()[:16]
        now = {"video": os.path.abspath(video.sample.path), "answer": depends_on}
        is_same = now.items() <= then.items() and all(file.exists() for file in files)
        if is_same and state in (None, then["state"]):  # of a video that is gone it stays
            there.add(name)
            continue
        for file in files:
            file.unlink(missing_ok=True)
        journal.add(name, {**now, "state": state})
        todo[name] = index
    if there:
        logger.info(f"{len(there):,} of {len(there) + len(todo):,} are in {folder} already")
    return [*todo.values()]


def show_answer(
    folder: Path, video: Named, best: Best, cfg: Config, report: Callable[[float], None]
) -> None:
    """Writes both files of a video; with several labels a video, those from ``test.threshold`` on
    are drawn into it."""
    from slowfast.pictures.strips import frame_strip  # here: matplotlib is slow to import

    least = threshold_of(cfg)
    new, picture = files_of(folder, video.name)
    frames, slow = _seen(video.sample, cfg)
    named = [(drawable(name), share) for name, share in best[:IN_PICTURE]]
    frame_strip(frames, slow, named, picture, threshold=least)
    shown = [each for each in best if least is None or each[1] >= least]
    shown = shown[: IN_VIDEO[cfg.train.task]]
    annotate_video(video.sample, new, lambda seconds: shown, cfg.data, report)


def _seen(sample: Sample, cfg: Config) -> tuple[Pictures, list[int]]:
    """The frames ``[T, H, W, 3]`` of the view that is computed first, from the middle of the video,
    and which of them the slow pathway sees."""
    video = MultiViewVideos([sample], cfg.data, cfg.test)(0)
    first = enough.spread_order(len(video.clips), len(video.crops))[0]
    clip, crop = divmod(first, len(video.crops))
    (height, width), (y, x) = video.size, video.crops[crop]
    frames = video.frames[video.clips[clip], y : y + height, x : x + width]
    slow = slow_frames_of(cfg.model, len(frames))
    if cfg.model.name == "slow_only":
        return frames[slow], [*range(len(slow))]
    return frames, slow

"""The features of many videos, a file each, shared out over the processes."""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.annotations import ListError, Sample
from slowfast.data.video import VideoError
from slowfast.engine.evaluate import own_batches
from slowfast.engine.features import META, claim_folder, make_plan, sliding_features, write_array
from slowfast.engine.run_folder import FolderError, sole_run
from slowfast.engine.sources import add_sources, read_sources, state_of
from slowfast.log import Progress, logger
from slowfast.models.slowfast import VideoClassifier


class Wanted(NamedTuple):
    """A video, and where below the output folder its features go, without ``.npy``."""

    sample: Sample
    name: str

    def target(self, folder: Path) -> Path:
        """The file of its features."""
        return folder / f"{self.name}.npy"


def extract(
    model: VideoClassifier, videos: list[Wanted], folder: Path, cfg: Config, every: float
) -> list[str]:
    """Writes the features of each video whose file is not there yet.

    Rank 0 says how many are there already. Returns, in all processes, why those of which no
    features could be written cannot be read.

    Raises:
        ListError: two videos have one target.
        FolderError: the folder's features are of other weights or settings, or another run is
            writing there.
        OSError: the disk is full, or similar; what was written before stays.
    """
    require_own_targets(videos)
    with contextlib.ExitStack() as opened:
        error: Exception | None = None
        todo: list[Wanted] = []
        if distributed.rank() == 0:
            try:
                opened.enter_context(sole_run(str(folder), "writing features"))
                todo = _not_there(videos, folder)
                claim_folder(folder, make_plan(model, cfg, every=every))
                _begin(todo, folder)
            except (FolderError, OSError) as fault:
                error = fault
        error, todo = distributed.gather((error, todo))[0]
        if error is not None:
            raise error
        if len(todo) < len(videos):
            logger.info(f"{len(videos) - len(todo):,} of {len(videos):,} videos are there already")
        faults = distributed.gather(_extract_own(model, todo, folder, cfg, every))
        for fault_line in [line for part in faults[1:] for line in part]:
            if distributed.rank() == 0:  # its own are told as they come
                logger.warning(f"unreadable: {fault_line}")
        distributed.barrier()  # the launcher ends all processes as soon as one exits with an error
    return [line for part in faults for line in part]


def _extract_own(
    model: VideoClassifier, todo: list[Wanted], folder: Path, cfg: Config, every: float
) -> list[str]:
    """This process's share of the videos: why some cannot be read."""
    shares = own_batches([video.sample for video in todo], 1, cfg)
    own = [todo[i] for share in shares for i in share]
    faults: list[str] = []
    if not own:
        return faults
    progress = Progress("extract", len(own), show=distributed.rank() == 0)
    samples = [video.sample for video in own]

    def report(done: float, clips: int) -> None:
        progress.update(done, f"{clips:,} clips")

    for index, rows in sliding_features(model, samples, cfg, every=every, report=report):
        if isinstance(rows, VideoError):
            line, path = " ".join(str(rows).split()), samples[index].path
            faults.append(line if line.startswith(path) else f"{path}: {line}")
            logger.warning(f"unreadable: {faults[-1]}")
        else:
            write_array(own[index].target(folder), rows)
    progress.finish(f"{len(own) - len(faults):,} videos")
    return faults


def require_own_targets(videos: list[Wanted]) -> None:
    """Raises ListError where the features of two videos would go to one file."""
    owners: dict[str, str] = {}
    for video in videos:
        other = owners.setdefault(video.name, video.sample.path)
        if other != video.sample.path:
            raise ListError(
                f"{other} and {video.sample.path} would both be written to {video.name}.npy: give "
                "the folder that holds both, or a list, or write to two folders"
            )


def _not_there(videos: list[Wanted], folder: Path) -> list[Wanted]:
    """The videos whose features are not in the folder, or were made before their file changed.

    Raises:
        FolderError: it has some, and no ``features.yaml`` that says of what they are; or those of
            another video are in one's place.
    """
    sources = read_sources(folder)
    todo = []
    for video in videos:
        target, own = video.target(folder), state_of(video.sample)
        path, state = sources.get(video.name, ("", own))
        is_there, is_same = os.path.exists(target), own in (None, state)  # kept where it is gone
        if is_there and not is_same and path != os.path.abspath(video.sample.path):
            raise FolderError(
                f"{target} is of {path}, not of {video.sample.path}: write to another folder"
            )
        if not is_there or not is_same:
            todo.append(video)
    other = next((video for video in videos if os.path.exists(video.target(folder))), None)
    if other and not (folder / META).exists():
        raise FolderError(
            f"{other.target(folder)} is there, and no {folder / META} that says of what weights: "
            "name another folder"
        )
    return todo


def _begin(todo: list[Wanted], folder: Path) -> None:
    """Writes down of which videos the features are to be, and removes what is there of them."""
    for video in todo:
        video.target(folder).unlink(missing_ok=True)
    add_sources(folder, [(video.name, video.sample) for video in todo])

"""Which files and frames of the samples of a list are missing, before a run reads the first."""

import os
from collections.abc import Iterable, Sequence

from slowfast.config import DataConfig
from slowfast.data.lists import folders
from slowfast.data.lists.read_lists import ListError, looker
from slowfast.data.lists.text_lists import line_of
from slowfast.data.samples import Sample
from slowfast.data.shards import shard_of
from slowfast.data.video import frames
from slowfast.data.video.reader import VideoError
from slowfast.log import logger

GO_ON = "data.on_error=skip goes on without them"
FOLDERS_SEEN = 1000
"""Frame folders of a list that are looked into before a run, at most: to list one takes time."""


def missing_files(samples: Iterable[Sample]) -> list[str]:
    """The files, frame folders and shards that are missing, in the samples' order."""
    look = looker()
    missing: dict[str, None] = {}
    for path in map(_file_of, samples):
        if path not in missing and not look(path):
            missing[path] = None
    return list(missing)


def are_all(samples: Iterable[Sample], missing: Sequence[str]) -> bool:
    """Whether the missing files are all that the samples have."""
    return len({*map(_file_of, samples)}) == len(missing)


def missing_fault(samples: Sequence[Sample], missing: Sequence[str]) -> str:
    """How many of the samples' files are missing, the first of them, and, where what is there shows
    it, why; empty if none is missing."""
    if not missing:
        return ""
    first = next(sample for sample in samples if _file_of(sample) == missing[0])
    count = len({*map(_file_of, samples)})
    reason = _reason(first)
    return (
        f"{len(missing):,} of {count:,} files are not there, the first is {missing[0]}"
        f"{reason and f': {reason}'}"
    )


def _file_of(sample: Sample) -> str:
    return shard_of(sample.path) or sample.path


def _reason(sample: Sample) -> str:
    """Why a list's line names nothing, if a part of it, or more of it, names what is there."""
    path, form = sample.path, "a line is 'path label' or 'folder num_frames label'"
    if sample.key is not None:
        return "no video file and no frame folder has this name"
    for separator in " ,\t":
        before, _, after = path.rpartition(separator)
        if os.sep not in after and before.strip() and os.path.exists(before.rstrip()):
            return f"{before.rstrip()} is there, and {after!r} is one field too many ({form})"
        if os.path.exists(whole := line_of(path, sample.num_frames, sample.label, separator)):
            return f"{whole} is there, and has no label in the list ({form})"
    if os.path.exists(path.replace('"', "")):
        return "a list has no quotes"
    for ending in folders.VIDEO_ENDINGS:
        if os.path.exists(f"{path}{ending}"):
            return f"{path}{ending} is there: a list has whole names"
    if os.fsencode(path) != os.fsencode(path).decode(errors="ignore").encode():
        return "the list has bytes there that are not UTF-8"
    return ""


def look_into_folders(path: str, samples: Sequence[Sample], data: DataConfig, every: bool) -> None:
    """Looks into the frame folders of the list at ``path``, or into ``FOLDERS_SEEN`` of them, and
    logs how many these are, and how many of them number their frames from 0.

    Raises:
        ListError: none of these folders can be used, or with ``every`` one of them cannot.
    """
    by_place = {(s.path, s.num_frames): s for s in samples}  # a folder has many key frames
    named = [
        s for s in by_place.values()
        if s.num_frames or not s.path.lower().endswith(folders.VIDEO_ENDINGS)
    ]  # fmt: skip
    chosen = named[:: -(-len(named) // FOLDERS_SEEN) or 1]
    seen = [sample for sample in chosen if os.path.isdir(sample.path)]
    faults, from_zero = [], 0
    for sample in seen:
        folder, count = sample.path, sample.num_frames
        try:
            first, _ = frames.find_frames(folder, data.frame_pattern, data.frame_start, count)
            from_zero += first == 0
        except VideoError as error:
            faults.append(error)
    if not seen:
        return
    sampled = f" of {len(named):,}" if len(chosen) < len(named) else ""
    looked = f"{path}: looked into {len(seen):,}{sampled} frame folders"
    if faults:
        fault = f"{looked}: {len(faults):,} cannot be used, the first is {faults[0]}"
        if len(faults) == len(seen):
            raise ListError(fault)
        if every:
            raise ListError(f"{fault} ({GO_ON})")
        logger.warning(fault)
    else:
        logger.info(f"{looked}; {from_zero:,} number their frames from 0")

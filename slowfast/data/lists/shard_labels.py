"""The videos in a tar shard, with their labels.

Beside KEY.mp4 lies its label: KEY.cls, the class's number as text, or KEY.json, a JSON object with
the number as ``label``. Several labels are ``3,17`` there, or a list as ``labels``, which may be
empty. Beside a KEY.cls a KEY.json may say anything but other numbers.
"""

import functools
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import IO, NamedTuple

from slowfast.data.lists.read_lists import ANY_CLASS
from slowfast.data.lists.text_lists import labels_of, text_of
from slowfast.data.samples import Label, classes_of, rising
from slowfast.data.shards import Member, ShardError, members
from slowfast.data.strict_json import parsed
from slowfast.log import logger

KEYS = {"label", "labels", "actions"}
"""What a JSON file says about labels."""


class ShardVideo(NamedTuple):
    """A video in a tar: its member name, its size in bytes and its class, or all its classes."""

    name: str
    size: int
    label: Label


def labelled_videos(
    tar: str, is_video: Callable[[str, Callable[[], bytes]], bool], left_out: list[str]
) -> list[ShardVideo]:
    """The videos of a tar, in order, with the labels beside them.

    A video is what ``is_video`` takes for one, see ``folders``; its KEY is what is before the
    ending or, as in WebDataset, before the first dot. What is neither a video nor a label is added
    to ``left_out``; what ``members`` leaves out is counted and logged.

    Raises:
        ShardError: see ``members``; a video has no label, or one that is not understood; a name
            is there twice. The message names the tar and the member.
    """
    files: dict[str, Member] = {}
    no_files: dict[str, str] = {}
    for member in members(tar, no_files):
        if member.name in files:
            raise ShardError(f"{tar}: has {member.name} twice")
        files[member.name] = member
    if no_files:
        name, reason = next(iter(no_files.items()))
        logger.warning(f"{tar}: {len(no_files):,} left out, the first: {name} {reason}")
    with open(tar, "rb") as file:
        videos = []
        for name, offset, size in files.values():
            path = PurePosixPath(name)
            if not is_video(name, functools.partial(_begin, file, offset, size)):
                left_out += [] if name.endswith((".cls", ".json")) else [f"{tar}/{name}"]
                continue
            keys = (path.with_suffix(""), path.with_name(path.name.partition(".")[0]))
            beside = [(f"{key}.cls", f"{key}.json") for key in keys]
            found = next((pair for pair in beside if {*pair} & files.keys()), None)
            if found is None:
                raise ShardError(f"{tar}: {name} has no label beside it, {' or '.join(beside[0])}")
            texts = {other: _whole(file, files[other]) for other in found if other in files}
            videos.append(ShardVideo(name, size, _label_in(tar, texts)))
    return videos


def _begin(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(min(size, 1024))


def _whole(file: IO[bytes], member: Member) -> bytes:
    file.seek(member.offset)
    return file.read(member.size)


def _label_in(tar: str, texts: dict[str, bytes]) -> Label:
    """The label in the files beside a video, by name: the .cls, if there is one, and the .json,
    which then may say nothing. Raises ShardError."""
    found: list[Label] = []
    for name, text in texts.items():
        try:
            if name.endswith(".cls"):
                several = labels_of(text.decode(errors="replace").strip(), ANY_CLASS)
                found.append(several[0] if len(several) == 1 else several)
            elif not found or _says_labels(text):
                found.append(_of_json(text))
        except ValueError as error:
            raise ShardError(f"{tar}: {name}: {error}") from error
    if len({classes_of(label) for label in found}) > 1:
        said = (f"{name} {text_of(label)!r}" for name, label in zip(texts, found, strict=True))
        raise ShardError(f"{tar}: labels that differ: {', '.join(said)}")
    return found[0]


def _says_labels(text: bytes) -> bool:
    """Whether a JSON file beside a .cls has numbers of classes, or times: it may name classes."""
    try:
        row = parsed(text)
    except ValueError:
        return False
    if not isinstance(row, dict):
        return False
    labels = row.get("labels", [row.get("label")])
    are_numbers = isinstance(labels, list) and all(type(label) is int for label in labels)
    return are_numbers or "actions" in row


def _of_json(text: bytes) -> Label:
    row = parsed(text)
    said = KEYS & row.keys() if isinstance(row, dict) else set()
    if "actions" in said:
        raise ValueError('"actions": labels with times are not for shards')
    if len(said) > 1:
        raise ValueError('has both "label" and "labels"')
    if "label" in said:
        return rising([row["label"]], ANY_CLASS)[0]
    if said and isinstance(row["labels"], list):
        return rising(row["labels"], ANY_CLASS)
    form = 'a JSON object with "label": NUMBER or "labels": [NUMBER, ...]'
    raise ValueError(f"not {form}: {text[:40]!r}")

"""What a loader yields, as cards of ``pictures/cards.py``: frames, facts, labels. No Paddle.

Cards have copies of the frames that they show, so that they do not hold whole clips.

Legend: T frames of a clip, n clips of a video, H x W pixels.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config
from slowfast.data.boxes.ava import labels_of_nearest
from slowfast.data.clips.datasets import Clip
from slowfast.data.clips.facts import Area, Facts
from slowfast.data.clips.view_videos import VideoViews
from slowfast.data.samples import KeyFrame, Label, Sample, classes_of
from slowfast.data.video.open import decoder_version
from slowfast.models.slow_frames import slow_frames_of
from slowfast.overlap import IOU
from slowfast.pictures.cards import Card, Corners, Tile

OF_VIEW = {1: 8, 3: 3}
"""Frames that are shown of a view, by the number of crops."""
DOT = "   \N{MIDDLE DOT}   "
"""Between facts."""
Numbered = tuple[tuple[int, Corners], ...]


def clip_card(
    clip: Clip, sample: Sample, number: int, cfg: Config, names: Sequence[str] | None, most: int
) -> Card:
    """The card of a clip with its ``facts``: at most so many frames of it.

    Args:
        number: its place on the sheet, from 1.
        names: the classes'; None: they are shown by number.
    """
    facts = clip.facts
    if facts is None:
        return fault_card(sample, number, names, "no boxes at this key frame: nothing is read")
    numbers, slow = facts.numbers, slow_frames_of(cfg.model, len(clip.frames))
    key = None if facts.key is None else int(np.abs(numbers - facts.key).argmin())
    shown = shown_frames(len(numbers), [*slow, *([] if key is None else [key])], most)
    boxes = _in_clip(clip)
    tiles = tuple(
        Tile(
            clip.frames[i].copy(), _caption(facts, i), i in slow,
            boxes if i == key else (),
        )
        for i in shown
    )  # fmt: skip
    lines = facts_lines(facts, clip.frames.shape[1:3], cfg)
    if len(shown) < len(numbers):
        lines[0] += f"{DOT}{len(shown)} of the clip's {len(numbers)} are shown"
    fault = ""
    if clip.boxes is not None and not len(clip.boxes):
        fault = "no box is left in this crop: training leaves the clip out"
    return Card(
        f"{number}   {_label_text(clip.label, names)}", sample.shown, tuple(lines),
        rows=(("", tiles),), whole=facts.whole, areas=_shares(facts),
        boxes=_in_whole(sample.key), named=_actions(clip, sample.key, names), fault=fault,
    )  # fmt: skip


def views_card(
    video: VideoViews, sample: Sample, number: int, cfg: Config, names: Sequence[str] | None
) -> Card:
    """The card of a test's video with its ``facts``: a row for each clip, in it some frames of each
    crop."""
    facts = video.facts
    assert facts is not None
    (height, width), rows = video.size, []
    slow = slow_frames_of(cfg.model, video.clips.shape[1])
    for place, clip in enumerate(video.clips):
        each = OF_VIEW[len(video.crops)]
        shown = np.unique(np.linspace(0, len(clip) - 1, each).round().astype(int)).tolist()
        tiles = [
            Tile(
                video.frames[clip[i], y : y + height, x : x + width].copy(),
                _caption(facts, (place, i)), i in slow,
            )
            for y, x in video.crops
            for i in shown
        ]  # fmt: skip
        rows.append((f"clip {place + 1}: {_span(facts, place)}", tuple(tiles)))
    views = f"{video.num_views} views: {len(video.clips)} clips x {len(video.crops)} crops"
    if len(video.crops) > 1:
        views += f"{DOT}a row: the first, the middle and the last frame of crop 1, 2 and 3"
    lines = facts_lines(facts, video.size, cfg)
    return Card(
        f"{number}   {_label_text(sample.label, names)}", sample.shown, (views, *lines),
        rows=tuple(rows), whole=facts.whole, areas=_shares(facts),
    )  # fmt: skip


def fault_card(sample: Sample, number: int, names: Sequence[str] | None, fault: str) -> Card:
    """The card of a video of which there is no clip."""
    title = f"{number}   {_label_text(sample.label, names)}"
    return Card(title, sample.shown, fault=fault, boxes=_in_whole(sample.key))


def shown_frames(count: int, important: Sequence[int], most: int) -> list[int]:
    """At most so many of a clip's frames: the important ones, and others evenly between them."""
    first = sorted({*important})
    others = [i for i in range(count) if i not in first]
    if most <= len(first):
        return _evenly(first, most)
    return sorted([*first, *_evenly(others, most - len(first))])


def facts_lines(facts: Facts, size: tuple[int, int], cfg: Config) -> list[str]:
    """The facts of a clip in words.

    Args:
        size: height and width of its frames.
    """
    through = "frames" if facts.codec == "frames" else decoder_version(cfg.data.decoder)
    codec = "a folder of frames" if through == "frames" else f"{facts.codec} through {through}"
    first = f"{_span(facts)}{DOT}{facts.fps:.4g} frames/s{DOT}{codec}"
    lines = [first, *(_cut(area, facts, size) for area in facts.areas[:1])]
    done = []
    if facts.flip:
        done.append("flipped")
    if facts.operations:
        told = (f"{o.name} {o.magnitude:+g}" for o in facts.operations)
        done.append(f"RandAugment: {', '.join(told)}")
    if facts.erased:
        y, x, height, width = facts.erased
        done.append(f"erased: {width} x {height} at x {x}, y {y}")
    return [*lines, *([DOT.join(done)] if done else [])]


def _span(facts: Facts, place: int | None = None) -> str:
    """The first and the last frame of all clips, or of one."""
    of = f" of {facts.num_frames:,}" if place is None else ""
    numbers = facts.numbers if place is None else facts.numbers[place]
    seconds = facts.seconds if place is None else facts.seconds[place]
    ends = f"{numbers.min()} to {numbers.max()}{of}"
    return f"frames {ends}, {seconds.min():.2f} to {seconds.max():.2f} s"


def _cut(area: Area, facts: Facts, size: tuple[int, int]) -> str:
    """What became of the picture."""
    (tall, wide), (height, width) = facts.source, size
    whole = np.allclose((area.height, area.width), facts.source, atol=0.5)
    cut = (
        f"{area.width:.0f} x {area.height:.0f} at x {area.x:.0f}, y {area.y:.0f} of {wide} x {tall}"
    )
    what = f"whole picture, {wide} x {tall}" if whole else f"crop {cut}"
    if len(facts.areas) > 1:
        what = f"{len(facts.areas)} crops, the first {cut}"
    side = f" (short side {facts.short_side})" if facts.short_side else ""
    return f"{what} pixels, shown in {width} x {height}{side}"


def _caption(facts: Facts, at: int | tuple[int, int]) -> str:
    return f"{facts.numbers[at]} \N{MIDDLE DOT} {facts.seconds[at]:.2f} s"


def _label_text(label: Label, names: Sequence[str] | None) -> str:
    own = classes_of(label)
    if not own:
        return "no label"
    return ", ".join(f"{names[i]} ({i})" if names else f"class {i}" for i in own)


def _shares(facts: Facts) -> tuple[Corners, ...]:
    height, width = facts.source
    return tuple(
        (a.x / width, a.y / height, (a.x + a.width) / width, (a.y + a.height) / height)
        for a in facts.areas
    )


def _in_clip(clip: Clip) -> Numbered:
    """The boxes of a clip, shares of its frames."""
    if clip.boxes is None:
        return ()
    _, height, width, _ = clip.frames.shape
    sides: NDArray[np.float64] = np.array([width, height, width, height], np.float64)
    corners = (clip.boxes / sides).tolist()
    return tuple((i, (a, b, c, d)) for i, (a, b, c, d) in zip(_numbers(clip), corners, strict=True))


def _in_whole(key: KeyFrame | None) -> Numbered:
    """The boxes of a key frame, shares of the picture."""
    return tuple((i, box.corners) for i, box in enumerate(key.boxes, 1)) if key else ()


def _actions(
    clip: Clip, key: KeyFrame | None, names: Sequence[str] | None
) -> tuple[tuple[int, str], ...]:
    """What people do, by the numbers of their boxes; of detected boxes without actions, as a
    validation has them, what the annotated person does that they overlap by half."""
    labels: Sequence[tuple[int, ...]] = clip.box_labels
    if key and key.truth and not any(labels):
        labels = labels_of_nearest(key.boxes, key.truth, IOU)
    return tuple(
        (i, _label_text(own, names) if own else "none of the actions")
        for i, own in zip(_numbers(clip), labels, strict=True)
    )


def _numbers(clip: Clip) -> Sequence[int]:
    """The numbers of a clip's boxes in its key frame, from 1."""
    kept = clip.facts.kept if clip.facts else ()
    return [*itertools.islice(kept, len(clip.box_labels))] or range(1, len(clip.box_labels) + 1)


def _evenly(items: list[int], count: int) -> list[int]:
    if count >= len(items):
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, count).round().astype(int)]

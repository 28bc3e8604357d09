"""The files of a timeline: JSON, subtitles (SRT and WebVTT), detections in ActivityNet's form.

``activitynet.csv`` has the columns of the table that ActivityNet's evaluation works on,
``video-id,t-start,t-end,label,score``, and ``activitynet.json`` is the file that it reads
(github.com/activitynet/ActivityNet, Evaluation/eval_detection.py). A video's id is the name of its
files.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from slowfast.errors import printable
from slowfast.files import atomic, write_json, write_whole
from slowfast.metrics.accuracy import best_classes, name_of
from slowfast.predict.answer import WIDEST
from slowfast.predict.timeline.segments import Scores, Seconds, Segment

ENDINGS = (".json", ".srt", ".vtt", ".png")
"""Of the files of each video; all but the picture are written here."""
ALL = "activitynet"
"""The name of the files of all videos."""
PLAIN = str.maketrans("<>{}", "\u2039\u203a()")
"""What stands for the brackets that players of SRT act on."""
COLUMNS = "video-id,t-start,t-end,label,score"


def write_video(
    path: Path, head: Mapping[str, Any], seconds_N2: Seconds, scores_NK: Scores,
    segments: Sequence[Segment], labels: list[str] | None, top: int,
) -> None:  # fmt: skip
    """Writes a video's files beside ``path``, which has no ending.

    Args:
        head: what the JSON file begins with.
        top: the best classes that it gives for each window.
    """
    rows = _windows(seconds_N2, scores_NK, labels, top)
    _write_rows(beside(path, ".json"), {**head, "segments": as_rows(segments, labels)}, rows)
    texts = [printable(f"{name_of(s.label, labels)} {100 * s.score:.0f} %") for s in segments]
    write_whole(beside(path, ".srt"), srt(segments, texts))
    write_whole(beside(path, ".vtt"), webvtt(segments, texts))


def beside(path: Path, ending: str) -> Path:
    """The file with this ending; ``path`` may have dots in its name."""
    return path.with_name(f"{path.name}{ending}")


def as_rows(segments: Sequence[Segment], labels: list[str] | None) -> list[dict[str, Any]]:
    """Segments for JSON."""
    return [
        {
            "start": round(start, 3), "end": round(end, 3), "label": name_of(label, labels),
            "class": label, "score": round(score, 4),
        }
        for start, end, label, score in segments
    ]  # fmt: skip


def _windows(
    seconds_N2: Seconds, scores_NK: Scores, labels: list[str] | None, top: int
) -> Iterator[dict[str, Any]]:
    for (start, end), scores_K in zip(seconds_N2.tolist(), scores_NK, strict=True):
        classes, values = best_classes(scores_K, top)
        yield {
            "start": round(start, 3), "end": round(end, 3), "classes": classes,
            "labels": [name_of(label, labels) for label in classes],
            "scores": [round(value, 4) for value in values],
        }  # fmt: skip


def _write_rows(path: Path, head: Mapping[str, Any], windows: Iterator[dict[str, Any]]) -> None:
    """A JSON object with ``head`` and then ``windows``, a line each; one is in memory at a time."""
    with atomic(path) as file:

        def write(text: str) -> None:
            file.write(text.encode(errors="backslashreplace"))

        write(json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}"))
        write(',\n "windows": [')
        for number, window in enumerate(windows):
            write(f"{',' if number else ''}\n  {json.dumps(window, ensure_ascii=False)}")
        write("\n ]\n}\n")


def srt(segments: Sequence[Segment], texts: Sequence[str]) -> str:
    """SubRip subtitles. The form has no escapes; players take ``<`` for the begin of a tag, and
    ``{`` for that of a command, so these brackets become others."""
    lines = []
    for number, (segment, text) in enumerate(zip(segments, texts, strict=True), 1):
        plain = text.translate(PLAIN)
        times = f"{clock(segment.start)} --> {clock(segment.end)}".replace(".", ",")
        lines.append(f"{number}\n{times}\n{plain}\n")
    return "\n".join(lines)


def webvtt(segments: Sequence[Segment], texts: Sequence[str]) -> str:
    """WebVTT subtitles (w3.org/TR/webvtt1)."""
    cues = ["WEBVTT\n"]
    for segment, text in zip(segments, texts, strict=True):
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        cues.append(f"{clock(segment.start)} --> {clock(segment.end)}\n{escaped}\n")
    return "\n".join(cues)


def clock(seconds: float) -> str:
    """``01:02:03.456``."""
    whole = round(seconds * 1000)
    minutes, milliseconds = divmod(whole, 60_000)
    text = f"{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{text}"


def table(segments: Sequence[Segment], best: Segment, labels: list[str] | None) -> str:
    """A video's segments for the screen; if there are none, what came nearest to one."""
    if not segments:
        return (
            f"  no segment; the best window is {printable(name_of(best.label, labels))}, "
            f"{100 * best.score:.0f} %, at {short_clock(best.start)}"
        )
    times = [f"{short_clock(s.start)} - {short_clock(s.end)}" for s in segments]
    names = [printable(name_of(segment.label, labels)) for segment in segments]
    left, width = max(map(len, times)), min(max(map(len, names)), WIDEST)
    rows = zip(times, names, segments, strict=True)
    return "\n".join(
        f"  {time.rjust(left)}  {name.ljust(width)}  {100 * segment.score:3.0f} %"
        for time, name, segment in rows
    )


def short_clock(seconds: float) -> str:
    """``1:02:03.5``, or ``2:03.5`` in the first hour."""
    minutes, tenths = divmod(round(seconds * 10), 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{text}" if hours else f"{minutes}:{text}"


def write_all(
    folder: Path, found: Mapping[str, Sequence[Segment]], labels: list[str] | None
) -> None:
    """Writes the files of all videos, given by their names."""
    rows = {name: as_rows(segments, labels) for name, segments in found.items()}
    results = {
        name: [{"label": row["label"], "score": row["score"],
                "segment": [row["start"], row["end"]]} for row in own]
        for name, own in rows.items()
    }  # fmt: skip
    about = {"version": "VERSION 1.3", "results": results, "external_data": {"used": False}}
    write_json(folder / f"{ALL}.json", about)
    lines = [COLUMNS]
    for name, own in rows.items():
        for row in own:
            cells = (name, row["start"], row["end"], row["label"], row["score"])
            lines.append(",".join(map(_cell, cells)))
    write_whole(folder / f"{ALL}.csv", "".join(f"{line}\n" for line in lines))


def _cell(value: object) -> str:
    """A cell of a csv file (RFC 4180)."""
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text

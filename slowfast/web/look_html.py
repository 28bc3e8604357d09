"""What the tab Look says of a video."""

import html

from slowfast.predict.answer import Answer
from slowfast.predict.timeline.segments import Segment
from slowfast.predict.timeline.timeline_files import short_clock
from slowfast.web.site import sentence


def said_of(answer: Answer, names: list[str]) -> str:
    """With several labels a video: which of them it shows; else nothing."""
    if answer.predicted is None:
        return ""
    seen = ", ".join(name for name, _ in answer.shown(names)) or "none of the actions"
    least = f"{100 * answer.predicted.threshold:g} %"
    return f"Seen: {seen}. Each action is judged by itself, and counts from {least} on."


def table_of(segments: list[Segment], names: list[str]) -> str:
    """The segments, as HTML."""
    if not segments:
        return sentence("No action is seen long and clearly enough for a place on the timeline.")
    rows = "".join(
        f"<tr><td>{short_clock(start)} to {short_clock(end)}</td><td>{html.escape(names[label])}"
        f"</td><td>{100 * score:.0f} %</td></tr>"
        for start, end, label, score in segments
    )
    head = "<tr><th>When</th><th>What</th><th>How sure</th></tr>"
    return f'<table class="segments"><thead>{head}</thead><tbody>{rows}</tbody></table>'

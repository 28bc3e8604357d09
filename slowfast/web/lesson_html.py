"""What the tab Teach says of a session's clips, and of what was learned from them."""

import html
from pathlib import Path

from slowfast.train.few_shot import Taught
from slowfast.web import lesson
from slowfast.web.lesson import Example
from slowfast.web.site import sentence

FIRST = "Nothing yet. Name an action, add a few clips of it, then do the same with another action."


def list_of(found: list[Example]) -> str:
    """How many clips each action has, as HTML."""
    if not found:
        return sentence(FIRST)
    counts = {e.action: sum(e.action == other.action for other in found) for e in found}
    items = "".join(
        f"<li><b>{html.escape(action)}</b>: {count} {'clip' if count == 1 else 'clips'}</li>"
        for action, count in counts.items()
    )
    return f"<ul>{items}</ul>"


def choices_of(found: list[Example]) -> list[tuple[str, str]]:
    """What can be removed: actions with all their clips, and single clips."""
    actions = dict.fromkeys(e.action for e in found)
    return [(f"all of {action}", f"a{action}") for action in actions] + [
        (f"{e.action}: {e.name}", f"c{e.digest}") for e in found
    ]


def wrong_clips(folder: Path, found: list[Example], known: Taught | None) -> list[tuple[Path, str]]:
    """Pictures of the clips that the check got wrong, with what it took them for."""
    if known is None or known.verdict is None:
        return []
    clips = {(e.action, e.name): e.digest for e in found}
    return [
        (lesson.picture(folder, clips[m.label, m.clip]), f"{m.label}, taken for {m.guessed}")
        for m in known.verdict.mistakes
    ]


def verdict_of(known: Taught) -> str:
    """What leaving one clip out has shown, as HTML."""
    if (found := known.verdict) is None:
        return sentence("It has learned. With more clips it can be checked.") + "".join(
            map(sentence, known.notes)
        )
    low, high = (round(100 * end) for end in found.interval)
    share = round(100 * found.right / found.judged)
    wrong = [
        f"{m.clip} is {m.label}, and was taken for {m.guessed} ({100 * m.probability:.0f} %)."
        for m in found.mistakes
    ]
    return (
        f"<p><b>{found.right} of {found.judged} clips ({share} %)</b> were recognised by what "
        f"learned from the others alone. So few clips tell no more than this: of new ones, {low} "
        f"to {high} % will be recognised (95 % interval).</p>"
    ) + "".join(map(sentence, [*wrong, *known.notes]))

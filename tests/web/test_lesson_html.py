"""What the tab Teach says of clips and of what was learned."""

from pathlib import Path

import numpy as np

from slowfast.train.few_shot import Mistake, Taught, Verdict
from slowfast.web import lesson
from slowfast.web.lesson import Example
from slowfast.web.lesson_html import choices_of, list_of, verdict_of, wrong_clips

WAVE = Example("waving", "clip.webm", "digest one")


def taught(verdict: Verdict | None, *notes: str) -> Taught:
    none = np.zeros((1, 2), np.float32)
    return Taught(["waving", "sitting"], none, none[0], verdict, list(notes))


def test_actions_and_clips_can_be_chosen() -> None:
    sit = Example("sitting", "b.mp4", "digest two")
    assert choices_of([WAVE, sit]) == [
        ("all of waving", "awaving"), ("all of sitting", "asitting"),
        ("waving: clip.webm", "cdigest one"), ("sitting: b.mp4", "cdigest two"),
    ]  # fmt: skip
    assert "<b>waving</b>: 1 clip</li>" in list_of([WAVE, sit])
    assert "Nothing yet" in list_of([])


def test_a_verdict_is_honest(tmp_path: Path) -> None:
    mistake = Mistake("clip.webm", "waving", "sitting", 0.7)
    known = taught(Verdict(3, 4, (0.3, 0.954), [mistake]), "a <note>")
    text = verdict_of(known)
    assert "3 of 4 clips (75 %)" in text and "30 to 95 %" in text and "a &lt;note&gt;" in text
    assert "clip.webm is waving, and was taken for sitting (70 %)." in text
    picture = lesson.picture(tmp_path, "digest one")
    assert wrong_clips(tmp_path, [WAVE], known) == [(picture, "waving, taken for sitting")]


def test_without_a_check_none_is_claimed(tmp_path: Path) -> None:
    text = verdict_of(taught(None, "a note"))
    assert "%" not in text and "a note" in text
    assert wrong_clips(tmp_path, [], taught(None)) == wrong_clips(tmp_path, [], None) == []

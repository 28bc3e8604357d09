"""Which key frames a report shows, by hand."""

import pytest
from support.scored_boxes import RIGHT

from slowfast.evaluate.box_examples import LOW, NO_BOX, missed, wrong_answers
from slowfast.evaluate.box_facts import MISTAKES
from slowfast.evaluate.score_files import Files


def test_the_surest_wrong_answers_come_first(files: Files) -> None:
    first, second, third, *others = wrong_answers(files, files.matches("official"), "official")
    assert (first.moment, first.action, first.why) == (("a", 1), "stand", MISTAKES["action"])
    assert first.score == pytest.approx(0.95) and (first.box, first.own) == (0, 0)
    assert first.annotated[0].actions == ["sit", "talk"]
    assert [name for name, _ in first.found[0].actions] == ["stand", "sit", "talk"]
    assert (second.moment, second.action, second.why) == (("a", 2), "talk", MISTAKES["nobody"])
    assert (second.box, second.own) == (1, None)
    assert (third.moment, third.action, third.why) == (("b", 1), "sit", MISTAKES["twice"])
    moments = [each.moment for each in (first, second, third, *others)]
    assert len({*moments}) == len(moments)


def test_what_is_missed(files: Files) -> None:
    """First where no box is, then by the score."""
    first, *others = missed(files, files.matches("official"))
    assert (first.moment, first.action, first.why) == (("b", 2), "stand", NO_BOX)
    assert (first.score, first.box) == (None, None) and first.annotated[first.own or 0].corners == (
        RIGHT
    )
    lowest = others[0]
    assert (lowest.moment, lowest.action, lowest.why) == (("a", 1), "talk", LOW)
    assert lowest.score == pytest.approx(0.1) and (lowest.box, lowest.own) == (0, 0)

"""What the tab Look says, as HTML and in a sentence."""

from slowfast.predict.answer import Answer, Predicted
from slowfast.predict.timeline.segments import Segment
from slowfast.web.look_html import said_of, table_of


def test_a_table_of_segments() -> None:
    text = table_of([Segment(0.0, 61.25, 1, 0.987)], ["sit", "<b>stand</b>"])
    assert "<td>0:00.0 to 1:01.2</td><td>&lt;b&gt;stand&lt;/b&gt;</td><td>99 %</td>" in text
    assert "No action" in table_of([], ["sit"])


def test_which_of_several_labels_are_seen() -> None:
    answer = Answer([1, 0], [0.8, 0.7], 1, Predicted([1, 0], [0.8, 0.7], 0.6))
    judged = "Each action is judged by itself, and counts from 60 % on."
    assert said_of(answer, ["sit", "stand"]) == f"Seen: stand, sit. {judged}"
    none = answer._replace(predicted=Predicted([], [], 0.6))
    assert said_of(none, ["sit", "stand"]) == f"Seen: none of the actions. {judged}"
    assert said_of(Answer([0], [0.9], 1), ["sit"]) == ""

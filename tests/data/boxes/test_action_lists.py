"""Action lists of both forms, and the classes that are scored."""

import re
from pathlib import Path

import pytest

from slowfast.config import DetectionConfig
from slowfast.data.boxes.action_lists import AVA60, actions_of, class_numbers, scored_classes
from slowfast.data.lists.read_lists import ListError

FORMS = {
    "AVA's 60": 'item {\n  name: "bend/bow (at the waist)"\n  id: 1\n}\nitem {\n  name: "dance"\n'
    "  id: 4\n}\n",
    "AVA's 80": 'label {\n  name: "bend/bow (at the waist)"\n  label_id: 1\n'
    '  label_type: PERSON_MOVEMENT\n}\nlabel {\n  name: "dance"\n  label_id: 4\n'
    "  label_type: PERSON_MOVEMENT\n}\n",
    "one line": "item{id:1 name:'bend/bow (at the waist)'} item { id : 4 name : \"dance\" }",
    "mmaction2": "1: bend/bow (at the waist)\n4: dance\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_the_forms(text: str, tmp_path: Path) -> None:
    path = tmp_path / "actions"
    path.write_text(text)
    assert actions_of(str(path)) == {1: "bend/bow (at the waist)", 4: "dance"}


@pytest.mark.parametrize(("text", "complaint"), [
    ("1: a\n\n1: b\n", "number 1 is there twice"),
    ("dance\n", ":1: not a number and a name, as '4: dance': 'dance'"),
    ('item { name: "a" }', "a block has no name: \"...\" and id: N: 'name: \"a\"'"),
    ('item { name: "a" id: 1\n',
     "a block is not whole, a brace is missing: 'item { name: \"a\" id: 1'"),
    ('item { name: "a" id: 1 } item { name: "b" id: 2',
     "a block is not whole, a brace is missing: 'item { name: \"b\" id: 2'"),
    ('item { name: "a" id: 1\nitem { name: "b" id: 2 }\n',
     "a block is not whole, a brace is missing: 'item { name: \"a\" id: 1'"),
    ('item { name: "a" id: 1 }\nitem name: "b" id: 2 }',
     "a block is not whole, a brace is missing: 'item name: \"b\" id: 2 }'"),
    ("\n", "the list is empty"),
])  # fmt: skip
def test_lists_that_cannot_be_used(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "actions"
    path.write_text(text)
    with pytest.raises(ListError, match=f"^{re.escape(str(path))}.*{re.escape(complaint)}$"):
        actions_of(str(path))


def test_scored_classes(tmp_path: Path) -> None:
    assert len(actions_of(AVA60)) == 60
    assert scored_classes(DetectionConfig(), 3) == [0, 1, 2]
    assert len(scored_classes(DetectionConfig(scored=AVA60), 80)) == 60
    assert scored_classes(DetectionConfig(scored=AVA60), 5) == [0, 2, 3, 4]
    own = DetectionConfig(scored=AVA60, ids=(2, 3, 16, 80))
    assert (class_numbers(own, 4), scored_classes(own, 4)) == ([2, 3, 16, 80], [1, 3])
    assert class_numbers(DetectionConfig(first_id=0), 3) == [0, 1, 2]
    path = tmp_path / "actions.txt"
    path.write_text("7: seven\n")
    path.write_text("2: two\n")
    assert scored_classes(DetectionConfig(scored=path.name), 3, str(tmp_path)) == [1]
    with pytest.raises(ListError, match=r"^detection.scored: there is no gone.txt or /x/gone.txt"):
        scored_classes(DetectionConfig(scored="gone.txt"), 3, "/x")
    path.write_text("7: seven\n")
    with pytest.raises(ListError, match=r"has none of the 3 classes, whose numbers in the annota"):
        scored_classes(DetectionConfig(scored=str(path)), 3)

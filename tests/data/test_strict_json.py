"""What is read of JSON that others wrote, and what is wrong with it."""

import pytest

from slowfast.data.strict_json import parsed


def test_what_is_read() -> None:
    assert parsed('{"a": [1, -2, 0.5, null, "é"]}') == {"a": [1, -2, 0.5, None, "é"]}
    assert parsed('{"é": 1}'.encode()) == {"é": 1}
    assert parsed("1" * 39) == int("1" * 39)  # an id
    assert parsed('{"a": 1, "a": {"b": 2}}', tuple) == (("a", 1), ("a", (("b", 2),)))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[1,\n2,]", "no JSON (Expecting value at line 2, letter 3)"),
        ("x", "no JSON (Expecting value at letter 1)"),
        ("[" * 100_000, "no JSON (too many brackets)"),
        (b'"\xff"', "no JSON (not UTF-8 text)"),
        ('{"a": {"b": 1, "b": 2}}', "the key 'b' is there twice"),
        ("[NaN]", "NaN is not a number"),
        ("[-Infinity]", "-Infinity is not a number"),
        ("1" * 5000, f"{'1' * 20}... is a number of 5,000 digits"),
    ],
    ids=["second line", "no JSON", "deep", "bytes", "twice", "NaN", "infinity", "digits"],
)
def test_what_is_wrong_is_said_in_a_few_words(text: str | bytes, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        parsed(text)
    assert str(caught.value) == complaint

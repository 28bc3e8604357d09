from pathlib import Path

import numpy as np
import pytest

from slowfast import machine
from slowfast.predict.runtime.checks import apart, difference, note, note_of, noted


def test_differences() -> None:
    expected = np.array([[0.5, -2.0]], np.float32)
    assert difference(np.array([[0.5, -1.0]], np.float32), expected) == 0.5
    assert np.isnan(difference(np.array([[np.nan, -2.0]], np.float32), expected))
    assert difference(np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32)) == 0


def test_probabilities_are_compared_by_their_logarithms_too() -> None:
    expected = np.array([[1 - 1e-6, 1e-6]], np.float32)
    rows = np.array([[1 - 2e-6, 2e-6]], np.float32)
    assert difference(rows, expected) < 1e-5
    assert apart(rows, expected, "score") < 1e-5
    assert apart(rows, expected, "prob") == pytest.approx(np.log(2) / np.log(1e6), rel=1e-3)
    near = np.array([[0.5, 0.5]], np.float32)
    off = np.array([[2e-4, -2e-4]], np.float32)
    assert apart(near + off, near, "prob") == pytest.approx(4e-4 / np.log(2), rel=1e-2)
    sure = np.array([[0.99, 0.01, 1e-20]], np.float32)
    off = np.array([[2e-4, 0, 0]], np.float32)
    assert apart(sure + off, sure, "prob") == pytest.approx(2e-4 / 0.99, rel=1e-2)
    assert np.isnan(apart(np.array([[np.nan, 0.5]], np.float32), near, "prob"))


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"one": 1}', '{"one": 1, "two": "x"}'])
def test_notes(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = note_of(tmp_path, "checked", "openvino", 2026)
    assert noted(path, "one", "two") is None
    note(path, {"one": 1.5, "two": 2})
    assert noted(path, "one", "two") == {"one": 1.5, "two": 2.0}
    path.write_text(text)
    assert noted(path, "one", "two") is None
    assert note_of(tmp_path, "checked", "openvino", 2027) != path
    monkeypatch.setattr(machine, "processor", lambda: "another one")
    assert note_of(tmp_path, "checked", "openvino", 2026) != path


def test_a_note_that_cannot_be_written_is_of_no_account() -> None:
    note(Path("/proc/no/such/note.json"), {"one": 1})

"""What the page says is text: no name of a file or of an action can become part of the page."""

from pathlib import Path

from slowfast.web.jobs import Step
from slowfast.web.site import bar, fault, figures, sentence

ODD = "<script>alert(1)</script>"


def test_names_stay_text(tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"jpeg")
    for text in (bar(Step(0.5, ODD)), sentence(ODD), fault(ODD), figures([(picture, ODD)])):
        assert "&lt;script&gt;" in text and "<script>" not in text


def test_a_bar_is_as_long_as_what_is_done() -> None:
    assert "width: 43%" in bar(Step(0.434, "reading"))
    assert "width: 100%" in bar(Step(1.2, "reading"))


def test_a_fault_is_a_sentence() -> None:
    assert ">The file is empty.<" in fault("the file is empty.")
    assert ">It crashed.<" in fault("it crashed")
    assert ">my film.mp4: not a video.<" in fault("my film.mp4: not a video")
    assert sentence("") == figures([]) == ""

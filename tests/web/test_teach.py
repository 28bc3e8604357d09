"""What happens in the tab Teach; how it looks is seen in ``test_page.py``."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

from slowfast.train.few_shot import Mistake, Taught, Verdict
from slowfast.web import lesson
from slowfast.web.jobs import JobError, Step
from slowfast.web.lesson import Example, examples, write_examples
from slowfast.web.sessions import Sessions
from slowfast.web.site import Shared, Site, told_in
from slowfast.web.teach import TeachTab

WAVE, SIT = Example("waving", "a.mp4", "one"), Example("sitting", "b.mp4", "two")
WRONG = Verdict(1, 2, (0.1, 0.9), [Mistake("a.mp4", "waving", "sitting", 0.7)])
NONE = np.zeros((1, 2), np.float32)
KNOWN = Taught(["waving", "sitting"], NONE, NONE[0], WRONG, [])


class Desk:
    """Tells what it is given; before that and in between, something happens."""

    def __init__(self, *told: Any) -> None:
        self.told = told

    def run(self, work: Any, *given: Any) -> Iterator[Any]:
        for item in self.told:
            item = item(*given) if callable(item) else item
            if item is not None:
                yield item


class Gradio:
    """Stands for Gradio's module: any component, each one of its own."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *given, **named: MagicMock()


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    return Sessions(tmp_path / "sessions")


@pytest.fixture
def folder(sessions: Sessions) -> Path:
    """A session that was shown two clips."""
    folder = sessions.folder(sessions.begin(None))
    (folder / "pictures").mkdir()
    for example in (WAVE, SIT):
        lesson.picture(folder, example.digest).write_bytes(b"jpeg")
    write_examples(folder, [WAVE, SIT])
    return folder


@pytest.fixture(autouse=True)
def _no_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", Gradio())


def tab_of(sessions: Sessions, desk: Any) -> TeachTab:
    cfg: Any = None
    site = Site(desk, sessions, Shared(cfg, "", [], 60.0), [], False)
    return TeachTab(site, None, MagicMock())


def packed(session: Path, found: list[Example], own: Path, shared: Shared) -> Path:
    (own / "new.zip").write_text("zip")
    return own / "new.zip"


def test_what_was_learned_is_kept_and_shown(sessions: Sessions, folder: Path) -> None:
    tab = tab_of(sessions, Desk(Step(0.1, "learning"), KNOWN, packed))
    shown = list(tab._learn(folder.name))
    assert "learning" in shown[0][tab.progress] and shown[-1] == {tab.progress: ""}
    assert "1 of 2 clips" in shown[1][tab.verdict] and "waving, taken" in shown[1][tab.mistakes]
    assert lesson.taught(folder) is not None and lesson.checkpoint(folder) is not None
    assert len(list(folder.iterdir())) == 4  # nothing else stays


@pytest.mark.parametrize("when", ["before", "between"])
def test_clips_that_change_while_it_learns_are_told(
    sessions: Sessions, folder: Path, when: str
) -> None:
    def remove(*given: Any) -> None:
        list(tab._remove(folder.name, ["cone"]))

    told = [remove, KNOWN, packed] if when == "before" else [KNOWN, remove, packed]
    tab = tab_of(sessions, Desk(*told))
    shown = list(told_in(tab.progress, tab._learn)(folder.name))
    assert "The clips have changed meanwhile: press Learn again." in shown[-1][tab.progress]
    assert lesson.taught(folder) is None and lesson.checkpoint(folder) is None
    (seen,) = tab._start(folder.name)
    assert examples(folder) == [SIT] and "sitting" in seen[tab.listed]
    assert seen[tab.verdict] == seen[tab.mistakes] == ""


def test_bad_clips_do_not_keep_the_others_out(sessions: Sessions, folder: Path) -> None:
    class Crashing:
        def run(self, work: Any, paths: list[str], action: str, *given: Any) -> Iterator[Any]:
            for path in paths:
                if path == "/bad.mp4":
                    raise JobError("it crashed")
                name = Path(path).name
                lesson.picture(folder, name).touch()
                is_text = path == "/text.mp4"
                yield JobError(f"{name}: text") if is_text else Example(action, name, name)

    tab = tab_of(sessions, Crashing())
    paths = ["/first.mp4", "/bad.mp4", "/text.mp4", "/last.mp4"]
    shown = list(tab._add(folder.name, "Waving", paths, None))
    assert [e.name for e in examples(folder)] == ["a.mp4", "first.mp4", "last.mp4", "b.mp4"]
    for line in (">bad.mp4: it crashed.<", ">text.mp4: text.<"):
        assert line in shown[-1][tab.status]


def test_nothing_to_remove_is_told(sessions: Sessions, folder: Path) -> None:
    tab = tab_of(sessions, Desk())
    (shown,) = told_in(tab.status, tab._remove)(folder.name, [])
    assert "Choose what to remove first." in shown[tab.status]


def test_a_session_that_is_gone_is_a_sentence(sessions: Sessions) -> None:
    tab = tab_of(sessions, Desk())
    for work in (tab._start, lambda session: tab._remove(session, ["cone"])):
        (shown,) = told_in(tab.status, work)("0" * 64)
        assert "load it again" in shown[tab.status]

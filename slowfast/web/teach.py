"""The tab *Teach*: people show their own actions, and have them recognised."""

import html
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slowfast.train.few_shot import Taught
from slowfast.web import lesson
from slowfast.web.jobs import JobError, Step
from slowfast.web.lesson import Example
from slowfast.web.site import (
    Site,
    Values,
    at_once,
    bar,
    compute,
    fault,
    figures,
    sentence,
    upload,
    upload_files,
)

TOP = 5
FIRST = "Nothing yet. Name an action, add a few clips of it, then do the same with another action."
LONGEST_NAME = 60
"""Characters of an action's name."""


class TeachTab:
    """The tab's components, and what happens.

    Args:
        started: the event after which ``session`` is there.
    """

    def __init__(self, site: Site, session: Any, started: Any) -> None:
        import gradio as gr

        self._gr, self._site = gr, site
        gr.Markdown(
            "Show two actions or more, a few clips each; a minute later they are recognised."
        )
        with gr.Row():
            with gr.Column(min_width=300):
                self._lay_out_show()
            with gr.Column(min_width=300):
                self._lay_out_clips()
        self._lay_out_learn()
        self._lay_out_try()
        seen = [self.shown, self.listed, self.removal, self.gone, *self._of_learning]
        started.then(self._start, session, seen, api_name="lesson", show_progress="hidden")
        compute(
            [self.add.click], self._add, [session, self.name, self.clips, self.camera],
            [*seen, self.status, self.clips, self.camera], "add",
        )  # fmt: skip
        at_once(
            [self.remove.click], self._remove, [session, self.gone], [*seen, self.status], "remove"
        )
        learned = [*self._of_learning, self.progress]
        compute([self.learn.click], self._learn, session, learned, "learn")
        answers = [self.labels, self.answer]
        asked = compute(
            [self.tried.upload, self.tried.stop_recording], self._try, [session, self.tried],
            answers, "try",
        )  # fmt: skip
        at_once([self.tried.clear], lambda: [None, ""], None, answers, "forget", cancels=[asked])

    def _lay_out_show(self) -> None:
        gr = self._gr
        gr.Markdown("### 1. Show")
        self.name = gr.Textbox(
            label="Name of the action", placeholder="waving", max_length=LONGEST_NAME,
            elem_id="teach_name",
        )  # fmt: skip
        self.clips = upload_files(gr, "Clips of it", "teach_clips")
        with gr.Accordion("Or record one", open=False):
            self.camera = upload(gr, "Your camera", "teach_camera", ["webcam"])
        self.add = gr.Button("Add to this action", variant="primary", elem_id="teach_add")
        self.status = gr.HTML("", elem_id="teach_status")

    def _lay_out_clips(self) -> None:
        gr = self._gr
        gr.Markdown("### Your actions")
        self.listed = gr.HTML(sentence(FIRST), elem_id="teach_list")
        self.shown = gr.HTML("", elem_id="teach_shown")
        with gr.Row(visible=False, equal_height=True) as self.removal:
            self.gone = gr.Dropdown(
                [], multiselect=True, label="Remove", scale=3, elem_id="teach_gone"
            )
            self.remove = gr.Button("Remove these", scale=1, min_width=120, elem_id="teach_remove")

    def _lay_out_learn(self) -> None:
        gr = self._gr
        gr.Markdown("### 2. Learn")
        self.learn = gr.Button("Learn", variant="primary", elem_id="teach_learn")
        self.progress = gr.HTML("", elem_id="teach_progress")
        self.verdict = gr.HTML("", elem_id="teach_verdict")
        self.mistakes = gr.HTML("", elem_id="teach_mistakes")
        self.download = gr.DownloadButton(
            "Download what it learned", visible=False, elem_id="teach_download"
        )
        self._of_learning = [self.verdict, self.mistakes, self.download]

    def _lay_out_try(self) -> None:
        gr = self._gr
        gr.Markdown("### 3. Try")
        with gr.Row():
            with gr.Column(min_width=300):
                self.tried = upload(gr, "A new clip", "teach_try")
                self.answer = gr.HTML("", elem_id="teach_answer")
            with gr.Column(min_width=300):
                self.labels = gr.Label(
                    label="It looks like", num_top_classes=TOP, elem_id="teach_labels"
                )

    def _overview(self, folder: Path) -> Values:
        gr = self._gr
        with self._site.sessions.lock:  # what was learned is of these clips
            found, known = lesson.examples(folder), lesson.taught(folder)
        tiles = [(lesson.picture(folder, e.digest), e.action) for e in found]
        return {
            self.shown: figures(tiles),
            self.listed: list_of(found),
            self.removal: gr.Row(visible=bool(found)),
            self.gone: gr.Dropdown(choices_of(found), value=[]),
            **self._learned(folder, found, known),
        }

    def _learned(self, folder: Path, found: list[Example], known: Taught | None) -> Values:
        gr, packed = self._gr, lesson.checkpoint(folder)
        return {
            self.verdict: verdict_of(known) if known else "",
            self.mistakes: figures(wrong_clips(folder, found, known)),
            self.download: gr.DownloadButton(
                value=str(packed) if packed else None, visible=bool(packed)
            ),
        }

    def _start(self, session: str) -> Values:
        return self._overview(self._site.sessions.folder(session))

    def _add(
        self, session: str, action: str, files: list[str] | None, film: str | None
    ) -> Iterator[Values]:
        site, said = self._site, list[str]()
        try:
            folder = site.sessions.folder(session)
            action = known_name(folder, action)
            paths = [*(files or []), *([film] if film else [])]
            if not paths:
                raise JobError("Drop clips of it first, or record one.")
            given = paths, action, folder, site.cfg, site.longest
            for item in site.desk.run(lesson.take, *given):
                if isinstance(item, Step):
                    yield {self.status: bar(item)}
                elif isinstance(item, Example):
                    with site.sessions.lock:
                        said += add_example(folder, item)
                    yield self._overview(folder)
                else:
                    said.append(fault(item))
            yield {self.status: "".join(said), self.clips: None, self.camera: None}
        except JobError as error:
            yield {self.status: "".join([*said, fault(error)])}

    def _remove(self, session: str, chosen: list[str]) -> Values:
        site = self._site
        folder = site.sessions.folder(session)
        with site.sessions.lock:
            found = lesson.examples(folder)
            left = [e for e in found if not {f"a{e.action}", f"c{e.digest}"} & {*chosen}]
            if len(left) < len(found):
                lesson.write_examples(folder, left)
        return {**self._overview(folder), self.status: ""}

    def _learn(self, session: str) -> Iterator[Values]:
        site = self._site
        try:
            folder = site.sessions.folder(session)
            found, known = lesson.examples(folder), None
            with tempfile.TemporaryDirectory(dir=folder) as own:
                given = folder, found, Path(own), site.weights, site.cfg
                for item in site.desk.run(lesson.learn, *given):
                    if isinstance(item, Step):
                        yield {self.progress: bar(item)}
                        continue
                    with site.sessions.lock:
                        lesson.keep(folder, found, item)
                    known = item if isinstance(item, Taught) else known
                    yield self._learned(folder, found, known)
            yield {self.progress: ""}
        except JobError as error:
            yield {self.progress: fault(error)}

    def _try(self, session: str, path: str | None) -> Iterator[Values]:
        yield {self.labels: None, self.answer: ""}
        if path is None:
            return
        site = self._site
        try:
            given = path, site.sessions.folder(session), site.cfg, site.longest
            for item in site.desk.run(lesson.recognise, *given):
                if isinstance(item, Step):
                    yield {self.answer: bar(item)}
                else:
                    yield {self.labels: item, self.answer: ""}
        except JobError as error:
            yield {self.answer: fault(error)}


def known_name(folder: Path, action: str) -> str:
    """An action's name without needless spaces, and as it is known already, if it is. Raises a
    JobError if there is none."""
    name = " ".join((action or "").split()).strip('" ')[:LONGEST_NAME]
    if not name:
        raise JobError("Name the action first.")
    known = {e.action.casefold(): e.action for e in lesson.examples(folder)}
    return known.get(name.casefold(), name)


def add_example(folder: Path, new: Example) -> list[str]:
    """Adds a clip to a session; returns what is to be said of it, as HTML."""
    found = lesson.examples(folder)
    for example in found:
        if example.digest == new.digest:
            return [sentence(f"{new.name} is there already, in {example.action}.")]
    taken, name = {example.name for example in found}, new.name
    numbers = itertools.count(2)
    while name in taken:  # as of clips from a camera
        name = f"{new.name} ({next(numbers)})"
    lesson.write_examples(folder, [*found, new._replace(name=name)])
    return []


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

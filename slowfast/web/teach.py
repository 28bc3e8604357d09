"""The tab *Teach*: people show their own actions, and have them recognised."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slowfast.train.few_shot import Taught
from slowfast.web import lesson
from slowfast.web.jobs import JobError, Step
from slowfast.web.lesson import Example
from slowfast.web.lesson_html import FIRST, choices_of, list_of, verdict_of, wrong_clips
from slowfast.web.site import (
    TOP,
    Site,
    Values,
    at_once,
    bar,
    compute,
    fault,
    figures,
    sentence,
    told_in,
    upload,
    upload_files,
)


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
        seen = [self.shown, self.listed, self.removal, self.gone, *self._of_learning, self.status]
        start, remove = (told_in(self.status, work) for work in (self._start, self._remove))
        started.then(start, session, seen, api_name="lesson", show_progress="hidden")
        compute(
            [self.add.click], self._add, [session, self.name, self.clips, self.camera],
            [*seen, self.clips, self.camera], "add", self.status,
        )  # fmt: skip
        at_once([self.remove.click], remove, [session, self.gone], seen, "remove")
        learned = [*self._of_learning, self.progress]
        compute([self.learn.click], self._learn, session, learned, "learn", self.progress)
        answers = [self.labels, self.answer]
        asked = compute(
            [self.tried.upload, self.tried.stop_recording], self._try, [session, self.tried],
            answers, "try", self.answer,
        )  # fmt: skip
        at_once([self.tried.clear], lambda: [None, ""], None, answers, "forget", cancels=[asked])

    def _lay_out_show(self) -> None:
        gr = self._gr
        gr.Markdown("### 1. Show")
        self.name = gr.Textbox(
            label="Name of the action", placeholder="waving", max_length=lesson.LONGEST_NAME,
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

    def _start(self, session: str) -> Iterator[Values]:
        yield self._overview(self._site.sessions.folder(session))

    def _add(
        self, session: str, action: str, files: list[str] | None, film: str | None
    ) -> Iterator[Values]:
        site, said = self._site, list[str]()
        folder = site.sessions.folder(session)
        action = lesson.known_name(folder, action)
        paths = [*(files or []), *([film] if film else [])]
        if not paths:
            raise JobError("Drop clips of it first, or record one.")
        yield {self.clips: None, self.camera: None}  # now: meanwhile others may be put there
        left = [*paths]
        while left:
            yield {self.status: self._taking(left[0], 1 - len(left) / len(paths))}
            try:
                for item in site.desk.run(lesson.take, left[:], action, folder, site.shared):
                    left.pop(0)
                    if isinstance(item, JobError):
                        said.append(fault(item))
                    else:
                        with site.sessions.lock:
                            said += map(sentence, lesson.add_example(folder, item))
                        yield self._overview(folder)
                    if left:
                        yield {self.status: self._taking(left[0], 1 - len(left) / len(paths))}
            except JobError as error:  # a clip crashed the process: another one takes the others
                said.append(fault(f"{Path(left.pop(0)).name}: {error}"))
        yield {self.status: "".join(said)}

    def _taking(self, path: str, share: float) -> str:
        return bar(Step(share, f"looking at {Path(path).name}"))

    def _remove(self, session: str, chosen: list[str]) -> Iterator[Values]:
        site = self._site
        folder = site.sessions.folder(session)
        if not chosen:
            raise JobError("Choose what to remove first.")
        with site.sessions.lock:
            found = lesson.examples(folder)
            left = [e for e in found if not {f"a{e.action}", f"c{e.digest}"} & {*chosen}]
            if len(left) < len(found):
                lesson.write_examples(folder, left)
        yield {**self._overview(folder), self.status: ""}

    def _learn(self, session: str) -> Iterator[Values]:
        site = self._site
        folder = site.sessions.folder(session)
        found, known = lesson.examples(folder), None
        with tempfile.TemporaryDirectory(dir=folder) as own:
            for item in site.desk.run(lesson.learn, folder, found, Path(own), site.shared):
                if isinstance(item, Step):
                    yield {self.progress: bar(item)}
                    continue
                with site.sessions.lock:
                    lesson.keep(folder, found, item)
                known = item if isinstance(item, Taught) else known
                yield self._learned(folder, found, known)
        yield {self.progress: ""}

    def _try(self, session: str, path: str | None) -> Iterator[Values]:
        yield {self.labels: None, self.answer: ""}
        if path is None:
            return
        site = self._site
        folder = site.sessions.folder(session)
        for item in site.desk.run(lesson.recognise, path, folder, site.shared):
            if isinstance(item, Step):
                yield {self.answer: bar(item)}
            else:
                yield {self.labels: item, self.answer: ""}

"""The tab *Who does what* of a network of detection: the persons in a video and their actions."""

import html
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.predict.annotate.boxed_videos import write_boxed
from slowfast.predict.persons.box_sources import WHOLE, open_source
from slowfast.predict.persons.infer_boxes import drawn_key_frames
from slowfast.predict.persons.key_rows import KeyPart, key_rows
from slowfast.predict.persons.person_actions import (
    PersonActions,
    actions_of_persons,
    answer_settings,
    joined,
)
from slowfast.predict.persons.person_rows import ACTIONS
from slowfast.predict.timeline.timeline_files import short_clock
from slowfast.web.jobs import OpenKind, Step, Tell
from slowfast.web.site import TOP, Shared, Site, Values, at_once, bar, compute, sentence, upload
from slowfast.web.uploads import by_its_name, seconds_of

DETECTED = "detected"
MOST = 20
"""Persons that are listed, at most."""


class Film(NamedTuple):
    """The video with its persons drawn in."""

    path: Path


def find_persons(
    open_kind: OpenKind, tell: Tell, path: str, where: str, folder: Path, shared: Shared
) -> None:
    """Tells what each person of an upload does, a list of PersonActions, and then its Film, which
    is in ``folder``.

    Args:
        where: ``DETECTED``, or ``WHOLE``: all of the picture is one box.
    """
    cfg, sample = shared.cfg, Sample(path)
    with by_its_name(path):
        tell(Step(0.0, "opening the video"))
        seconds_of(path, cfg.data, shared.longest)
        tell(Step(0.02, "opening the detector" if where == DETECTED else "looking at it"))
        detector = shared.detector if where == DETECTED and shared.detector else None
        source = open_source(WHOLE, detector, None, [sample], cfg)

        def report(done: float, keys: int) -> None:
            tell(Step(0.05 + 0.65 * done, f"who does what: {keys:,} key frames"))

        parts: list[KeyPart] = []
        for _, part in key_rows(
            open_kind("prob"), [sample], cfg, source, places=[0], first=lambda place: 0,
            report=report,
        ):  # fmt: skip
            if isinstance(part, VideoError):
                raise part
            parts.append(part)
        found, settings = joined(parts), answer_settings(cfg, shared.names, TOP)
        tell(actions_of_persons(found, settings))
        drawn, film = drawn_key_frames(found, settings), folder / f"{Path(path).stem}-persons.mp4"
        assert drawn is not None
        write_boxed(
            sample, film, drawn, cfg,
            lambda share: tell(Step(0.7 + 0.3 * share, "writing the video with its persons")),
        )  # fmt: skip
        tell(Film(film))


def table_of_persons(found: list[PersonActions]) -> str:
    """What each person does, as HTML."""
    if not found:
        return sentence("Nobody was found.")
    rows = []
    for person, first, last, actions, (name, value) in sorted(found[:MOST]):
        seen = ", ".join(f"{name} {100 * value:.0f} %" for name, value in actions[:ACTIONS])
        seen = seen or f"nothing for sure; nearest is {name}, {100 * value:.0f} %"
        when = short_clock(first) + (f" to {short_clock(last)}" if last > first else "")
        rows.append(f"<tr><td>{person}</td><td>{when}</td><td>{html.escape(seen)}</td></tr>")
    head = "<tr><th>Person</th><th>When</th><th>What, and how sure</th></tr>"
    table = f'<table class="segments"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'
    others = len(found) - MOST
    return table + (
        sentence(f"And {others:,} others, who are there shorter.") if others > 0 else ""
    )


class PersonsTab:
    """The tab's components, and what happens."""

    def __init__(self, site: Site, session: Any) -> None:
        import gradio as gr

        self._gr, self._site = gr, site
        detector = site.shared.detector
        gr.Markdown("Drop a video, or record one: see who does what, and where.")
        choices = [("the whole picture", WHOLE)]
        if detector:
            choices.insert(0, (f"persons, found by {Path(detector).name}", DETECTED))
        with gr.Row():
            with gr.Column(min_width=300):
                self.video = upload(gr, "Your video", "who_video")
                where = gr.Radio(
                    choices, value=choices[0][1], label="Whose actions", visible=bool(detector),
                    elem_id="who_where",
                )  # fmt: skip
                self.status = gr.HTML("", elem_id="who_status")
            with gr.Column(min_width=300):
                self.film = gr.Video(
                    label="The video with its persons", visible=False, elem_id="who_film",
                    height=320, show_label=False,  # it would hide that of a person
                )  # fmt: skip
                self.table = gr.HTML("", elem_id="who_table")
        shown = [self.film, self.table, self.status]
        found = compute(
            [self.video.upload, self.video.stop_recording, where.input], self._find,
            [session, self.video, where], shown, "who", self.status,
        )  # fmt: skip
        at_once([self.video.clear], self._cleared, None, shown, "clear", cancels=[found])

    def _cleared(self) -> Values:
        return {
            self.film: self._gr.Video(None, visible=False), self.table: "", self.status: "",
        }  # fmt: skip

    def _find(self, session: str, path: str | None, where: str) -> Iterator[Values]:
        site = self._site
        yield self._cleared()
        if path is None:
            return
        # What Gradio shows it has copied.
        with tempfile.TemporaryDirectory(dir=site.sessions.folder(session)) as folder:
            for item in site.desk.run(find_persons, path, where, Path(folder), site.shared):
                if isinstance(item, Step):
                    yield {self.status: bar(item)}
                elif isinstance(item, Film):
                    yield {self.film: self._gr.Video(str(item.path), visible=True)}
                else:
                    yield {self.table: table_of_persons(item)}
        yield {self.status: ""}

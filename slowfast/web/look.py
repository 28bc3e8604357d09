"""The tab *Look*: what is in a video, when, and why."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from slowfast.cli.network import network_of
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.files import atomic
from slowfast.predict import enough
from slowfast.predict.annotate.answers import IN_VIDEO
from slowfast.predict.annotate.drawn_labels import annotate_video
from slowfast.predict.answer import answer_of
from slowfast.predict.timeline.captions import best_at, captions_of
from slowfast.predict.timeline.segments import Segment, cell_edges, find_segments
from slowfast.predict.timeline.timelines import Windows, timeline_rows, video_thumbs
from slowfast.predict.views import rows_of_videos, view_loader
from slowfast.web.jobs import OpenKind, Step, Tell
from slowfast.web.look_html import said_of, table_of
from slowfast.web.site import (
    TOP,
    Shared,
    Site,
    Values,
    at_once,
    bar,
    compute,
    fault,
    sentence,
    upload,
)
from slowfast.web.uploads import by_its_name, seconds_of


class Classes(NamedTuple):
    """The best classes of a video with their probabilities, best first."""

    best: list[tuple[str, float]]
    said: str
    """With several labels a video: which of them it shows."""


class Story(NamedTuple):
    """What happens when."""

    segments: list[Segment]
    picture: Path


class Film(NamedTuple):
    """The video with its labels drawn in."""

    path: Path


def look(open_kind: OpenKind, tell: Tell, path: str, folder: Path, shared: Shared) -> None:
    """Tells the Classes of an upload, its Story, and its Film; their files are in ``folder``."""
    cfg, names = shared.cfg, shared.names
    most = IN_VIDEO[cfg.train.task]
    with by_its_name(path):
        tell(Step(0.0, "opening the video"))
        seconds_of(path, cfg.data, shared.longest)
        backend, sample = open_kind("prob"), Sample(path)
        tell(Step(0.02, "looking at it"))
        ((_, row),) = rows_of_videos(
            backend, [sample], cfg, what="", until_enough=not enough.obstacle(cfg)
        )
        if isinstance(row, VideoError):
            raise row
        answer = answer_of(row, cfg, TOP)
        best = answer.shown(names)
        tell(Classes(answer.named(names), said_of(answer, names)))

        def report(done: float, windows: int) -> None:
            tell(Step(0.1 + 0.6 * done, f"what happens when: {windows:,} windows"))

        ((_, found),) = timeline_rows(backend, [sample], cfg, report=report)
        if isinstance(found, VideoError):
            raise found
        segments = find_segments(found.seconds, found.scores, cfg.timeline)
        tell(Story(segments, _drawn(found, segments, sample, folder, shared)))

        captions = captions_of(segments, found.video.begins, names)

        def labels_at(seconds: float) -> list[tuple[str, float]]:
            return best_at(captions, seconds, most) if segments else best[:most]

        film = folder / f"{Path(path).stem}-labelled.mp4"
        annotate_video(
            sample, film, labels_at, cfg.data,
            report=lambda share: tell(Step(0.7 + 0.3 * share, "writing the video with its labels")),
        )  # fmt: skip
        tell(Film(film))


def _drawn(
    found: Windows, segments: list[Segment], sample: Sample, folder: Path, shared: Shared
) -> Path:
    """The picture of a timeline."""
    from slowfast.predict.timeline.timeline_picture import draw_timeline

    picture = folder / "timeline.png"
    draw_timeline(
        cell_edges(found.seconds), found.scores, segments, picture,
        name_of=shared.names.__getitem__, title=Path(sample.path).name,
        thumbs=video_thumbs(sample, shared.cfg),
    )  # fmt: skip
    return picture


def tell_why(open_kind: OpenKind, tell: Tell, path: str, folder: Path, shared: Shared) -> None:
    """Tells the path of a picture of where each pathway looks, and what decided."""
    from slowfast.predict.explain.entries import entry_of
    from slowfast.predict.explain.explanations import draw, explained

    cfg = shared.cfg
    with by_its_name(path):
        tell(Step(0.0, "opening the video"))
        seconds_of(path, cfg.data, shared.longest)
        tell(Step(0.1, "looking for reasons"))
        with view_loader([Sample(path)], cfg, 1) as loader:
            ((video,),) = loader.run([[0]])
        if isinstance(video, VideoError):
            raise video
        network = network_of(shared.weights, cfg, "cpu")
        why = explained(network, open_kind("prob"), video, cfg, not enough.obstacle(cfg), TOP)
        if isinstance(why, VideoError):
            raise why
    picture = folder / "why.png"
    with atomic(picture) as file:
        draw(entry_of(Path(path).name, why, shared.names, cfg), why, cfg, file)
    tell(picture)


class LookTab:
    """The tab's components, and what happens."""

    def __init__(self, site: Site, session: Any) -> None:
        import gradio as gr

        self._gr, self._site = gr, site
        several = site.shared.cfg.train.task == "multi"
        gr.Markdown("Drop a video, or record one: see what is in it, when, and why.")
        with gr.Row():
            with gr.Column(min_width=300):
                self.video = upload(gr, "Your video", "look_video")
                self.status = gr.HTML("", elem_id="look_status")
            with gr.Column(min_width=300):
                self.labels = gr.Label(
                    label="What is in it", num_top_classes=TOP, elem_id="look_labels",
                    show_heading=not several,
                )  # fmt: skip
                self.said = gr.HTML("", visible=several, elem_id="look_said")
        self.story = gr.Image(
            label="What happens when", buttons=["download", "fullscreen"], visible=False,
            elem_id="look_timeline",
        )  # fmt: skip
        self.segments = gr.HTML("", elem_id="look_segments")
        self.film = gr.Video(
            label="The video with its labels", visible=False, elem_id="look_film", height=320
        )
        self.why = gr.Button("Why?", visible=False, elem_id="look_why")
        self.why_status = gr.HTML("", elem_id="look_why_status")
        self.reasons = gr.Image(
            label="Where each pathway looks, and what it adds", visible=False,
            buttons=["download", "fullscreen"], elem_id="look_reasons",
        )  # fmt: skip
        reasons = [self.why, self.why_status, self.reasons]
        shown = [
            self.labels, self.story, self.segments, self.film, self.status, *reasons, self.said
        ]  # fmt: skip
        asked = compute(
            [self.why.click], self._why, [session, self.video], reasons, "why", self.why_status
        )
        looked = compute(
            [self.video.upload, self.video.stop_recording], self._look, [session, self.video],
            shown, "look", self.status,
        )  # fmt: skip
        at_once([self.video.clear], self._cleared, None, shown, "clear", cancels=[looked, asked])

    def _cleared(self) -> Values:
        gr = self._gr
        return {
            self.labels: None, self.said: "", self.status: "", self.segments: "",
            self.story: gr.Image(None, visible=False), self.film: gr.Video(None, visible=False),
            self.why: gr.Button(visible=False), self.why_status: "",
            self.reasons: gr.Image(None, visible=False),
        }  # fmt: skip

    def _look(self, session: str, path: str | None) -> Iterator[Values]:
        site = self._site
        yield self._cleared()
        if path is None:
            return
        # What Gradio shows it has copied.
        with tempfile.TemporaryDirectory(dir=site.sessions.folder(session)) as folder:
            for item in site.desk.run(look, path, Path(folder), site.shared):
                yield self._shown(item)
        yield {self.status: ""}

    def _why(self, session: str, path: str | None) -> Iterator[Values]:
        gr, site = self._gr, self._site
        if path is None:
            yield {self.why_status: fault("Drop a video first.")}
            return
        with tempfile.TemporaryDirectory(dir=site.sessions.folder(session)) as folder:
            for item in site.desk.run(tell_why, path, Path(folder), site.shared):
                if isinstance(item, Step):
                    yield {self.why_status: bar(item)}
                else:
                    yield {self.reasons: gr.Image(str(item), visible=True), self.why_status: ""}

    def _shown(self, item: Any) -> Values:
        if isinstance(item, Step):
            return {self.status: bar(item)}
        if isinstance(item, Classes):
            several = self._site.shared.cfg.train.task == "multi"
            return {
                self.labels: dict(item.best), self.said: sentence(item.said),
                self.why: self._gr.Button(visible=several or len(self._site.shared.names) > 1),
            }  # fmt: skip
        if isinstance(item, Story):
            return {
                self.story: self._gr.Image(str(item.picture), visible=True),
                self.segments: table_of(item.segments, self._site.shared.names),
            }
        return {self.film: self._gr.Video(str(item.path), visible=True)}

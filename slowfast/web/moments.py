"""The tab *Find*: moments like a clip, in videos whose features were extracted."""

import html
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from slowfast.cli.network import network_of
from slowfast.predict import similar
from slowfast.predict.similar import Moment
from slowfast.predict.timeline.timeline_files import short_clock
from slowfast.web.jobs import JobError, OpenKind, Step, Tell
from slowfast.web.site import Shared, Site, Values, at_once, bar, compute, figures, sentence, upload
from slowfast.web.uploads import by_its_name, seconds_of, write_picture

MOMENTS = 12
"""How many are shown, at most."""
HOW = "python -m slowfast.tools.extract_features VIDEOS -w WEIGHTS --out DIR"
GONE = np.full((90, 160, 3), 160, np.uint8)
"""Stands for a picture of a video that is not there any more."""


class Alike(NamedTuple):
    """Moments like a clip, the most similar first, with a picture each."""

    moments: list[tuple[Moment, Path]]
    own: list[str]
    """Videos that are the clip itself."""


def find(
    open_kind: OpenKind, tell: Tell, path: str, features: Path, folder: Path, shared: Shared
) -> None:
    """Tells the Alike of an upload; its pictures are in ``folder``.

    Raises:
        FolderError: the features are of other weights or settings, or there are none.
    """
    cfg = shared.cfg
    with by_its_name(path):
        tell(Step(0.0, "opening the video"))
        seconds_of(path, cfg.data, shared.longest)
        network = network_of(shared.weights, cfg, "cpu", any_classes=True)
        similar.require_same(network, cfg, features)
        tell(Step(0.1, "looking at it"))
        every = similar.plan_in(features)["every"]
        query = similar.query_of(open_kind("features"), path, cfg, every)
    tell(Step(0.6, f"looking through {features}"))
    found = similar.find_similar(features, query, MOMENTS)
    tiles = []
    for number, moment in enumerate(found.moments):
        tell(Step(0.8 + 0.2 * number / MOMENTS, "fetching pictures"))
        frame = similar.middle_frame(moment, cfg.data)
        tiles.append((moment, folder / f"{number}.jpg"))
        write_picture(GONE if frame is None else frame, tiles[-1][1])
    tell(Alike(tiles, found.own))


class FindTab:
    """The tab's components, and what happens."""

    def __init__(self, site: Site, session: Any) -> None:
        import gradio as gr

        self._site = site
        gr.Markdown("Drop a clip: see the most similar moments of the videos in a folder.")
        known = [str(folder) for folder in site.features]
        with gr.Row():
            with gr.Column(min_width=300):
                self.features = gr.Dropdown(
                    known, value=known[0] if known else None, allow_custom_value=site.any_folder,
                    label="Folder of features", info=f"made by {HOW}", elem_id="find_folder",
                )  # fmt: skip
                self.clip = upload(gr, "Your clip", "find_clip")
                self.status = gr.HTML("", elem_id="find_status")
            with gr.Column(min_width=300, scale=2):
                self.found = gr.HTML("", elem_id="find_shown")
                self.listed = gr.HTML(
                    sentence("What is similar appears here."), elem_id="find_list"
                )
        shown = [self.found, self.listed, self.status]
        asked = compute(
            [self.clip.upload, self.clip.stop_recording], self._find,
            [session, self.features, self.clip], shown, "find", self.status,
        )  # fmt: skip
        at_once([self.clip.clear], lambda: ["", "", ""], None, shown, "lose", cancels=[asked])

    def _find(self, session: str, features: str | None, path: str | None) -> Iterator[Values]:
        site = self._site
        yield {self.found: "", self.listed: "", self.status: ""}
        if path is None:
            return
        if not features:
            raise JobError(f"Name a folder of features first: {HOW} makes one.")
        place = Path(features).expanduser()
        if not site.any_folder and place not in site.features:
            raise JobError("This folder is not one of those that the page was opened with.")
        with tempfile.TemporaryDirectory(dir=site.sessions.folder(session)) as folder:
            for item in site.desk.run(find, path, place, Path(folder), site.shared):
                yield self._shown(item)

    def _shown(self, item: Step | Alike) -> Values:
        if isinstance(item, Step):
            return {self.status: bar(item)}
        tiles = [
            (picture, f"{number}.  {moment.similarity:.2f}")
            for number, (moment, picture) in enumerate(item.moments, 1)
        ]
        left_out = [f"Left out: {Path(video).name}, the clip itself." for video in item.own]
        return {
            self.found: figures(tiles),
            self.listed: table_of([moment for moment, _ in item.moments], self._site.any_folder),
            self.status: "".join(map(sentence, left_out)),
        }


def times(moment: Moment) -> str:
    """``0:04.0 to 0:06.1``."""
    return f"{short_clock(moment.start)} to {short_clock(moment.end)}"


def table_of(moments: list[Moment], whole: bool) -> str:
    """The moments, as HTML; ``whole``: with the whole paths of the videos, not the names alone."""
    rows = "".join(
        f"<tr><td>{number}.</td><td>{moment.similarity:.3f}</td><td>{times(moment)}</td>"
        f"<td>{html.escape(moment.video if whole else Path(moment.video).name)}</td></tr>"
        for number, moment in enumerate(moments, 1)
    )
    head = "<tr><th></th><th>Similar</th><th>When</th><th>Video</th></tr>"
    return f'<table class="found"><thead>{head}</thead><tbody>{rows}</tbody></table>'

"""What all tabs of the page share: what computes, the limits, and how things are said."""

import functools
import html
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from slowfast.config import Config
from slowfast.web.jobs import Desk, JobError, Step
from slowfast.web.sessions import Sessions

AT_A_TIME = 4
"""Requests that compute at once; the others wait."""
TOP = 5
"""Classes that are shown, at most."""

Values = dict[Any, Any]
"""What components show from now on."""
Shown = Callable[..., Iterator[Values]]
"""What happens at an event."""


class Shared(NamedTuple):
    """What all requests work with; it can be pickled."""

    cfg: Config
    weights: str
    names: list[str]
    """Of the network's classes."""
    longest: float
    """Seconds that a video may last."""
    detector: str = ""
    """What finds persons, see ``PersonDetector``; empty: nothing does."""


class Site(NamedTuple):
    """What a server works with."""

    desk: Desk
    sessions: Sessions
    shared: Shared
    features: list[Path]
    """Folders that ``extract_features`` has written."""
    any_folder: bool
    """Whether who uses the page may name other folders: not where others reach it."""


def bar(step: Step) -> str:
    """A progress bar, as HTML."""
    text, percent = html.escape(step.what), round(100 * min(step.share, 1.0))
    return (
        f'<div class="step"><div class="track" role="progressbar" aria-valuenow="{percent}" '
        f'aria-label="{text}"><div style="width: {percent}%"></div></div>{text} ...</div>'
    )


def sentence(text: object, kind: str = "said") -> str:
    """A sentence, as HTML. ``kind`` is ``said`` or ``fault``."""
    return f'<p class="{kind}" role="status">{html.escape(str(text))}</p>' if text else ""


def fault(error: object) -> str:
    """What is wrong, as HTML."""
    text = str(error)
    name, colon, _ = text.partition(": ")
    begin = text[:1] if colon and "." in name else text[:1].upper()  # a file's name stays as it is
    return sentence(f"{begin}{text[1:]}{'' if text.endswith('.') else '.'}", "fault")


def figures(tiles: Sequence[tuple[Path, str]]) -> str:
    """Small JPEG pictures with a line below each, as HTML."""
    if not tiles:
        return ""
    shown = "".join(
        f'<figure><img src="data:image/jpeg;base64,{b64encode(picture.read_bytes()).decode()}" '
        f'alt=""><figcaption>{html.escape(text)}</figcaption></figure>'
        for picture, text in tiles
    )
    return f'<div class="figures">{shown}</div>'


def upload(gr: Any, label: str, name: str, sources: Sequence[str] = ("upload", "webcam")) -> Any:
    """Where a video is dropped or recorded."""
    video = gr.Video(
        label=label, sources=list(sources), elem_id=name, elem_classes=["upload"],
        include_audio=False, webcam_options=gr.WebcamOptions(mirror=False),
    )  # fmt: skip
    # As it is: Gradio would take the sound away first, with FFmpeg, of a file nobody has looked at.
    video.preprocess = lambda payload: payload and payload.path
    return video


def upload_files(gr: Any, label: str, name: str) -> Any:
    """Where several videos are dropped."""
    return gr.File(
        label=label, file_count="multiple", elem_id=name, elem_classes=["upload"], height=160
    )


def told_in(status: Any, work: Shown) -> Shown:
    """``work``; what is wrong is told in ``status``."""

    @functools.wraps(work)
    def told(*given: Any) -> Iterator[Values]:
        try:
            yield from work(*given)
        except JobError as error:
            yield {status: fault(error)}

    return told


def compute(
    events: Sequence[Any], work: Shown, inputs: Any, outputs: Any, name: str, status: Any
) -> Any:
    """Runs ``work`` at these events, after at most ``AT_A_TIME`` others of all tabs; see
    ``told_in``."""
    import gradio as gr

    return gr.on(
        list(events), told_in(status, work), inputs, outputs, api_name=name,
        concurrency_id="compute", concurrency_limit=AT_A_TIME, show_progress="hidden",
        trigger_mode="multiple" if name == "add" else "once",
    )  # fmt: skip


def at_once(
    events: Sequence[Any], work: Callable[..., Any], inputs: Any, outputs: Any, name: str,
    cancels: Any = None,
) -> Any:  # fmt: skip
    """Runs ``work``, which is quick, at these events."""
    import gradio as gr

    return gr.on(
        list(events), work, inputs, outputs, api_name=name, concurrency_limit=None,
        show_progress="hidden", cancels=cancels,
    )  # fmt: skip

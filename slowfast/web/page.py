"""The page: its tabs, and how it looks."""

import json
from pathlib import Path
from typing import Any

from slowfast.data.lists.folders import VIDEO_ENDINGS
from slowfast.web.look import LookTab
from slowfast.web.moments import FindTab
from slowfast.web.persons_tab import PersonsTab
from slowfast.web.sessions import IDLE
from slowfast.web.site import AT_A_TIME, Site, at_once
from slowfast.web.teach import TeachTab

WORK = [
    "slowfast.web.look", "slowfast.web.lesson", "slowfast.web.moments", "slowfast.web.persons_tab",
    "sklearn.linear_model",
]  # fmt: skip
"""Modules with the work of requests, see ``jobs.py``."""
TITLE = "What is happening in this video?"


def look_and_feel(most_mb: int) -> dict[str, Any]:
    """What ``launch`` takes for how the page looks, and what it refuses before it is sent."""
    import gradio as gr

    # System fonts: Gradio's own themes have some of Google's.
    fonts = ["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
    theme = gr.themes.Default(
        primary_hue="blue", secondary_hue="blue", neutral_hue="slate",
        font=fonts, font_mono=["ui-monospace", "Consolas", "monospace"],
    )  # fmt: skip
    here = Path(__file__).parent
    guard = (here / "page.js").read_text(encoding="utf-8")
    guard = guard.replace("__LIMIT_MB__", str(most_mb))
    guard = guard.replace("__ENDINGS__", json.dumps(VIDEO_ENDINGS))
    return {
        "theme": theme, "css": (here / "page.css").read_text(encoding="utf-8"),
        "head": f"<script>{guard}</script>", "max_file_size": most_mb * 2**20,
    }  # fmt: skip


def page(site: Site) -> Any:
    """The page as Gradio's Blocks."""
    import gradio as gr

    kept = (3600, int(IDLE))  # seconds: Gradio looks through its copies of files, and keeps them
    with gr.Blocks(analytics_enabled=False, title=TITLE, delete_cache=kept) as blocks:
        # Nothing is secret about it; with another one after a restart, the browser shows an error.
        session = gr.BrowserState(None, storage_key="slowfast", secret="slowfast")
        gr.Markdown(f"# {TITLE}")
        started = at_once([blocks.load], site.sessions.begin, session, session, "begin")
        if site.shared.cfg.train.task == "detection":
            with gr.Tab("Who does what"):
                PersonsTab(site, session)
            return blocks.queue(default_concurrency_limit=AT_A_TIME)
        with gr.Tab("Look"):
            LookTab(site, session)
        with gr.Tab("Teach"):
            TeachTab(site, session, started)
        with gr.Tab("Find"):
            FindTab(site, session)
    return blocks.queue(default_concurrency_limit=AT_A_TIME)

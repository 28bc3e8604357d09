"""Serves the page, from a folder of its own that goes with it; nothing leaves this machine."""

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slowfast.errors import UserError
from slowfast.files import FolderError, sole_writer
from slowfast.log import logger

PREFIX = "slowfast-web-"
LOCAL = ("127.0.0.1", "localhost", "::1")
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; media-src 'self' blob: data:; "
    "font-src 'self' data:; connect-src 'self' blob: data:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
"""What a browser may load for the page: nothing of other hosts, also if an uploaded file names
some, as a playlist does."""
OFFLINE = {
    "GRADIO_ANALYTICS_ENABLED": "False",  # Gradio reports its start, and looks for a newer version
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "NO_PROXY": "*",  # a proxy cannot reach the server, which Gradio asks once whether it is there
}


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A folder for all that people upload and what is made of it; it is removed at the end, or, if
    this process is killed, when the next page begins.

    Gradio is told of it before it is imported, and that it is to send nothing anywhere.
    """
    _remove_left()
    folder, before = Path(tempfile.mkdtemp(prefix=PREFIX)), dict(os.environ)
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]  # what is served, and to whom, the flags alone say
    os.environ |= OFFLINE | {"GRADIO_TEMP_DIR": str(folder / "files")}
    os.environ.setdefault("PATH", os.defpath)  # pydub, which Gradio imports, fails without one
    try:
        with sole_writer(folder, "serving a page"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.clear()
        os.environ.update(before)


def _remove_left() -> None:
    """Removes the folders of pages whose process was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, FolderError):  # one that goes, or is in use
            if (folder / ".lock").lstat().st_uid == os.getuid():
                with sole_writer(folder, "serving a page"):
                    shutil.rmtree(folder, ignore_errors=True)


def require_free(host: str, port: int) -> None:
    """Raises a UserError if nothing can be served there."""
    if not host:
        raise UserError("--host: name an address, 0.0.0.0 for all of this machine's")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        what = f"{host}:{port} cannot be used: {error.strerror}"
        raise UserError(f"{what} (name another with --port or --host)") from error


def serve(
    blocks: Any, looks: dict[str, Any], *, host: str, port: int | None,
    started: Callable[[str], None],
) -> None:  # fmt: skip
    """Serves the page until Ctrl-C or SIGTERM.

    Args:
        blocks, looks: see ``page.page`` and ``page.look_and_feel``.
        port: None: the first free one from 7860 on.
        started: called with the address.

    Raises:
        UserError: this Gradio cannot be kept from fetching urls.
    """
    import gradio
    from gradio import processing_utils
    from starlette.middleware import Middleware

    if not hasattr(processing_utils, "async_ssrf_protected_download"):
        version = gradio.__version__
        raise UserError(f"this page does not know Gradio {version}: pip install 'gradio>=6,<7'")
    processing_utils.async_ssrf_protected_download = _no_download
    _, address, _ = blocks.launch(
        server_name=host, server_port=port, share=False, inbrowser=False, quiet=True,
        prevent_thread_lock=True, footer_links=[], allowed_paths=[], run_history=False,
        enable_monitoring=False, ssr_mode=False, pwa=False, mcp_server=False,
        app_kwargs={"middleware": [Middleware(Guard, host in LOCAL)]}, **looks,
    )  # fmt: skip
    try:
        if host not in LOCAL:
            logger.warning(f"whoever reaches {host} can use this page: it asks for no password")
        started(address)
        threading.Event().wait()
    finally:
        blocks.close(verbose=False)


async def _no_download(url: str, cache_dir: str) -> str:
    """In place of Gradio's function, which fetches what a request names instead of a file."""
    from gradio import Error

    raise Error("This is no file of this machine.", print_exception=False)


class Guard:
    """Refuses requests of other pages, and keeps this one from asking other machines.

    Args:
        is_local: only this machine reaches the server. Then another name in a request is that of
            a page elsewhere, which had its name mean this machine (DNS rebinding).
    """

    def __init__(self, app: Any, is_local: bool) -> None:
        self._app, self._is_local = app, is_local

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.datastructures import MutableHeaders
        from starlette.responses import PlainTextResponse

        async def send_kept(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        app = self._app
        if scope["type"] == "http" and (fault := self._fault(scope)):
            app = PlainTextResponse(fault, 403)
        await app(scope, receive, send_kept)

    def _fault(self, scope: Any) -> str:
        """What is wrong with a request, if anything."""
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if self._is_local and urlsplit(f"//{host}").hostname not in LOCAL:
            return "This page is for its own machine"
        if origin is not None and urlsplit(origin).netloc != host:
            return "Not a request of this page"
        # Gradio would fetch it.
        return "Not a file of this machine" if "/file=http" in scope["path"] else ""

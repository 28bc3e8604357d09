"""Streams on this machine: an HTTP server whose answers a test chooses, pipes, an RTSP camera."""

import contextlib
import http.server
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Answer = Callable[[Any], None]
"""Answers a request of HTTP, by its handler."""


@contextlib.contextmanager
def served(*answers: Answer, certificate: Path | None = None) -> Iterator[str]:
    """An url, with a password; request i gets answer i, and those that follow the last one. With a
    certificate and its key in a file, an https url of localhost."""
    count = 0

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # noqa: N802
            nonlocal count
            answer = answers[min(count, len(answers) - 1)]
            count += 1
            self.close_connection = True
            with contextlib.suppress(OSError):  # the client has gone
                answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    scheme, host = "http", "127.0.0.1"
    if certificate is not None:
        scheme, host = "https", "localhost"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"{scheme}://me:secret@{host}:{server.server_port}/film"
    finally:
        server.shutdown()
        server.server_close()


def sent(
    content: bytes, seconds: float = 0.0, says: int = 0, then: float = 0.0,
    kind: str = "video/mp2t", breaks: bool = False,
) -> Answer:  # fmt: skip
    """An answer: these bytes, spread over some seconds.

    Args:
        says: the length that the header says; 0: none, as of what is live.
        then: seconds in which nothing more comes before the end.
        breaks: the connection is reset at the end, after the client has had time to read.
    """

    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        if says:
            handler.send_header("Content-Length", str(says))
        handler.end_headers()
        parts = [content[i : i + 1500] for i in range(0, len(content), 1500)]
        for part in parts:
            handler.wfile.write(part)
            time.sleep(seconds / len(parts))
        time.sleep(then)
        if breaks:
            time.sleep(0.3)
            now = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
            os.close(handler.connection.detach())

    return answer


def missing(handler: Any) -> None:
    """An answer: 404."""
    handler.send_error(404)


def silent(handler: Any) -> None:
    """No answer for a while."""
    time.sleep(3)


@contextlib.contextmanager
def piped(content: bytes, folder: Path) -> Iterator[str]:
    """A FIFO into which a thread writes these bytes."""
    path = folder / "fifo"
    os.mkfifo(path)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), open(path, "wb") as file:
            file.write(content)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    yield str(path)
    path.unlink()


SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=camera
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1
a=control:video
"""


@contextlib.contextmanager
def camera(pictures: Iterator[Any], fps: int) -> Iterator[str]:
    """An rtsp url, with a password, that one client can play: RFC 2326, over TCP. FFmpeg sends the
    pictures as RTP to a port of ours, at their rate, which hands them on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve_rtsp, args=(server, pictures, fps), daemon=True).start()
        yield f"rtsp://me:secret@127.0.0.1:{server.getsockname()[1]}/live"


def _serve_rtsp(server: socket.socket, pictures: Iterator[Any], fps: int) -> None:
    client, _ = server.accept()
    with client, client.makefile("rb") as requests, contextlib.suppress(OSError):
        while line := requests.readline():
            headers = [*iter(lambda: requests.readline().strip(), b"")]
            method = line.split()[0].decode()
            number = next(h for h in headers if h.lower().startswith(b"cseq")).decode()
            more, body = "", ""
            if method == "DESCRIBE":
                body = SDP.replace("\n", "\r\n")
                more = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            if method == "SETUP":
                more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
            client.sendall(f"RTSP/1.0 200 OK\r\n{number}\r\n{more}\r\n{body}".encode())
            if method == "PLAY":
                _send_rtp(client, pictures, fps)
                return


def _send_rtp(client: socket.socket, pictures: Iterator[Any], fps: int) -> None:
    import av

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets:
        packets.bind(("127.0.0.1", 0))
        url = f"rtp://127.0.0.1:{packets.getsockname()[1]}"
        with av.open(url, "w", format="rtp") as container:
            options = {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}
            film = container.add_stream("libx264", rate=fps, options=options)
            film.pix_fmt = "yuv420p"
            for number, picture in enumerate(pictures):
                if number == 0:
                    film.height, film.width, _ = picture.shape
                container.mux(film.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
                time.sleep(1 / fps)
                packets.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while packet := packets.recv(2048):
                        client.sendall(b"$" + struct.pack(">BH", 0, len(packet)) + packet)

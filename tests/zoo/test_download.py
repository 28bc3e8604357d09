"""Files from a server that breaks off, changes its mind, or is not there."""

import hashlib
import http.server
import resource
import selectors
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from support.tiny_run import environment

from slowfast.log import Progress
from slowfast.zoo import download as module
from slowfast.zoo.download import CHUNK, DownloadError, cache_folder, cached_path, download

SIZE = 40 * CHUNK
CONTENT, OTHER = (np.random.default_rng(seed).bytes(SIZE) for seed in (0, 1))
CUT = 10 * CHUNK
SHA256 = hashlib.sha256(CONTENT).hexdigest()
DOWNLOADS = """
import sys
from slowfast.zoo.download import download
print(download(sys.argv[1], folder=sys.argv[2]))
"""


class Server:
    """A web server that says and does what it is told to; ``requests`` are those that came."""

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        self.folder = folder
        self.content = CONTENT
        self.headers = {"ETag": '"one"'}
        self.knows_ranges = True
        self.faults: list[Callable[[Any], bool]] = []
        """One for each request to come; a fault that returns True has answered it."""
        self.requests: list[tuple[str, str | None]] = []
        self.cut: int | None = None
        """Bytes after which the next answers break off."""
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests.append((self.path, self.headers["Range"]))
                if not (site.faults and site.faults.pop(0)(self)):
                    site.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def get(self, sha256: str = "") -> bytes:
        """What is downloaded."""
        path = download(f"{self.url}/net.pth", sha256=sha256, folder=self.folder)
        assert path == self.place
        return path.read_bytes()

    @property
    def place(self) -> Path:
        """Of the download."""
        return self.folder / f"127.0.0.1%3A{self.http.server_port}" / "net.pth"

    def answer(self, handler: Any) -> None:
        """The file, or the part of it that is asked for."""
        asked, start = handler.headers["Range"], 0
        if asked and self.knows_ranges and handler.headers["If-Range"] in self.headers.values():
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.content):
                handler.send_error(416)
                return
        headers = {"Content-Length": str(len(self.content) - start)} | self.headers
        if start:
            total = len(self.content)
            headers = {"Content-Range": f"bytes {start}-{total - 1}/{total}"} | headers
        send(handler, 206 if start else 200, self.content[start:][: self.cut], **headers)


def send(handler: Any, code: int, body: bytes = b"", **headers: str) -> bool:
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
    return True


def says(code: int, body: bytes = b"", **headers: str) -> Callable[[Any], bool]:
    """A fault: this answer in place of the file."""
    return lambda handler: send(handler, code, body, **headers)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0, 0.0))
    site = Server(tmp_path)
    yield site
    site.close()


def files_in(folder: Path) -> list[str]:
    """All but the locks, which stay."""
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    return sorted(name for name in names if not name.endswith(".lock"))


def test_a_file_is_fetched_once(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        path = download(f"{server.url}/a/net%201.pth", sha256=SHA256[:8].upper(), folder=tmp_path)
        assert path.read_bytes() == CONTENT
    assert path.name == "net%201.pth" and path.parent.name == "a"
    assert server.requests == [("/a/net%201.pth", None)]
    assert files_in(tmp_path) == ["net%201.pth"]
    assert capfd.readouterr() == ("net%201.pth: done in 0:00:00  1 MB\n", "")


def test_where_files_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("SLOWFAST_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path("/home/me/.cache/slowfast")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert cache_folder() == Path("/cache/slowfast")
    monkeypatch.setenv("SLOWFAST_HOME", "~/weights")
    assert cache_folder() == Path("/home/me/weights")
    urls = ["http://a/x/n", "http://a/y/n", "http://a:8/x/n", "http://b/x/n", "http://a/x/n?v=2",
            "http://a/x/8*8", "http://a/x/8_8"]  # fmt: skip
    places = {cached_path(url, tmp_path) for url in urls}
    assert len(places) == len(urls)
    for url in ("http://a/../../n", "http://a/%2e%2e/n", "http://a/..%2F..%2Fn", "http://a"):
        assert cached_path(url, tmp_path).is_relative_to(tmp_path / "a")
        assert ".." not in cached_path(url, tmp_path).parts


def test_a_broken_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.cut = 16 * CHUNK
    assert server.get() == CONTENT
    assert server.requests == [
        ("/net.pth", None),
        ("/net.pth", f"bytes={16 * CHUNK}-"),
        ("/net.pth", f"bytes={32 * CHUNK}-"),
    ]
    assert files_in(tmp_path) == ["net.pth"]


def test_and_when_it_is_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.cut, server.faults = CUT, [lambda handler: False] + 3 * [says(503)]
    with pytest.raises(DownloadError) as error:
        server.get()
    assert str(error.value) == (
        f"{server.url}/net.pth cannot be downloaded: the server answers 503 Service Unavailable; "
        f"you can put the file by hand at {server.place}"
    )
    assert files_in(tmp_path) == ["net.pth.part"]
    server.cut = None
    assert server.get() == CONTENT
    assert server.requests[-1] == ("/net.pth", f"bytes={CUT}-")


@pytest.mark.parametrize("headers", [{"Last-Modified": "Thu, 16 Jul 2020 08:00:00 GMT"},
                                     {"ETag": 'W/"weak"'}, {}])  # fmt: skip
def test_only_what_is_surely_the_same_file_goes_on(server: Server, headers: dict[str, str]) -> None:
    server.headers, server.faults = headers, [cuts(server, CUT)]
    assert server.get() == CONTENT
    goes_on = f"bytes={CUT}-" if "Last-Modified" in headers else None
    assert server.requests == [("/net.pth", None), ("/net.pth", goes_on)]


def cuts(server: Server, after: int, then: dict[str, Any] | None = None) -> Callable[[Any], bool]:
    """A fault: the file, broken off; after it the server is another."""

    def fault(handler: Any) -> bool:
        server.cut = after
        server.answer(handler)
        server.cut = None
        for name, value in (then or {}).items():
            setattr(server, name, value)
        return True

    return fault


@pytest.mark.parametrize(
    "then",
    [
        dict(knows_ranges=False),
        dict(content=OTHER, headers={"ETag": '"two"'}),  # changed, and it looks at If-Range
        dict(content=OTHER[: CUT - 1], headers={"ETag": '"two"'}),
        dict(content=CONTENT[: CUT - 1]),  # 416
    ],
)
def test_it_starts_over_where_it_cannot_go_on(server: Server, then: dict[str, Any]) -> None:
    server.faults = [cuts(server, CUT, then)]
    assert server.get() == server.content


@pytest.mark.parametrize(
    "answer",
    [
        dict(Content_Range=f"bytes 0-{SIZE - 1}/{SIZE}"),
        dict(Content_Range=f"bytes {CUT}-{SIZE - 1}/{SIZE + 1}"),
        dict(Content_Range=f"bytes {CUT}-{SIZE - 1}/{SIZE}", ETag='"two"'),
        dict(),
    ],
)
def test_a_part_that_does_not_fit_is_not_added(server: Server, answer: dict[str, str]) -> None:
    server.faults = [cuts(server, CUT), says(206, OTHER[CUT:], **answer)]
    assert server.get() == CONTENT


def put(path: Path, part: bytes, note: bytes) -> None:
    """As a process leaves them that is killed."""
    path.parent.mkdir(parents=True)
    path.with_name(f"{path.name}.part").write_bytes(part)
    path.with_name(f".{path.name}.lock").write_bytes(note)


def test_a_finished_part_needs_no_more_bytes(server: Server) -> None:
    """As when the process ended just before it was named as it should be."""
    put(server.place, CONTENT, f'{SIZE} "one"'.encode())
    assert server.get() == CONTENT
    assert server.requests == []


@pytest.mark.parametrize("note", ["", "[1, 2]", "700000", '"one"', "9" * 5000, '9 "\x07"', "\xff"])
def test_a_damaged_note_is_none(server: Server, note: str) -> None:
    put(server.place, OTHER[:CUT], note.encode("latin1"))
    assert server.get() == CONTENT
    assert server.requests == [("/net.pth", None)]


def test_it_tries_again_on_passing_faults(server: Server) -> None:
    server.faults = [says(500), says(429), lambda handler: handler.connection.close() or True]
    assert server.get() == CONTENT
    assert len(server.requests) == 4


def test_a_server_that_falls_silent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    silence = threading.Event()
    server.faults = [lambda handler: silence.wait(20)]
    assert server.get() == CONTENT
    silence.set()
    assert len(server.requests) == 2


def test_a_length_that_is_wrong_is_seen(server: Server) -> None:
    server.headers, server.knows_ranges = {"Content-Length": "700000"}, False
    with pytest.raises(DownloadError, match="the connection broke; you can put"):
        server.get()
    assert len(server.requests) == 4


def test_a_rest_that_is_too_short_is_seen(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = says(206, CONTENT[CUT:-9], Content_Range=f"bytes {CUT}-{SIZE - 1}/{SIZE}")
    server.faults = [cuts(server, CUT), rest]
    assert server.get() == CONTENT
    assert f"net.pth: {SIZE - 9:,} of {SIZE:,} bytes arrived; trying" in capsys.readouterr().out


def test_a_file_of_unknown_length(server: Server) -> None:
    server.faults = [says(200, CONTENT)]
    assert server.get() == CONTENT


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (says(404), "the server answers 404 Not Found"),
        (says(403), "the server answers 403 Forbidden"),
        (says(200, b"<html>", Content_Type="text/html; charset=utf-8"),
         "the server sends a web page, not the file"),
        (says(302, Location="ftp://elsewhere/net.pth"),
         "the server redirects elsewhere (No connection adapters were found for 'ftp://elsewhere/"),
        (says(302, Location="file:///etc/passwd"),
         "the server redirects elsewhere (No connection adapters were found for 'file:///etc/"),
    ],
)  # fmt: skip
def test_what_no_other_try_would_mend(
    server: Server, fault: Callable[[Any], bool], reason: str
) -> None:
    server.faults = [fault]
    with pytest.raises(DownloadError) as error:
        server.get()
    begin, _, end = str(error.value).partition(reason)
    assert begin == f"{server.url}/net.pth cannot be downloaded: "
    assert end.endswith(f"; you can put the file by hand at {server.place}")
    assert "\n" not in end
    assert len(server.requests) == 1


def test_redirections_are_followed(server: Server) -> None:
    server.faults = [says(302, Location="/b/other.pth")]
    assert server.get() == CONTENT
    assert [path for path, _ in server.requests] == ["/net.pth", "/b/other.pth"]


def test_there_is_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DownloadError, match="no such host, or no network .*by hand at .*net.pth$"):
        download("https://nowhere.invalid/net.pth", folder=tmp_path)
    assert files_in(tmp_path) == []


def test_nobody_listens(server: Server, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/net.pth"
        with pytest.raises(DownloadError, match="downloaded: Connection refused; you can put"):
            download(url, folder=tmp_path)


def test_a_server_without_tls(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="cannot be downloaded: no TLS connection"):
        download(server.url.replace("http:", "https:") + "/net.pth", folder=tmp_path)
    assert server.requests == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture
def secure(server: Server, certificate: ssl.SSLContext) -> Iterator[Server]:
    site = Server(server.folder, certificate)
    yield site
    site.close()


def test_a_certificate_that_nobody_vouches_for(secure: Server) -> None:
    with pytest.raises(DownloadError, match="downloaded: its certificate is not valid .self"):
        secure.get()
    assert secure.requests == []


def test_never_out_of_https(
    server: Server, secure: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = requests.adapters.HTTPAdapter.send
    monkeypatch.setattr(  # the certificate is nobody's
        requests.adapters.HTTPAdapter, "send", lambda *given, **more: send(*given, **more | TRUSTS)
    )
    secure.faults = [says(302, Location=f"{server.url}/net.pth")]
    with pytest.warns(Warning), pytest.raises(DownloadError, match="redirects elsewhere .*http:"):
        secure.get()
    assert (len(secure.requests), server.requests) == (1, [])


TRUSTS = {"verify": False}


@pytest.mark.parametrize(
    "url",
    ["", "net.pth", "ftp://a/n", "file:///etc/passwd", "http://", "http://[a/n", "http://a:b/"],
)
def test_what_is_not_a_url(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="is not a URL of http or https"):
        download(url, folder=tmp_path)


def test_another_file_than_was_published(server: Server, tmp_path: Path) -> None:
    server.content = OTHER
    with pytest.raises(DownloadError) as error:
        server.get(SHA256[:8])
    seen = hashlib.sha256(OTHER).hexdigest()[:8]
    assert str(error.value) == (
        f"{server.url}/net.pth is not what was published, and was deleted: its SHA-256 begins with "
        f"{seen}, not {SHA256[:8]}"
    )
    assert files_in(tmp_path) == []
    server.content = CONTENT
    server.get(SHA256[:8])


def test_a_file_put_by_hand_is_looked_at_and_left(server: Server) -> None:
    path = server.place
    path.parent.mkdir()
    path.write_bytes(OTHER)
    assert server.get() == OTHER
    with pytest.raises(DownloadError, match=f"not {SHA256[:8]}; delete it, and it is downloaded"):
        server.get(SHA256[:8])
    assert path.read_bytes() == OTHER
    assert server.requests == []


def test_a_full_disk(server: Server) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (CUT, before[1]))
    try:
        with pytest.raises(DownloadError, match="net.pth cannot be written .*: File too large"):
            server.get()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(server.requests) == 1  # another try would not help
    assert server.get() == CONTENT
    assert server.requests[1] == ("/net.pth", f"bytes={CUT}-")


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        DownloadError, match="written .*: (Not a directory|File exists) .SLOWFAST_H"
    ):
        download(server.url, folder=tmp_path / "file")


def test_ctrl_c_keeps_what_has_arrived(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Progress, "update", interrupted)
        server.get()
    assert files_in(tmp_path) == ["net.pth.part"]
    assert server.get() == CONTENT
    assert server.requests[1] == ("/net.pth", f"bytes={CHUNK}-")


@pytest.mark.usefixtures("no_hang")
def test_processes_at_once_fetch_it_once(server: Server, tmp_path: Path) -> None:
    started = threading.Event()

    def slowly(handler: Any) -> bool:
        started.wait(20)
        return False

    server.faults = [slowly]
    command = [sys.executable, "-c", DOWNLOADS, f"{server.url}/n", str(tmp_path)]
    env = environment() | {"no_proxy": "*"}
    processes = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = selectors.DefaultSelector()
    for process in processes:
        said.register(process.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
    while len(said.select(timeout=20)) < 2:  # all but one say that they wait
        time.sleep(0.02)
    said.close()
    started.set()
    outputs = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum("another process downloads n: waiting for it" in lines for lines in outputs) == 2
    assert {Path(lines[-1]).read_bytes() for lines in outputs} == {CONTENT}
    assert server.requests == [("/n", None)]

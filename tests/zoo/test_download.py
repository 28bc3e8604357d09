"""Files from a server that breaks off, changes its mind, or is not there."""

import hashlib
import http.server
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
from support.full_disk import largest_file
from support.tiny_run import environment

from slowfast.log import Progress
from slowfast.places import cache_folder
from slowfast.zoo import download as module
from slowfast.zoo.download import CHUNK, DownloadError, cached_path, download

SIZE = 40 * CHUNK
CONTENT, OTHER = (np.random.default_rng(seed).bytes(SIZE) for seed in (0, 1))
CUT = 10 * CHUNK
REST = f"bytes={CUT}-"
NET = r"^http://127\.0\.0\.1:\d+/net\.pth"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
DOWNLOADS = """
import sys
from slowfast.zoo.download import download
print(download(sys.argv[1], folder=sys.argv[2]))
"""


class Handler(http.server.BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self) -> None:
        site = self.server
        site.requests.append((self.path, self.headers["Range"]))
        if not (site.faults and site.faults.pop(0)(self)):
            self.answer()

    def answer(self) -> None:
        """The file, or the part of it that is asked for."""
        site, asked, start = self.server, self.headers["Range"], 0
        total = len(site.content)
        if asked and site.knows_ranges and self.headers["If-Range"] in site.headers.values():
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= total:
                self.send_error(416)
                return
        headers = {"Content-Length": str(total - start)} | site.headers
        if start:
            headers = {"Content-Range": f"bytes {start}-{total - 1}/{total}"} | headers
        self.send(206 if start else 200, site.content[start:][: site.cut], **headers)

    def send(self, code: int, body: bytes = b"", **headers: str) -> bool:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        return True

    def log_message(self, *args: object) -> None:
        pass


Fault = Callable[[Handler], bool]
"""What happens in place of an answer; one that returns False is answered after all."""


class Server(http.server.ThreadingHTTPServer):
    """A web server that says and does what it is told to; ``requests`` are those that came."""

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.content = folder, CONTENT
        self.headers = {"ETag": '"one"'}
        self.knows_ranges = True
        self.faults: list[Fault] = []
        """One for each request to come."""
        self.requests: list[tuple[str, str | None]] = []
        self.cut: int | None = None
        """Bytes after which the next answers break off."""
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_port}"
        self.place = folder / f"127.0.0.1%3A{self.server_port}" / "net.pth"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def get(self, sha256: str = "") -> bytes:
        """What is downloaded."""
        path = download(f"{self.url}/net.pth", sha256=sha256, folder=self.folder)
        assert path == self.place
        return path.read_bytes()

    def refused(self, reason: str, sha256: str = "") -> None:
        with pytest.raises(DownloadError, match=reason) as caught:
            self.get(sha256)
        assert "\n" not in str(caught.value)

    @property
    def ranges(self) -> list[str | None]:
        """From which byte on each request asked for the file."""
        return [asked for _, asked in self.requests]


def says(code: int, body: bytes = b"", **headers: str) -> Fault:
    """This answer in place of the file."""
    return lambda handler: handler.send(code, body, **headers)


def cuts(**then: Any) -> Fault:
    """The file, broken off at ``CUT``; after it the server is another."""

    def fault(handler: Handler) -> bool:
        site = handler.server
        site.cut = CUT
        handler.answer()
        vars(site).update(then, cut=None)
        return True

    return fault


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
    assert server.ranges == [None, f"bytes={16 * CHUNK}-", f"bytes={32 * CHUNK}-"]
    assert files_in(tmp_path) == ["net.pth"]


def test_and_when_it_is_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.cut, server.faults = CUT, [lambda handler: False] + 3 * [says(503)]
    server.refused(
        f"{NET} cannot be downloaded: the server answers 503 Service Unavailable; "
        f"you can put the file by hand at {server.place}$"
    )
    assert files_in(tmp_path) == ["net.pth.part"]
    server.cut = None
    assert server.get() == CONTENT
    assert server.ranges[-1] == REST


@pytest.mark.parametrize("headers", [{"Last-Modified": "Thu, 16 Jul 2020 08:00:00 GMT"},
                                     {"ETag": 'W/"weak"'}, {}])  # fmt: skip
def test_only_what_is_surely_the_same_file_goes_on(server: Server, headers: dict[str, str]) -> None:
    server.headers, server.faults = headers, [cuts()]
    assert server.get() == CONTENT
    assert server.ranges == [None, REST if "Last-Modified" in headers else None]


TWO = {"ETag": '"two"'}
FITS = f"bytes {CUT}-{SIZE - 1}/{SIZE}"
FAULTS: dict[str, list[Fault]] = {
    "it sends all": [cuts(knows_ranges=False)],
    "another file, and it looks at If-Range": [cuts(content=OTHER, headers=TWO)],
    "another file, shorter": [cuts(content=OTHER[: CUT - 1], headers=TWO)],
    "a shorter file: 416": [cuts(content=CONTENT[: CUT - 1])],
    "another part": [cuts(), says(206, OTHER[CUT:], Content_Range=f"bytes 0-{SIZE - 1}/{SIZE}")],
    "a part of a longer file":
        [cuts(), says(206, OTHER[CUT:], Content_Range=f"bytes {CUT}-{SIZE - 1}/{SIZE + 1}")],
    "a part of another file": [cuts(), says(206, OTHER[CUT:], Content_Range=FITS, ETag='"two"')],
    "a part that does not say which": [cuts(), says(206, OTHER[CUT:])],
    "no length": [says(200, CONTENT)],
    "passing faults": [says(500), says(429), lambda handler: handler.connection.close() or True],
    "it is elsewhere": [says(302, Location="/b/other.pth")],
}  # fmt: skip


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_what_arrives_is_the_servers_file_and_whole(server: Server, faults: list[Fault]) -> None:
    server.faults = [*faults]
    assert server.get() == server.content
    assert not server.faults


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


@pytest.mark.parametrize("noted", [0, SIZE])
@pytest.mark.parametrize(("end", "total"), [(SIZE, SIZE), (SIZE, "*"), (SIZE - CHUNK, SIZE)])
def test_a_size_that_the_server_does_not_always_say(
    server: Server, noted: int, end: int, total: Any
) -> None:
    put(server.place, CONTENT[:CUT], f'{noted} "one"'.encode())
    sent = f"bytes {CUT}-{end - 1}/{total}"
    server.faults = [says(206, CONTENT[CUT:end], Content_Range=sent)]
    assert server.get() == CONTENT
    assert server.ranges == [REST, f"bytes={end}-"][: 1 + (end < SIZE)]


@pytest.mark.parametrize("note", ["", "[1, 2]", "700000", '"one"', "9" * 5000, '9 "\x07"', "\xff"])
def test_a_damaged_note_is_none(server: Server, note: str) -> None:
    put(server.place, OTHER[:CUT], note.encode("latin1"))
    assert server.get() == CONTENT
    assert server.ranges == [None]


def test_a_server_that_falls_silent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    silence = threading.Event()
    server.faults = [lambda handler: silence.wait(20)]
    assert server.get() == CONTENT
    silence.set()
    assert len(server.requests) == 2


def test_a_length_that_is_wrong_is_seen(server: Server) -> None:
    server.headers, server.knows_ranges = {"Content-Length": "700000"}, False
    server.refused("the connection broke; you can put")
    assert len(server.requests) == 4


def test_a_rest_that_is_too_short_is_seen(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults = [cuts(), says(206, CONTENT[CUT:-9], Content_Range=FITS)]
    assert server.get() == CONTENT
    assert f"net.pth: {SIZE - 9:,} of {SIZE:,} bytes arrived; trying" in capsys.readouterr().out


ELSEWHERE = "the server redirects elsewhere .No connection adapters were found for"


@pytest.mark.parametrize(("fault", "reason"), [
    (says(404), "the server answers 404 Not Found"),
    (says(403), "the server answers 403 Forbidden"),
    (says(200, b"<html>", Content_Type="text/html; charset=utf-8"),
     "the server sends a web page, not the file"),
    (says(302, Location="ftp://elsewhere/net.pth"), f"{ELSEWHERE} 'ftp://elsewhere/"),
    (says(302, Location="file:///etc/passwd"), f"{ELSEWHERE} 'file:///etc/"),
])  # fmt: skip
def test_what_no_other_try_would_mend(server: Server, fault: Fault, reason: str) -> None:
    server.faults = [fault]
    server.refused(
        f"{NET} cannot be downloaded: {reason}.*; you can put the file by hand at .*net.pth$"
    )
    assert len(server.requests) == 1


def test_nobody_is_there(server: Server, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        for url, reason in (
            ("https://nowhere.invalid", "no such host, or no network"),
            (f"http://127.0.0.1:{taken.getsockname()[1]}", "Connection refused"),
            (server.url.replace("http:", "https:"), "no TLS connection"),
        ):
            with pytest.raises(DownloadError, match=f"{reason}.*; you can put .*net.pth$"):
                download(f"{url}/net.pth", folder=tmp_path)
    assert (files_in(tmp_path), server.requests) == ([], [])


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
    secure.refused("downloaded: its certificate is not valid .self")
    assert secure.requests == []


def test_never_out_of_https(
    server: Server, secure: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = requests.adapters.HTTPAdapter.send

    def trusting(*given: Any, **more: Any) -> Any:  # the certificate is nobody's
        return send(*given, **more | {"verify": False})

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", trusting)
    secure.faults = [says(302, Location=f"{server.url}/net.pth")]
    with pytest.warns(Warning):
        secure.refused("redirects elsewhere .*http:")
    assert (len(secure.requests), server.requests) == (1, [])


@pytest.mark.parametrize(
    "url",
    ["", "net.pth", "ftp://a/n", "file:///etc/passwd", "http://", "http://[a/n", "http://a:b/"],
)
def test_what_is_not_a_url(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="is not a URL of http or https"):
        download(url, folder=tmp_path)


def test_another_file_than_was_published(server: Server, tmp_path: Path) -> None:
    server.content = OTHER
    seen, published = hashlib.sha256(OTHER).hexdigest()[:8], SHA256[:8]
    server.refused(
        f"{NET} is not what was published, and was deleted: "
        f"its SHA-256 begins with {seen}, not {published}$", published
    )  # fmt: skip
    assert files_in(tmp_path) == []
    server.content = CONTENT
    server.get(published)


def test_a_file_put_by_hand_is_looked_at_and_left(server: Server) -> None:
    path = server.place
    path.parent.mkdir()
    path.write_bytes(OTHER)
    assert server.get() == OTHER
    server.refused(f"not {SHA256[:8]}; delete it, and it is downloaded", SHA256[:8])
    assert path.read_bytes() == OTHER
    assert server.requests == []


def test_a_full_disk(server: Server) -> None:
    with largest_file(CUT):
        server.refused("net.pth cannot be written .*: File too large")
    assert len(server.requests) == 1  # another try would not help
    assert server.get() == CONTENT
    assert server.ranges[1] == REST


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reason = "written .*: (Not a directory|File exists) .SLOWFAST_H"
    with pytest.raises(DownloadError, match=reason):
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
    assert server.ranges[1] == f"bytes={CHUNK}-"


@pytest.mark.usefixtures("no_hang")
def test_processes_at_once_fetch_it_once(server: Server, tmp_path: Path) -> None:
    started = threading.Event()
    server.faults = [lambda handler: not started.wait(20)]
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

"""Files from the web: whole and as published, or not at all.

pooch keeps them. Its downloader here goes on where a broken download stopped, if the server can do
that and still has the same version of the file (RFC 9110, sections 13.1.5 and 14).

A file ``NAME`` of a URL lies in the cache folder under the URL's host and path. While it arrives it
is ``NAME.part``. One process at a time holds ``.NAME.lock``, which has the size (0: unknown) and
the version of the whole file, and which stays.
"""

import contextlib
import os
import re
import socket
import ssl
import time
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

import pooch
import requests
from requests.exceptions import InvalidHeader, InvalidSchema

from slowfast.files import locked
from slowfast.log import Progress
from slowfast.places import HOME, cache_folder
from slowfast.weights.damage import WeightsError, one_line

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""
PAUSES = (0.5, 2.0, 5.0)
"""Seconds before the second, the third and the last try."""
CHUNK = 1 << 14
"""Bytes that are written at a time; a connection that breaks loses fewer than that."""
MEGA = 1e6


class DownloadError(WeightsError):
    """A file that cannot be downloaded; the message names the URL, why, and what can be done."""


def cached_path(url: str, folder: str | Path | None = None) -> Path:
    """Where the file of a URL lies: ``FOLDER/host/path``, so that no two URLs share a place."""
    parts = urlsplit(url)
    names = [name for name in parts.path.split("/") if name not in ("", ".", "..")] or ["index"]
    if parts.query:
        names[-1] += f"?{parts.query}"
    base = Path(folder) if folder is not None else cache_folder()
    return base.joinpath(*(quote(name, safe="%") for name in (parts.netloc, *names)))


def download(url: str, *, sha256: str = "", folder: str | Path | None = None) -> Path:
    """The file of a URL, from the cache folder if it is there, see ``cached_path``.

    Args:
        url: http or https; never from https to http.
        sha256: the first digits of the file's SHA-256, as far as they are published.
        folder: in place of ``cache_folder()``.

    Raises:
        DownloadError: it cannot be downloaded, or is not what was published. The part of a broken
            download stays, and the next call goes on with it.
    """
    url = _checked(url)
    path = cached_path(url, folder)
    busy = f"another process downloads {path.name}: waiting for it"
    pooch.get_logger().setLevel("ERROR")  # it recommends hashes
    try:
        if not path.exists():
            with locked(path.with_name(f".{path.name}.lock"), busy, wait=True) as note:
                pooch.retrieve(
                    url, None, path.name, path.parent,
                    downloader=lambda url, new, _: _fetch(url, path, note, sha256, new),
                )  # fmt: skip
        elif wrong := _mismatch(path, sha256):
            raise DownloadError(f"{path} is not {url}: {wrong}; delete it, and it is downloaded")
    except OSError as error:
        raise DownloadError(
            f"{path} cannot be written or read: {error.strerror or error} ({HOME}=FOLDER takes "
            "downloads elsewhere)"
        ) from error
    return path


def _checked(url: str) -> str:
    """The URL, with %XX for what may not stand in one; it must be of http or https."""
    with contextlib.suppress(ValueError):
        checked = requests.Request("GET", url).prepare().url or ""
        if checked.startswith(("http://", "https://")):
            return checked
    raise DownloadError(f"{one_line(url)!r} is not a URL of http or https")


def _mismatch(path: Path, sha256: str) -> str:
    """How a file's SHA-256 differs from its published digits; empty if it does not."""
    digest = pooch.file_hash(str(path)) if sha256 else ""
    if digest.startswith(sha256.lower()):
        return ""
    return f"its SHA-256 begins with {digest[: len(sha256)]}, not {sha256}"


def _fetch(url: str, path: Path, note: IO[bytes], sha256: str, new: str) -> None:
    """pooch's downloader: puts the whole file at ``new``, which pooch renames to ``path``."""
    part = path.with_name(f"{path.name}.part")
    for pause in (*PAUSES, None):
        try:
            _receive(url, part, note)
            break
        except requests.RequestException as error:
            reason, is_final = _reason(error)
        if is_final or pause is None:
            if not part.stat().st_size:
                part.unlink()
            raise DownloadError(
                f"{url} cannot be downloaded: {reason}; you can put the file by hand at {path}"
            )
        print(f"{path.name}: {reason}; trying again".ljust(79), flush=True)
        time.sleep(pause)
    if wrong := _mismatch(part, sha256):
        part.unlink()
        raise DownloadError(f"{url} is not what was published, and was deleted: {wrong}")
    os.replace(part, new)


def _receive(url: str, part: Path, note: IO[bytes]) -> None:
    """Requests the bytes that the part lacks, and adds them.

    A RequestException: the connection broke, or the answer is not the file.
    """
    note.seek(0)
    noted = re.fullmatch(r"(\d{1,15}) ([ -~]+)", note.read().decode("latin1"))
    length, version = (int(noted[1]), noted[2]) if noted else (0, "")
    headers = {"User-Agent": "slowfast-paddle", "Accept-Encoding": "identity"}
    with open(part, "ab") as file, requests.Session() as session:
        have = file.tell()
        if have and have == length:
            return
        if have and version and (have < length or not length):
            headers |= {"Range": f"bytes={have}-", "If-Range": version}
        if url.startswith("https:"):
            del session.adapters["http://"]  # so that no redirection leads there
        with session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == 416:  # it has no such rest: another file
                file.truncate(0)
            answer.raise_for_status()
            said = answer.headers
            if said.get("Content-Type", "").startswith("text/html"):
                raise InvalidHeader("the server sends a web page, not the file")
            tag = said.get("ETag", "")  # a weak one does not say that the bytes are the same
            found = tag if tag.startswith('"') else said.get("Last-Modified", "")
            rest = re.fullmatch(rf"bytes {have}-\d+/(\d+|\*)", said.get("Content-Range", ""))
            total = int(rest[1]) if rest and rest[1] != "*" else length
            if answer.status_code != 206:
                size = said.get("Content-Length", "")
                have, total = 0, int(size) if size.isdecimal() else 0
                file.truncate(0)
                note.truncate(0)
                note.write(f"{total} {found}".encode("latin1"))
            elif not rest or length not in (0, total) or found not in ("", version):
                file.truncate(0)
                raise requests.RequestException("the server sends another part than asked for")
            _add(answer, file, have, total)


def _add(answer: requests.Response, file: IO[bytes], have: int, length: int) -> None:
    """Adds an answer's bytes to the ``have`` that are there, ``length`` in all (0: unknown)."""
    # Only new bytes count, as the time left is estimated from their speed.
    name, done = urlsplit(answer.url).path.rpartition("/")[2], have
    progress = Progress(name, (length - have) / MEGA, show=length > 0)
    for data in answer.iter_content(CHUNK):
        file.write(data)
        file.flush()  # what has arrived is in the file however the process ends
        done += len(data)
        progress.update((done - have) / MEGA, f"{done / MEGA:.0f} of {length / MEGA:.0f} MB")
    if length and done != length:
        raise requests.RequestException(f"{done:,} of {length:,} bytes arrived")
    os.fsync(file.fileno())
    progress.finish(f"{done / MEGA:.0f} MB")


def _reason(error: BaseException) -> tuple[str, bool]:
    """What went wrong, in a line; and whether another try would end the same way."""
    while error.__context__ is not None:
        error = error.__context__
    match error:
        case requests.HTTPError(response=requests.Response(status_code=code, reason=words)):
            is_final = code < 500 and code not in (408, 416, 429)
            return f"the server answers {code} {one_line(words)}", is_final
        case socket.gaierror():
            return f"no such host, or no network ({error.strerror})", True
        case ssl.SSLCertVerificationError():
            return f"its certificate is not valid ({error.verify_message})", True
        case ssl.SSLError():
            is_broken = isinstance(error, ssl.SSLEOFError)
            return f"no TLS connection ({error.reason or error})", not is_broken
        case TimeoutError():
            return f"no answer within {TIMEOUT:g} seconds", False
        case InvalidSchema():
            return f"the server redirects elsewhere ({one_line(error)})", True
        case OSError(strerror=str(words)):
            return one_line(words), False
        case requests.RequestException():
            return one_line(error), isinstance(error, ValueError)
    return "the connection broke", False

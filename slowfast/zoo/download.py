"""Files from the web, with the standard library alone: whole and as published, or not at all.

A broken download goes on where it stopped, at once or when it is asked for again, if the server
can do that and the file there is still the same one (RFC 9110, sections 13.1.5 and 14).
"""

import contextlib
import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from slowfast.log import Progress
from slowfast.weights.damage import one_line
from slowfast.zoo.cache import DownloadError, Part, Version, cached_path, file_digest

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""
PAUSES = (0.5, 2.0, 5.0)
"""Seconds before the second, the third and the last try."""
CHUNK = 1 << 18
MEGA = 1e6


def download(url: str, *, sha256: str = "", folder: str | Path | None = None) -> Path:
    """The file of a URL, from the cache folder if it is there, see ``cached_path``.

    Args:
        url: http or https; never from https to http.
        sha256: the first digits of the file's SHA-256, as far as they are published.
        folder: in place of ``cache_folder()``.

    Raises:
        DownloadError: it cannot be had, or is not what was published. What has arrived of a broken
            download stays, for the next call to go on with.
    """
    url = _checked(url)
    path = cached_path(url, folder)
    with contextlib.ExitStack() as stack:
        if not path.exists():
            part = stack.enter_context(Part(path))
            if part.is_needed:
                _fetch(url, part, path)
                _verify(part, url, sha256)
                part.finish()
                return path
    if sha256 and not (digest := file_digest(path)).startswith(sha256.lower()):
        raise DownloadError(
            f"{path} is not what {url} is: its SHA-256 begins with {digest[: len(sha256)]}, not "
            f"{sha256}; delete it, and it is downloaded"
        )
    return path


def _checked(url: str) -> str:
    """The URL, with what may not stand in one as %XX.

    Raises:
        DownloadError: it is none, or not of http or https.
    """
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise DownloadError(f"{one_line(url)!r} is not a URL of http or https")
    return quote(url, safe="%/:?#[]@!$&'()*+,;=~")


def _verify(part: Part, url: str, sha256: str) -> None:
    """Deletes what is not as published, and raises."""
    if sha256 and not (digest := part.digest()).startswith(sha256.lower()):
        part.remove()
        raise DownloadError(
            f"{url} is not what was published, and was deleted: its SHA-256 begins with "
            f"{digest[: len(sha256)]}, not {sha256}"
        )


def _fetch(url: str, part: Part, path: Path) -> None:
    """Fills the part, in several tries."""
    for pause in (*PAUSES, None):
        try:
            return _try(url, part)
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"the server answers {error.code} {one_line(error.reason)}"
            if error.code == 416 and part.size:  # it has no such rest: another file
                part.begin(Version())
            elif error.code < 500 and error.code not in (408, 429):
                pause = None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, DownloadError):
                raise
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            reason = _in_words(cause)
            if _is_final(cause):
                pause = None
        if pause is None:
            raise DownloadError(
                f"{url} cannot be downloaded: {reason}; you can put the file by hand at {path}"
            )
        print(f"{path.name}: {reason}; trying again".ljust(79), flush=True)
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _is_final(cause: object) -> bool:
    """Whether another try would end the same way."""
    if isinstance(cause, ssl.SSLError):
        return not isinstance(cause, ssl.SSLEOFError)  # that one is a broken connection
    return isinstance(cause, str | socket.gaierror | ValueError)


def _in_words(cause: object) -> str:
    """What went wrong, in a line."""
    if isinstance(cause, socket.gaierror):
        return f"no such host, or no network ({cause.strerror})"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({cause.verify_message})"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS connection ({cause.reason or cause})"
    if isinstance(cause, TimeoutError):
        return f"no answer within {TIMEOUT:g} seconds"
    if isinstance(cause, http.client.IncompleteRead | http.client.RemoteDisconnected):
        return "the connection broke"
    if isinstance(cause, OSError):
        return one_line(cause.strerror or cause)
    return one_line(cause) or type(cause).__name__


def _try(url: str, part: Part) -> None:
    """Asks for what is missing, and adds it.

    Raises:
        OSError, HTTPException: the connection broke, or the answer is not the file.
    """
    version, have = part.version(), part.size
    if have and have == version.length:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "slowfast-paddle"})
    if have and version.validator:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", version.validator)
    opener = urllib.request.build_opener(_Redirects)
    with opener.open(request, timeout=TIMEOUT) as response:
        if response.headers.get_content_type() == "text/html":
            raise urllib.error.URLError("the server sends a web page, not the file")
        if response.status == 206:
            if not _continues(response, have, version):
                part.begin(Version())
                raise OSError("the server sends another part than it was asked for")
        else:
            have, version = 0, _version(response)
            part.begin(version)
        _receive(response, part, version.length)


def _continues(response: Any, have: int, version: Version) -> bool:
    """Whether a partial answer begins where the part ends, and is of the same file."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != have or not version.validator:
        return False
    if _version(response).validator not in ("", version.validator):
        return False
    return match[2] == "*" or version.length in (None, int(match[2]))


def _version(response: Any) -> Version:
    """Which version a whole answer is."""
    etag, length = response.headers.get("ETag", ""), response.headers.get("Content-Length", "")
    if not etag.startswith('"'):  # a weak one does not say that the bytes are the same
        etag = response.headers.get("Last-Modified", "")
    validator = etag if etag.isprintable() else ""
    return Version(validator, int(length) if length.isdecimal() else None)


def _receive(response: Any, part: Part, length: int | None) -> None:
    """Adds an answer's bytes to the part, up to ``length`` in all."""
    began, done = part.size, part.size
    name = urlsplit(response.url).path.rpartition("/")[2]
    # The rest alone, as the time left is reckoned from how long its beginning took.
    progress = Progress(name, ((length or 0) - began) / MEGA, show=length is not None)
    while data := response.read1(CHUNK):
        part.write(data)
        done += len(data)
        if length:
            progress.update((done - began) / MEGA, f"{done / MEGA:.0f} of {length / MEGA:.0f} MB")
    if length is not None and done != length:
        raise OSError(f"{done:,} of {length:,} bytes arrived")
    progress.finish(f"{done / MEGA:.0f} MB")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections to http and https, but not out of https."""

    def redirect_request(
        self, request: Any, file: Any, code: int, message: str, headers: Any, url: str
    ) -> urllib.request.Request | None:
        schemes = (urlsplit(request.full_url).scheme, urlsplit(url).scheme)
        if schemes not in (("http", "http"), ("http", "https"), ("https", "https")):
            file.close()
            raise urllib.error.URLError(f"the server redirects to {one_line(url)}")
        return super().redirect_request(request, file, code, message, headers, url)

"""Errors that a user can fix, which are shown in one line without a traceback."""

import re

SCHEME = r"[A-Za-z][A-Za-z0-9+.-]+:/+"
SECRET = r"(?:[?#;]|(?:user|pass|pwd|token|key|secret|auth|sig)[a-z]*=)"
_MOVES = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
"""Control characters, line separators, and what changes the direction of a text."""
_NO_UTF8 = r"\ud800-\udfff"
"""What bytes of file names become that are not UTF-8, PEP 383."""


class UserError(Exception):
    """An error that a user can fix; the message says what is wrong, where, and what to do."""


def one_line(error: object) -> str:
    """The text of an error, with a space for each line break."""
    return " ".join(map(str.strip, str(error).splitlines()))


def printable(text: str) -> str:
    """A line of text as a terminal or a picture can show it: what moves the cursor or the text, and
    bytes of file names that are not UTF-8, escaped: ``\\x1b``, ``\\udcff``."""
    return _escaped(rf"[{_MOVES}{_NO_UTF8}]", text)


def escaped(text: str) -> str:
    """The same for a line of a file, which keeps bytes that are not UTF-8."""
    return _escaped(f"[{_MOVES}]", text)


def _escaped(characters: str, text: str) -> str:
    return re.sub(characters, lambda found: found[0].encode("unicode_escape").decode(), text)


def masked(text: str) -> str:
    """A text with ``***`` for what may be secret in its urls: what stands before ``@``, behind one
    of ``?#;``, or behind ``password=`` and the like. Also in urls that were taken for paths, which
    have one slash."""
    text = re.sub(rf"({SCHEME})(?:(?!{SCHEME}).)*@", r"\1***@", text, flags=re.DOTALL)
    return re.sub(rf"({SCHEME}\S*?{SECRET})\S+?(?=:?(\s|$))", r"\1***", text, flags=re.I)


def masked_url(url: str) -> str:
    """An url ``masked`` as a whole, with whatever it holds, also spaces; other paths unchanged."""
    if not re.match(SCHEME, url):
        return url
    found = re.search(SECRET, masked(one_line(url)), flags=re.I)
    return masked(one_line(url)) if found is None else f"{found.string[: found.end()]}***"


def error_line(error: Exception) -> str:
    """The line that a user sees for an error."""
    if isinstance(error, OSError) and error.filename:
        return printable(masked(f"error: {error.filename}: {error.strerror}"))
    return printable(masked(f"error: {error}"))

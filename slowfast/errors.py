"""Errors that a user can fix, which are shown in one line without a traceback."""

import re


class UserError(Exception):
    """An error that a user can fix; the message says what is wrong, where, and what to do."""


def one_line(error: object) -> str:
    """The text of an error, with a space for each line break."""
    return " ".join(map(str.strip, str(error).splitlines()))


def masked(text: str) -> str:
    """A text with ``***`` for what may be secret in its urls: what stands before ``@`` or behind
    ``?``."""
    text = re.sub(r"(://[^\s?]*\?)\S+?(?=:?(\s|$))", r"\1***", text)
    return re.sub(r"://\S*@", "://***@", text)


def error_line(error: Exception) -> str:
    """The line that a user sees for an error."""
    if isinstance(error, OSError) and error.filename:
        return masked(f"error: {error.filename}: {error.strerror}")
    return masked(f"error: {error}")

"""Errors that a user can fix, which are shown in one line without a traceback."""


class UserError(Exception):
    """An error that a user can fix; the message says what is wrong, where, and what to do."""


def one_line(error: object) -> str:
    """The text of an error, with a space for each line break."""
    return " ".join(map(str.strip, str(error).splitlines()))


def error_line(error: Exception) -> str:
    """The line that a user sees for an error."""
    if isinstance(error, OSError) and error.filename:
        return f"error: {error.filename}: {error.strerror}"
    return f"error: {error}"

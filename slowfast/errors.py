"""What a user can cause and mend: told in one line, without a traceback."""


class UserError(Exception):
    """Something that a user can mend; the message says what is wrong, where, and what to do."""


def error_line(error: Exception) -> str:
    """What a user is told of an error: one line."""
    if isinstance(error, OSError) and error.filename:
        return f"error: {error.filename}: {error.strerror}"
    return f"error: {error}"

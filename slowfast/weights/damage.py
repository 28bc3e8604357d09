"""What can be wrong with a weights file, in one line that names the file."""

import contextlib
import errno
import pickle
import reprlib
from collections.abc import Iterator
from pathlib import Path

from slowfast.errors import UserError


class WeightsError(UserError):
    """A weights file that cannot be used; the message names the file and what is wrong with it."""


class DamagedError(WeightsError):
    """A file that is cut off, or not what it should be: no other settings would make it fit."""


@contextlib.contextmanager
def reported(path: str | Path, what: str) -> Iterator[None]:
    """Turns any error in reading ``path`` into a WeightsError of one line.

    Messages call the file ``what``. An UnpicklingError says why a file is refused.
    """
    try:
        yield
    except WeightsError:
        raise
    except OSError as error:
        kind = DamagedError if error.errno == errno.EIO else WeightsError
        raise kind(f"{what} {path} cannot be read: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise DamagedError(f"{what} {path} refused: {one_line(error)}") from error
    except MemoryError as error:
        raise WeightsError(f"{what} {path} does not fit into memory") from error
    except Exception as error:  # a damaged file can fail in any way
        reason = one_line(error) or type(error).__name__
        raise DamagedError(f"{what} {path} is damaged or not a weights file: {reason}") from error


def shown(value: object) -> str:
    """A value from a file as a short text, even if it contains itself."""
    return one_line(reprlib.repr(value))


def one_line(text: object) -> str:
    """A text, perhaps from a file, as one short line of visible characters."""
    line = " ".join(str(text).split())
    if not line.isprintable():
        line = ascii(line)[1:-1]
    return line if len(line) <= 300 else f"{line[:300]}..."

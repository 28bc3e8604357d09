"""Whatever goes wrong with a file is one line that names it."""

import errno
import pickle
from pathlib import Path

import pytest

from slowfast.errors import UserError
from slowfast.weights.damage import DamagedError, WeightsError, one_line, reported, shown


@pytest.mark.parametrize(("error", "kind", "message"), [
    (FileNotFoundError(errno.ENOENT, "No such file"), WeightsError, "cannot be read: No such"),
    (OSError("a pipe"), WeightsError, "cannot be read: a pipe"),
    (OSError(errno.EIO, "Input/output error"), DamagedError, "cannot be read: Input/output"),
    (pickle.UnpicklingError("it names\nos"), DamagedError, "refused: it names os"),
    (MemoryError(), WeightsError, "does not fit into memory"),
    (KeyError("a"), DamagedError, "is damaged or not a weights file: 'a'"),
    (RecursionError(), DamagedError, "is damaged or not a weights file: RecursionError"),
    (WeightsError("as it is"), WeightsError, "as it is"),
])  # fmt: skip
def test_every_error_is_a_line(error: Exception, kind: type[Exception], message: str) -> None:
    with pytest.raises(UserError) as caught, reported(Path("a.pth"), "state"):
        raise error
    assert type(caught.value) is kind
    begin = "" if error is caught.value else "state a.pth "
    assert str(caught.value).startswith(f"{begin}{message}")
    assert "\n" not in str(caught.value)


def test_a_text_out_of_a_file_can_be_shown() -> None:
    assert one_line(" a\n b\tc ") == "a b c"
    assert one_line("\x1b[2J") == r"\x1b[2J"
    assert one_line("x" * 400) == "x" * 300 + "..."
    own: list[object] = []
    own.append(own)
    assert shown(own) == "[[[[[[[...]]]]]]]"
    assert len(shown([[9] * 100] * 100)) < 310

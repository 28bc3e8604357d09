"""What a user is told of an error."""

import pytest

from slowfast.config import ConfigError
from slowfast.data.lists.read_lists import ListError
from slowfast.data.video.reader import VideoError
from slowfast.distributed import DeviceError
from slowfast.errors import UserError, error_line, escaped, masked, masked_url, one_line, printable
from slowfast.files import FolderError
from slowfast.train.checkpoint import NonFiniteError
from slowfast.weights.damage import WeightsError


@pytest.mark.parametrize(("error", "line"), [
    (UserError("a.list: no label"), "error: a.list: no label"),
    (OSError(28, "No space left on device", "out/höhe"),
     "error: out/höhe: No space left on device"),
    (OSError(5, "Input/output error"), "error: [Errno 5] Input/output error"),
    (OSError("something else"), "error: something else"),
    (UserError("rtsp://me:p@ss@host/live?key=1: gone"), "error: rtsp://***@host/live?***: gone"),
    (OSError(2, "No such file or directory", "http://me:pass@host/a b"),
     "error: http://***@host/a b: No such file or directory"),
])  # fmt: skip
def test_an_error_is_one_line(error: Exception, line: str) -> None:
    assert error_line(error) == line


@pytest.mark.parametrize(("text", "shown"), [
    ("rtsp://host:554/live", "rtsp://host:554/live"),
    ("rtsp://me:secret@host/live", "rtsp://***@host/live"),
    ("rtsp://me:se/cr@et@host/live", "rtsp://***@host/live"),
    ("http://host/a?user=me&pass=se:cret", "http://host/a?***"),
    ("a@b.mp4, why?", "a@b.mp4, why?"),
    ("http://me@one:80 http://two", "http://***@one:80 http://two"),
    ("rtsp://me:se?cr#et@host/live: gone", "rtsp://***@host/live: gone"),
    ("rtsp://me:sec\nr et@host/live: gone", "rtsp://***@host/live: gone"),
    ("http://host/a;token=secret: gone", "http://host/a;***: gone"),
    ("http://host/a#token=secret", "http://host/a#***"),
    ("rtsp://host/user=me_password=secret_channel=1.sdp: gone", "rtsp://host/user=***: gone"),
    ("rtsp://host/PASSWORD=secret&channel=1", "rtsp://host/PASSWORD=***"),
    ("--out: rtsp:/me:secret@host/a.txt does not end", "--out: rtsp:/***@host/a.txt does not end"),
])  # fmt: skip
def test_what_is_secret_in_an_url_is_not_shown(text: str, shown: str) -> None:
    assert masked(text) == shown == masked(shown)


@pytest.mark.parametrize(("url", "shown"), [
    ("http://host/a b?token=sec ret", "http://host/a b?***"),
    ("http://me:sec ret@host/a\nb", "http://***@host/a b"),
    ("what?.mp4", "what?.mp4"),
])  # fmt: skip
def test_an_url_by_itself_may_hold_spaces(url: str, shown: str) -> None:
    assert masked_url(url) == shown == masked_url(shown)


def test_names_are_shown_without_what_moves_the_cursor() -> None:
    assert printable("höhe 打 \U0001f600 a\\b") == "höhe 打 \U0001f600 a\\b"
    assert printable("\x1b[2J\r\n\t\x9b\x7f\udce9") == r"\x1b[2J\r\n\t\x9b\x7f\udce9"
    assert error_line(UserError("\x1b.mp4: empty")) == r"error: \x1b.mp4: empty"


def test_line_breaks_become_spaces_and_a_paths_own_spaces_stay() -> None:
    assert one_line(ValueError("a  b.mp4: cut\n  off\n")) == "a  b.mp4: cut off"


@pytest.mark.parametrize(
    "kind",
    [ConfigError, DeviceError, FolderError, ListError, NonFiniteError, VideoError, WeightsError],
)
def test_what_a_user_can_mend_has_one_base(kind: type[Exception]) -> None:
    assert issubclass(kind, UserError)


def test_no_name_moves_the_text_around_it() -> None:
    """Line separators, and what turns the direction: a name would show as another one."""
    assert printable("a\u2028b\u202etxt.avi\u2069") == "a\\u2028b\\u202etxt.avi\\u2069"
    assert escaped("a\u2029\x1b\udcff") == "a\\u2029\\x1b\udcff"

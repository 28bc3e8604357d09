"""Fixtures for what reads videos."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from slowfast.data.video import colour, opencv, pyav


@pytest.fixture(params=["opencv", "pyav"])
def decoder(request: pytest.FixtureRequest) -> Any:
    """The test runs with each."""
    if request.param == "pyav":
        pytest.importorskip("av")
    return request.param


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a file is opened, a frame decoded and one converted to a picture, by a decoder."""
    found: Counter[str] = Counter()

    def count(what: str, owner: Any, name: str, times: Callable[[Any], int] = lambda _: 1) -> None:
        real = getattr(owner, name)

        def counting(*args: Any, **options: Any) -> Any:
            result = real(*args, **options)
            found[what] += times(result)
            return result

        monkeypatch.setattr(owner, name, counting)

    count("opens", opencv.OpenCVReader, "_open")
    count("opens", pyav.PyAVReader, "_open")
    count("decoded", opencv.OpenCVReader, "_grab", int)
    count("decoded", pyav, "_decoded", len)
    count("converted", opencv, "_rgb")
    count("converted", colour.Converter, "picture")
    return found

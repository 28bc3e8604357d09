"""How weights files are refused."""

from pathlib import Path

import pytest

from slowfast.weights.damage import WeightsError
from slowfast.weights.formats.read import read_content


def refusal(data: bytes, path: Path) -> str:
    """The one short line for a file of these bytes, less the file's name."""
    path.write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        read_content(path)
    message = str(caught.value)
    assert message.startswith(f"weights {path} ")
    assert message.isprintable()
    assert len(message) < len(str(path)) + 400
    return message.removeprefix(f"weights {path} ")

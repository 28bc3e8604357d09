"""Work for ``slowfast.web.jobs``, and a network that needs none."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.data.video.reader import VideoError
from slowfast.predict.runtime.runtimes import Backend
from slowfast.web.jobs import OpenKind, Tell


class Sums(Backend):
    """A row is the sum of a clip's numbers."""

    about = "sums"

    def run(self, *inputs: Any) -> NDArray[np.float32]:
        return inputs[0].sum(axis=(1, 2, 3, 4))[:, None].astype(np.float32)


def clip(value: int) -> NDArray[np.uint8]:
    return np.full((1, 2, 2, 3), value, np.uint8)


def count_to(open_kind: OpenKind, tell: Tell, number: int) -> None:
    """Tells the sums of clips of 1, 2, 3 ..."""
    backend = open_kind("prob")
    for value in range(1, number + 1):
        tell(float(backend([clip(value)])[0, 0]))


def tell_turn(open_kind: OpenKind, tell: Tell) -> None:
    """Tells how many views are computed at once."""
    tell(open_kind("prob").views_at_once)


def end_badly(open_kind: OpenKind, tell: Tell, way: str, path: Path) -> None:
    """Tells its process, and ends in one of many ways."""
    tell(os.getpid())
    if way == "error":
        raise VideoError(f"{path}: not a video")
    if way == "no file":
        path.read_bytes()
    if way == "crash":
        os._exit(7)
    if way == "hang":
        time.sleep(600)
    if way == "network":
        open_kind("no such kind")

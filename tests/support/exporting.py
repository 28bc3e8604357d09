"""An exported folder of a small network."""

import tempfile
from functools import cache
from pathlib import Path

from support.small_nets import wake_up
from support.tiny_run import fresh_state, tiny_config, tiny_data

from slowfast.config import Config
from slowfast.predict.export.exporter import export
from slowfast.predict.runtime.built import Weighted, weighted


def network(cfg: Config) -> Weighted:
    """The same each time; its classes differ."""
    model = fresh_state(cfg).model
    wake_up(model)
    return weighted(model)


@cache
def exported_once() -> Path:
    """With the class names of ``tiny_data``, kept for the whole test session."""
    folder = Path(tempfile.mkdtemp(prefix="slowfast-tests-"))
    cfg = tiny_config(folder)
    names = (tiny_data() / "labels.txt").read_text().splitlines()
    export(network(cfg), cfg, names, folder / "exported", "mine.pdparams")
    return folder / "exported"

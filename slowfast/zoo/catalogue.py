"""Published weights by name, and where their files are on this machine."""

import difflib
from pathlib import Path
from typing import Any, NamedTuple

from slowfast.models.published import VARIANTS
from slowfast.models.published_files import Weights
from slowfast.weights.damage import WeightsError
from slowfast.zoo.download import download


class Published(NamedTuple):
    """Published weights, and their network."""

    constructor: str
    """The function of ``slowfast.models`` that builds the network."""
    weights: Weights

    @property
    def settings(self) -> dict[str, Any]:
        """Settings, by the config's keys, that the file itself may not tell."""
        return VARIANTS[self.constructor].config | self.weights.settings


CATALOGUE = {
    weights.name: Published(constructor, weights)
    for constructor, variant in VARIANTS.items()
    for weights in variant.weights
}


def find(source: str | Path) -> Published | None:
    """The published weights of this name or URL; None if there are none."""
    rows = CATALOGUE.items()
    return next((row for name, row in rows if str(source) in (name, row.weights.url)), None)


def fetch(source: str | Path) -> Path:
    """A weights file on this machine.

    Args:
        source: its name in ``CATALOGUE``, its URL, or its path.

    Raises:
        WeightsError: there is no such file; or (DownloadError) it cannot be downloaded.
    """
    row = find(source)
    if row is not None:
        return download(row.weights.url, sha256=row.weights.sha256)
    if isinstance(source, str) and "://" in source:
        return download(source)
    if not Path(source).exists():
        close = difflib.get_close_matches(str(source), CATALOGUE, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else "docs/zoo.md names the published ones"
        raise WeightsError(f"weights {source} cannot be read: No such file or directory ({hint})")
    return Path(source)

"""docs/zoo.md says what is so."""

import re

import pytest
from support.paths import REPOSITORY
from test_models import VARIANTS

from slowfast.zoo.catalogue import CATALOGUE, OFFICIAL
from slowfast.zoo.origin import HABITS

PAGE = (REPOSITORY / "docs" / "zoo.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"\| (?P<bold>\**)`(?P<name>\w+/\w+)`\** \| `(?P<network>\w+)` \| (?P<params>[\d.]+) "
    r"\| (?P<gmacs>[\d.]+) \| (?P<top1>[\d.]+) \| (?P<top5>[\d.]+) "
    r"\| \[file\]\((?P<url>[^)]+)\), \[page\]\((?P<page>[^)]+)\) \|"
)
TABLE = {row["name"]: row for row in ROW.finditer(PAGE)}


def test_every_published_file_has_a_row() -> None:
    assert list(TABLE) == list(CATALOGUE)
    assert [name for name, row in TABLE.items() if row["bold"]] == [
        name for name in CATALOGUE if name in OFFICIAL.values()
    ]


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_row_is_the_catalogues_and_the_networks(name: str) -> None:
    """Parameters and multiply-adds are those that test_models counts in the networks."""
    row, published = TABLE[name], CATALOGUE[name]
    assert (row["network"], row["url"], row["page"]) == (
        published.constructor, published.url, published.page
    )  # fmt: skip
    assert (float(row["top1"]), float(row["top5"])) == (published.top1, published.top5)
    own = {key: value for key, value in published.arguments.items()
           if key in ("lateral_norm", "fusion_kernel")}  # fmt: skip
    counted = [
        (params, gmacs or 50.309)  # a lateral batch norm has no multiply-adds
        for of, given, _, params, gmacs in VARIANTS
        if of == published.constructor and given == own
    ]
    assert len(counted) == 1
    params, gmacs_at_224 = counted[0]
    assert row["params"] == f"{params / 1e6:.2f}"
    # Convolutions go with the area: the sides of all feature maps are 32nds of 224 and of 256.
    assert float(row["gmacs"]) == pytest.approx(gmacs_at_224 * (256 / 224) ** 2, rel=5e-4)


def test_each_systems_protocol() -> None:
    protocols = re.search(r"\| `test.protocol` \| `pyslowfast` \| `(\S+)` \| `(\S+)` \|", PAGE)
    assert protocols is not None
    assert protocols.groups() == tuple(
        HABITS[system]["test.protocol"] for system in ("PyTorchVideo", "mmaction2")
    )

"""The tables of docs/zoo.md are made from what is published."""

import re

import pytest
from support.paths import REPOSITORY

from docs.zoo_tables import PAGES, filled, networks, weights
from slowfast.models.published import VARIANTS
from slowfast.zoo.catalogue import CATALOGUE
from slowfast.zoo.source_settings import OF_CLIPS

ZOO = (REPOSITORY / "docs" / "zoo.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_are_up_to_date(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    assert filled(text, PAGES[page]) == text, "make them anew: python -m docs.zoo_tables"
    assert networks() in ZOO and weights() in ZOO


def test_only_what_is_between_the_marks_is_written() -> None:
    page = "a\n<!-- networks: by -->\nold\n<!-- end -->\nb\n<!-- weights -->\n<!-- end -->\nc\n"
    assert filled(page) == (
        f"a\n<!-- networks: by -->\n{networks()}<!-- end -->\nb\n<!-- weights -->\n{weights()}"
        "<!-- end -->\nc\n"
    )
    assert filled("no table") == "no table"


def test_a_row_for_each_network() -> None:
    rows = networks().splitlines()
    assert len(rows) == 2 + len(VARIANTS)
    assert rows[2] == "| `slowfast_r50_4x16` | 32 x 2 | 8 | 34.48 | 36.10 |"
    assert "| `slowfast_r50_16x8_sthv1` (174 classes) | 64 x 2 | 4 | 34.04 | 131.42 |" in rows
    assert "| `slow_r50_4x16` | 4 x 16 | 1 | 32.45 | 27.26 |" in rows
    assert "| `slow_r50_charades` (157 classes) | 8 x 8 | 1 | 31.96 | 54.52 |" in rows
    assert rows[-1] == (
        "| `slow_r50_detection` (80 classes for boxes) | 4 x 16 | 1 | 31.80 | 41.55 |"
    )


def test_a_row_for_each_file_and_the_official_ones_in_bold() -> None:
    rows = weights().splitlines()
    assert [re.findall(r"`([\w/.-]+)`", row)[0] for row in rows[2:]] == list(CATALOGUE)
    assert [row.startswith("| **`") for row in rows[2:]] == [
        name == VARIANTS[row.constructor].weights[0].name for name, row in CATALOGUE.items()
    ]
    file = CATALOGUE["mmaction2/slowfast_r101_8x8x1_256e"].weights
    assert (
        "| `mmaction2/slowfast_r101_8x8x1_256e` | `slowfast_r101` | 62.91 | 126.32 | 77.9 | 93.51 "
        f"|  | [file]({file.url}), [page]({file.page}) |"
    ) in rows
    file = CATALOGUE["pytorchvideo/charades/SLOW_8x8_R50"].weights
    assert (
        "| **`pytorchvideo/charades/SLOW_8x8_R50`** | `slow_r50_charades` | 31.96 | 54.52 |  |  "
        f"| 34.72 | [file]({file.url}), [page]({file.page}) |"
    ) in rows


def test_each_systems_protocol_on_the_page() -> None:
    protocols = re.search(r"\| `test.protocol` \| `pyslowfast` \| `(\S+)` \| `(\S+)` \|", ZOO)
    assert protocols is not None
    assert protocols.groups() == tuple(
        OF_CLIPS[system]["test.protocol"] for system in ("PyTorchVideo", "mmaction2")
    )

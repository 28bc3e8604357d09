"""Pages of clips: frames in their edges, pixel by pixel."""

import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from slowfast.pictures.cards import Card, Sheet, Tile
from slowfast.pictures.clip_sheet import EDGE, WIDTH, write_sheet
from slowfast.pictures.figures import FAST, SLOW

SHEET = Sheet("Training", ("a note",), (("slow", True), ("fast", False)))


def noise(seed: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def places_of(page: np.ndarray, picture: np.ndarray) -> list[tuple[int, int]]:
    """Where a picture is on a page, pixel by pixel."""
    rows, columns = picture.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(page[..., 0], (columns,), axis=1)
    found = np.argwhere((windows == picture[0, :, 0]).all(axis=2))
    return [
        (y, x) for y, x in found.tolist()
        if np.array_equal(page[y : y + rows, x : x + columns], picture)
    ]  # fmt: skip


def test_each_frame_is_there_with_its_edge(tmp_path: Path) -> None:
    frames = [noise(seed) for seed in range(11)]
    tiles = tuple(Tile(frame, f"{i}", i in (0, 10)) for i, frame in enumerate(frames))
    card = Card("1   walk", "a.mp4", ("facts",), (("", tiles),), whole=noise(99))
    (path,) = write_sheet(SHEET, [card], 1, tmp_path / "new" / "a.png", 4)
    page = np.asarray(Image.open(path))
    assert page.shape[1] == WIDTH
    for i, frame in enumerate(frames):
        large = frame.repeat(3, axis=0).repeat(3, axis=1)  # as many times as fits
        ((y, x),) = places_of(page, large)
        colour = np.multiply(to_rgb(SLOW if i in (0, 10) else FAST), 255).round()
        assert (page[y - EDGE : y, x : x + 96] == colour.astype(np.uint8)).all()


def test_pages_of_so_many_clips_each_as_soon_as_it_is_full(tmp_path: Path) -> None:
    there: list[int] = []

    def cards() -> Iterator[Card]:
        for i in range(5):
            there.append(len([*tmp_path.glob("*.png")]))
            yield Card(f"{i}", fault="gone.mp4: No such file or directory")

    pages = write_sheet(SHEET, cards(), 5, tmp_path / "a.png", 2)
    assert there == [0, 0, 1, 1, 2]
    assert [page.name for page in pages] == ["a.png", "a-2.png", "a-3.png"]
    heights = [np.asarray(Image.open(page)).shape[0] for page in pages]
    assert heights[0] == heights[1] > heights[2]


def test_the_cards_are_read_to_their_end(tmp_path: Path) -> None:
    ended = []

    def cards() -> Iterator[Card]:
        yield from (Card(f"{i}", fault="gone.mp4: No such file or directory") for i in range(4))
        ended.append(True)

    write_sheet(SHEET, cards(), 4, tmp_path / "a.png", 2)  # whole pages
    assert ended


def test_no_more_cards_are_held_than_a_page_has(tmp_path: Path) -> None:
    made: list[weakref.ref[Card]] = []
    held: list[int] = []

    def card(number: int) -> Card:
        own = Card(f"{number}", rows=(("", (Tile(noise(number)),)),))
        made.append(weakref.ref(own))
        held.append(sum(ref() is not None for ref in made))
        return own

    write_sheet(SHEET, map(card, range(8)), 8, tmp_path / "a.png", 2)
    assert held == [1, 2] * 4


def test_what_is_outside_the_crop_is_paler(tmp_path: Path) -> None:
    black = np.zeros((150, 300, 3), np.uint8)
    card = Card("1", whole=black, areas=((0.5, 0, 1, 1),))
    (path,) = write_sheet(SHEET, [card], 1, tmp_path / "a.png", 1)
    page = np.asarray(Image.open(path)).astype(int)
    (rows,) = np.nonzero((page[:, 32 + 160 : 32 + 280] == 0).all(axis=(1, 2)))
    assert len(rows) > 130
    assert page[rows[70], 32 + 50].tolist() == [140, 140, 140]

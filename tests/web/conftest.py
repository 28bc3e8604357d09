"""Fixtures: a page that all tests of this folder visit."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import Page, assert_all_is_gone, coloured, serving
from support.tiny_run import save_tiny_model, tiny_config

from slowfast.cli.network import network_of
from slowfast.data.find import find_videos
from slowfast.predict.features import extract


@pytest.fixture(scope="package")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tiny_config(tmp_path_factory.mktemp("weights")))


@pytest.fixture(scope="package")
def page(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of an untrained network, which tells colours apart, with the features of two films."""
    folder = tmp_path_factory.mktemp("page")
    cfg = tiny_config(folder, "data.num_workers=0")
    for colour in ("red", "blue"):
        coloured(folder / "films" / f"{colour} film.mp4", colour, 0)
    films = find_videos([str(folder / "films")], cfg.data)
    extract(network_of(str(weights), cfg, "cpu"), films, folder / "features", cfg, 0.5)
    flags = "--max_mb", "1", "--max_seconds", "60", "--features", folder / "features"
    with serving(folder, weights, *flags) as page:
        yield page
    assert_all_is_gone(page, signal.SIGINT)

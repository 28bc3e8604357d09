"""What the tab Find tells of a clip."""

from pathlib import Path
from typing import Any

import cv2
import pytest
from support.pages import coloured
from support.tiny_run import eager, fresh_state, save_tiny_model, tiny_config

from slowfast.cli.network import network_of
from slowfast.config import Config
from slowfast.data.find import find_videos
from slowfast.files import FolderError
from slowfast.predict.features import extract
from slowfast.predict.similar import Moment
from slowfast.web.jobs import Step
from slowfast.web.moments import Alike, find, table_of
from slowfast.web.site import Shared


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Path, Path]:
    """Config, weights, and a folder with features of two red films and two blue ones."""
    folder = tmp_path_factory.mktemp("find")
    cfg = tiny_config(folder, "data.num_workers=0")
    weights = save_tiny_model(cfg)
    for colour in ("red", "blue"):
        for number in range(2):
            coloured(folder / "films" / f"{colour}{number}.mp4", colour, number)
    videos = find_videos([str(folder / "films")], cfg.data)
    extract(network_of(str(weights), cfg, "cpu"), videos, folder / "features", cfg, 0.5)
    return cfg, weights, folder


def told(clip: Path, features: Path, out: Path, cfg: Config, weights: Path) -> Any:
    items: list[Any] = []
    find(
        lambda kind: eager(fresh_state(cfg).model, cfg, kind), items.append,
        str(clip), features, out, Shared(cfg, str(weights), [], 60.0),
    )  # fmt: skip
    return [item for item in items if not isinstance(item, Step)]


def test_moments_of_the_same_colour_come_first(
    extracted: tuple[Config, Path, Path], tmp_path: Path
) -> None:
    cfg, weights, folder = extracted
    clip = coloured(tmp_path / "new.mp4", "blue", 7)
    (alike,) = told(clip, folder / "features", tmp_path, cfg, weights)
    assert isinstance(alike, Alike) and alike.own == []
    names = [Path(moment.video).name for moment, _ in alike.moments]
    assert {name[:4] for name in names[:2]} == {"blue"}
    picture = cv2.imread(str(alike.moments[0][1]))
    assert picture is not None and picture.mean(axis=(0, 1)).argmax() == 0


def test_the_clip_itself_is_left_out_and_a_film_that_is_gone_is_grey(
    extracted: tuple[Config, Path, Path], tmp_path: Path
) -> None:
    cfg, weights, folder = extracted
    clip, gone = folder / "films" / "red0.mp4", folder / "films" / "red1.mp4"
    gone.rename(tmp_path / "away.mp4")
    try:
        (alike,) = told(clip, folder / "features", tmp_path, cfg, weights)
    finally:
        (tmp_path / "away.mp4").rename(gone)
    assert [Path(video).name for video in alike.own] == ["red0.mp4"]
    place = next(path for moment, path in alike.moments if moment.video == str(gone))
    grey = cv2.imread(str(place))
    assert grey is not None and grey.std() < 1


def test_features_of_other_settings_are_refused(
    extracted: tuple[Config, Path, Path], tmp_path: Path
) -> None:
    cfg, weights, folder = extracted
    other = tiny_config(tmp_path, "data.num_workers=0", "data.sampling_stride=4")
    clip = folder / "films" / "red0.mp4"
    with pytest.raises(FolderError, match="is of other settings"):
        told(clip, folder / "features", tmp_path, other, weights)


def test_others_see_the_names_of_videos_alone() -> None:
    moment = Moment("/home/me/<film>.mp4", 1.0, 62.5, 0.9876)
    text = table_of([moment], whole=False)
    assert "<td>1.</td><td>0.988</td><td>0:01.0 to 1:02.5</td><td>&lt;film&gt;.mp4</td>" in text
    assert "/home/me/&lt;film&gt;.mp4" in table_of([moment], whole=True)

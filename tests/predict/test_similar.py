"""Similar moments: which are found, in which order, and what is left out."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_run import eager, fresh_state, tiny_config, tiny_data
from support.videos import write_mpeg4

from slowfast.config import Config
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.files import FolderError
from slowfast.predict import similar
from slowfast.predict.features import SOURCES, extract
from slowfast.predict.kept import META, Kept
from slowfast.predict.long_videos import clip_rows, sliding_features
from slowfast.predict.runtime.built import weighted
from slowfast.predict.similar import (
    Query,
    find_similar,
    middle_frame,
    overrides_of,
    plan_in,
    query_of,
    require_same,
)


def write_features(folder: Path, videos: dict[str, list[tuple[float, float, float]]]) -> Path:
    """A folder of features of two channels: for each video ``(start, end, angle)`` of its clips."""
    kept = Kept(folder)
    kept.claim({"weights": "abc", "every": 1.0})
    with (folder / SOURCES).open("a") as journal:
        for name, clips in videos.items():
            journal.write(json.dumps({"key": name, "video": f"/videos/{name}"}) + "\n")
            if clips:
                starts, ends, angles = np.array(clips).T
                rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
                kept.write(name, clip_rows(np.stack([starts, ends], axis=1), 5 * rows))
    return folder


def looked_for(path: str = "/clip.mp4", start: float = 0, end: float = 1) -> Query:
    """The direction of angle 0."""
    return Query(path, start, end, np.array([3.0, 0.0]))


def found_in(folder: Path, top: int = 10, query: Query | None = None) -> list[tuple[str, float]]:
    """Names of the videos, and seconds at which the moments start."""
    moments, _ = find_similar(folder, query or looked_for(), top)
    return [(Path(moment.video).name, moment.start) for moment in moments]


def test_the_most_similar_moments_come_first(tmp_path: Path) -> None:
    videos = {
        "a/one.mp4": [(0.0, 1.0, 0.5), (1.0, 2.0, 0.1), (2.0, 3.0, 3.0)],
        "two.mp4": [(0.0, 1.0, 0.3), (1.0, 2.0, -0.2)],
        "unread.mp4": [],
    }
    folder = write_features(tmp_path, videos)
    moments, own = find_similar(folder, looked_for(), 3)
    assert [(m.video, m.start, m.end) for m in moments] == [
        ("/videos/a/one.mp4", 1.0, 2.0), ("/videos/two.mp4", 1.0, 2.0),
        ("/videos/two.mp4", 0.0, 1.0),
    ]  # fmt: skip
    assert [m.similarity for m in moments] == pytest.approx(np.cos([0.1, 0.2, 0.3]))
    assert own == []
    assert len(found_in(folder, 100)) == 5


def test_of_moments_that_overlap_there_is_one(tmp_path: Path) -> None:
    clips = [(0.0, 2.0, 0.3), (1.0, 3.0, 0.1), (2.0, 4.0, 0.2), (2.99, 5.0, 0.4), (4.9, 6.0, 0.5)]
    folder = write_features(tmp_path, {"film.mp4": clips})
    assert found_in(folder) == [("film.mp4", 1.0), ("film.mp4", 2.99), ("film.mp4", 4.9)]


def test_a_long_video_is_searched_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar, "ROWS", 7)
    clips = [(float(i), i + 1.0, 2.0 - abs(i - 37) / 100) for i in range(100)]
    folder = write_features(tmp_path, {"film.mp4": clips})
    assert {start for _, start in found_in(folder, 2)} == {99.0, 98.0}


def test_the_clip_itself_is_left_out_and_its_other_parts_are_not(tmp_path: Path) -> None:
    clips = [(0.0, 1.0, 0.1), (1.0, 2.0, 0.2), (2.0, 3.0, 0.3)]
    folder = write_features(tmp_path / "features", {"film.mp4": clips, "other.mp4": clips})
    film, copy, other = (tmp_path / name for name in ("film.mp4", "copy.mp4", "other.mp4"))
    film.write_bytes(b"film")
    other.write_bytes(b"else")
    shutil.copy(film, copy)
    text = (folder / SOURCES).read_text()
    (folder / SOURCES).write_text(text.replace("/videos", str(tmp_path)))
    for path in (film, copy):
        moments, own = find_similar(folder, looked_for(str(path), 0.5, 2.0), 3)
        assert own == [str(film)]
        assert [(m.video, m.start) for m in moments] == [
            (str(other), 0.0), (str(other), 1.0), (str(film), 2.0),
        ]  # fmt: skip


def test_a_damaged_file_is_left_out(tmp_path: Path, lines: list[str]) -> None:
    names = ("cut.mp4", "empty.mp4", "nan.mp4", "other.mp4", "wide.mp4", "fine.mp4")
    folder = write_features(tmp_path, dict.fromkeys(names, [(0.0, 1.0, 0.1)]))
    paths = {name: Kept(folder).path(name) for name in names}
    paths["cut.mp4"].write_bytes(paths["cut.mp4"].read_bytes()[:-3])
    paths["empty.mp4"].write_bytes(b"")
    seconds = np.array([[0.0, 1.0]])
    for name, row in (("nan.mp4", [np.nan, 1]), ("wide.mp4", [1, 2, 3])):
        Kept(folder).write(name, clip_rows(seconds, np.array([row], np.float32)))
    Kept(folder).write("other.mp4", np.ones((1, 2), np.float32))
    assert found_in(folder) == [("fine.mp4", 0.0)]
    assert [line.split(" is damaged (")[0] for line in lines] == [
        f"left out: {paths[name]}" for name in names[:-1]
    ]
    paths["fine.mp4"].unlink()
    with pytest.raises(FolderError, match="has no features that can be read"):
        found_in(folder)


def test_folders_that_are_not_of_features(tmp_path: Path) -> None:
    for folder, fault in (
        (tmp_path / "gone", "gone: there is no such folder of features (extract_features --out)"),
        (tmp_path, f"{tmp_path} has no features of extract_features: there is no {META} of theirs"),
    ):
        with pytest.raises(FolderError) as caught:
            plan_in(folder)
        assert fault in str(caught.value)
    Kept(tmp_path).claim({"weights": "abc", "test.num_clips": 10})  # scores of a test
    with pytest.raises(FolderError, match="has no features of extract_features"):
        plan_in(tmp_path)
    (tmp_path / META).write_text("- a list")
    with pytest.raises(FolderError, match="is damaged: delete it"):
        plan_in(tmp_path)


# -------------------------------------------------------------------------- with a network


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    return tiny_config(tmp_path, "data.num_workers=0", "test.views_per_chunk=2")


def test_settings_come_from_the_folder_and_other_weights_are_refused(
    cfg: Config, tmp_path: Path
) -> None:
    folder, network = tmp_path / "features", weighted(fresh_state(cfg).model)
    own = tiny_config(tmp_path, "data.num_workers=0", "data.mean=[0.1,0.2,0.3]")
    assert extract(network, [], folder, own, 0.5) == []
    plan = plan_in(folder)
    assert plan["every"] == 0.5
    again = tiny_config(tmp_path, *overrides_of(plan))
    assert again.data.mean == (0.1, 0.2, 0.3)
    require_same(network, again, folder)
    with pytest.raises(FolderError, match=r"other settings \(data.mean: \[0.1, 0.2, 0.* there, "):
        require_same(network, cfg, folder)
    model = fresh_state(cfg).model
    weight = next(iter(model.s5.parameters()))
    weight.set_value(weight + 1)
    with pytest.raises(FolderError, match="is of other weights .*: name those with -w and -o"):
        require_same(weighted(model), again, folder)


def test_a_query_is_the_mean_over_the_clips_of_its_part(cfg: Config) -> None:
    """The video has 60 frames of 30 a second, a clip 16 of them."""
    backend, path = eager(fresh_state(cfg).model, cfg, "features"), tiny_data() / "val/000000.mp4"
    ((_, rows),) = sliding_features(
        backend, [Sample(str(path))], cfg, every=0.25, report=lambda done, clips: None
    )
    assert not isinstance(rows, VideoError)
    for at, first, last in ((None, 0, 6), ((0.7, 1.3), 2, 4), ((0.0, 0.1), 0, 0), ((1.9, 5), 6, 6)):
        query = query_of(backend, str(path), cfg, 0.25, at)
        assert (query.start, query.end) == (rows["start"][first], rows["end"][last])
        expected = rows["features"][first : last + 1].mean(axis=0)
        np.testing.assert_allclose(query.features, expected, rtol=1e-4, atol=1e-6)


def test_what_cannot_be_looked_for(cfg: Config, tmp_path: Path) -> None:
    backend, path = eager(fresh_state(cfg).model, cfg, "features"), tiny_data() / "val/000000.mp4"
    for at, every, why in (
        ((2.0, 3.0), 0.25, "it ends at 2 s"),
        ((0.6, 0.9), 1.4, "clips leave it"),
    ):
        with pytest.raises(VideoError, match=rf"has no part from {at[0]:g} to {at[1]:g} s: {why}"):
            query_of(backend, str(path), cfg, every, at)
    (tmp_path / "text.mp4").write_text("no video")
    single = write_mpeg4(tmp_path / "single.mp4", [np.zeros((32, 32, 3), np.uint8)])
    for name, why in (
        ("gone.mp4", "No such file"),
        ("text.mp4", ""),
        (single.name, "a single pict"),
    ):
        with pytest.raises(VideoError, match=f"{name}: .*{why}"):
            query_of(backend, str(tmp_path / name), cfg, 0.25)


def test_the_frame_in_the_middle_is_shown(cfg: Config, tmp_path: Path) -> None:
    frames: list[Any] = [np.full((32, 48, 3), 4 * i, np.uint8) for i in range(60)]
    path = str(write_mpeg4(tmp_path / "grey.mp4", frames))
    for start, end in ((0.0, 2.0), (1.0, 1.5), (1.9, 9.0)):
        picture = middle_frame(similar.Moment(path, start, end, 1.0), cfg.data)
        assert picture is not None and picture.shape == (32, 48, 3)
        number = min(int((start + end) / 2 * 30), 59)
        assert abs(picture.mean() - 4 * number) < 4
    wide = str(write_mpeg4(tmp_path / "wide.mp4", [np.zeros((48, 802, 3), np.uint8)] * 3))
    picture = middle_frame(similar.Moment(wide, 0, 0.1, 1.0), cfg.data)
    assert picture is not None and picture.shape == (24, 400, 3)
    assert middle_frame(similar.Moment("/gone.mp4", 0, 1, 1.0), cfg.data) is None

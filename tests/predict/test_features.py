"""Features that are kept: computed once, of the right videos, and never mixed with others."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from support.locks import lock_held
from support.tiny_run import fresh_state, tiny_config, tiny_data

from slowfast.config import Config
from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.find import Named
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.files import FolderError
from slowfast.predict.features import FOLDER, SOURCES, claim_features, extract, video_features
from slowfast.predict.kept import META, Kept, key_of
from slowfast.predict.runtime.built import weighted

NAMES = ["a/b c.mp4", "d/b c.mp4", "höhe 1.mp4"]


@pytest.fixture
def videos(tmp_path: Path) -> list[Named]:
    """Three videos below ``tmp_path``."""
    found = []
    for number, name in enumerate(NAMES):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_data() / "val" / f"{number:06d}.mp4", path)
        found.append(Named(Sample(str(path)), name))
    return found


def write(
    videos: list[Named], folder: Path, *overrides: str, every: float = 1.0, change: float = 0.0
) -> list[str]:
    """Extracts with a network whose last stage is changed by so much."""
    cfg = tiny_config(folder.parent, "data.num_workers=0", *overrides)
    model = fresh_state(cfg).model
    weight = next(iter(model.s5.parameters()))
    weight.set_value(weight + change)
    return extract(weighted(model), videos, folder, cfg, every)


def files(folder: Path) -> list[str]:
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name not in (META, SOURCES))


# ------------------------------------------------------------------- of clips that slide along


def test_a_file_a_video_which_is_kept(
    videos: list[Named], tmp_path: Path, lines: list[str]
) -> None:
    out = tmp_path / "out"
    assert write(videos[2:], out) == []
    first = (out / "höhe 1.mp4.npy").stat().st_mtime_ns
    assert write(videos, out) == []
    assert lines == ["1 of 3 videos are there already"]
    assert (out / "höhe 1.mp4.npy").stat().st_mtime_ns == first
    assert files(out) == [f"{name}.npy" for name in NAMES]
    rows = np.load(out / "a/b c.mp4.npy", allow_pickle=False)
    assert rows["start"].tolist() == pytest.approx([0, 1, 2 - 16 / 30])


def test_features_of_other_weights_are_never_mixed(videos: list[Named], tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(videos[:1], out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for error, overrides, changed in (
        ("settings (every: 1.0 there, 0.5 here)", [], {"every": 0.5}),
        ("settings (data.sampling_stride: 2 there, 1", ["data.sampling_stride=1"], {}),
        ("settings (test.short_side: 32 there, 40 here)", ["test.short_side=40"], {}),
        ("weights (weights: ", [], {"change": 1.0}),
    ):
        with pytest.raises(FolderError) as caught:
            write(videos, out, *overrides, **changed)
        assert str(caught.value).startswith(f"what is in {out} is of other {error}")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    (out / META).unlink()
    with pytest.raises(FolderError, match="b c.mp4.npy is there, and no .*depends_on.yaml that"):
        write(videos, out)


def test_two_videos_never_share_a_file(videos: list[Named], tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"would both be written to b c.mp4.npy"):
        write([Named(video.sample, "b c.mp4") for video in videos[:2]], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_changed_video_and_one_of_its_name(
    videos: list[Named], tmp_path: Path, lines: list[str]
) -> None:
    out, one, other = tmp_path / "out", *(Path(video.sample.path) for video in videos[:2])

    def named(path: Path) -> list[Named]:
        lines.clear()
        return [Named(Sample(str(path)), "b c.mp4")]

    kept = out / "b c.mp4.npy"
    write(named(one), out)
    first = kept.read_bytes()
    with pytest.raises(FolderError) as caught:
        write(named(other), out)
    assert str(caught.value) == f"{kept} is of {one}, not of {other}: write to another folder"
    moved = one.rename(tmp_path / one.name)  # size and time stay
    for path in (moved, one):  # moved, gone
        assert write(named(path), out) == []
        assert lines == ["1 of 1 videos are there already"]
    shutil.copy(other, one)
    with (out / SOURCES).open("a") as journal:
        journal.write('\n{"key": "b c.m')  # as the machine went down
    assert write(named(one), out) == []
    assert lines == []
    assert write(named(other), tmp_path / "other") == []
    assert first != kept.read_bytes() == (tmp_path / "other" / kept.name).read_bytes()
    assert write(named(one), out) == []
    assert lines == ["1 of 1 videos are there already"]
    for damaged in (kept, out / SOURCES):  # what is cut off, or of an unknown video, is made anew
        damaged.write_bytes(b"")
        assert write(named(one), out) == []
        assert lines == [] and kept.read_bytes() != b""


def test_an_unreadable_video_stops_no_other(
    videos: list[Named], tmp_path: Path, lines: list[str]
) -> None:
    out, empty = tmp_path / "out", tmp_path / "empty.mp4"
    empty.touch()
    broken = Named(Sample(str(empty)), "empty.mp4")
    reason = f"{empty}: the file is empty (0 bytes)"
    assert write([broken, *videos], out) == [reason]
    assert lines == [f"unreadable: {reason}"]
    assert files(out) == [f"{name}.npy" for name in NAMES]
    shutil.copy(videos[0].sample.path, empty)
    assert write([broken, *videos], out) == []
    assert lines[1:] == ["3 of 4 videos are there already"]


def test_two_runs_do_not_write_into_one_folder(videos: list[Named], tmp_path: Path) -> None:
    journal = tmp_path / "out" / SOURCES
    journal.parent.mkdir()
    with lock_held(journal), pytest.raises(FolderError) as caught:
        write(videos, tmp_path / "out")
    assert str(caught.value) == f"{journal} is in use by another run: wait for it, or end it"
    assert write(videos, tmp_path / "out") == []


# ------------------------------------------------------------- of the views, to train a classifier


def head_config(folder: Path, *overrides: str) -> Config:
    return tiny_config(folder, "train.head_clips=2", "data.num_workers=0", *overrides)


def samples_of(videos: list[Named]) -> list[Sample]:
    return [video.sample for video in videos]


def test_features_are_those_of_the_tests_views(videos: list[Named], tmp_path: Path) -> None:
    cfg, samples = head_config(tmp_path), samples_of(videos)
    model = fresh_state(cfg).model
    rows = video_features(
        weighted(model), samples, cfg, claim_features(weighted(model), cfg), "training"
    )
    own = tiny_config(tmp_path, "test.num_clips=2", "test.num_crops=1")
    for index, found in enumerate(rows):
        video = MultiViewVideos(samples, own.data, own.test)(index)
        ((y, x),) = video.crops
        assert found is not None and found.shape == (2, 288)
        for row, clip in zip(found, video.clips, strict=True):
            pixels = video.frames[clip][:, y : y + 32, x : x + 32].astype(np.float32)
            clip_NCTHW = (pixels / 255 - 0.45).transpose(3, 0, 1, 2)[None] / 0.225
            with paddle.no_grad():
                expected = model.embed(paddle.to_tensor(clip_NCTHW.astype(np.float32))).numpy()[0]
            np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


def test_each_video_is_computed_once(
    videos: list[Named], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    cfg, samples = head_config(tmp_path), samples_of(videos)
    model, written, keep = fresh_state(cfg).model, list[str](), Kept.write

    def note(self: Kept, name: str, row: Any) -> None:
        written.append(name)
        keep(self, name, row)

    monkeypatch.setattr(Kept, "write", note)
    kept = claim_features(weighted(model), cfg)
    first = video_features(
        weighted(model), [samples[0], samples[1], samples[0]], cfg, kept, "training"
    )
    assert sorted(written) == sorted({key_of(sample) for sample in samples[:2]})
    np.testing.assert_array_equal(first[0], first[2])
    written.clear()
    kept.path(key_of(samples[0])).write_bytes(b"damaged")
    again = video_features(
        weighted(model), samples, cfg, claim_features(weighted(model), cfg), "validation"
    )
    assert sorted(written) == sorted([key_of(samples[0]), key_of(samples[2])])
    assert lines == ["features of 1 of 3 validation videos are there"]
    np.testing.assert_array_equal(again[0], first[0])
    other = head_config(tmp_path, "data.sampling_stride=1")
    assert claim_features(weighted(model), other).folder != kept.folder  # and both stay
    assert {path.parent for path in (Path(cfg.output_dir) / FOLDER).glob("*/*")} == {
        kept.folder, claim_features(weighted(model), other).folder,
    }  # fmt: skip


def test_videos_that_cannot_be_read(videos: list[Named], tmp_path: Path, lines: list[str]) -> None:
    samples = [Sample("/gone.mp4"), *samples_of(videos)]
    reason = "/gone.mp4: No such file or directory"
    cfg = head_config(tmp_path)
    model = fresh_state(cfg).model
    kept = claim_features(weighted(model), cfg)
    with pytest.raises(VideoError) as caught:
        video_features(weighted(model), samples, cfg, kept, "training")
    assert str(caught.value) == reason
    skip = head_config(tmp_path, "data.on_error=skip")
    rows = video_features(weighted(model), samples, skip, kept, "training")
    assert [row is None for row in rows] == [True, False, False, False]
    assert lines[-2:] == [
        f"unreadable, left out: {reason}", "1 of 4 training videos are left out"
    ]  # fmt: skip
    with pytest.raises(VideoError, match="none of the 1 validation videos could be read"):
        video_features(weighted(model), samples[:1], skip, kept, "validation")
    two = [Sample("/gone.mp4"), Sample("/lost.mp4")]
    few = head_config(tmp_path, "data.on_error=skip", "data.max_errors=1")
    with pytest.raises(VideoError, match=r"/lost.mp4: .*\(2 unreadable videos; data.max_errors=1"):
        video_features(weighted(model), two, few, kept, "training")


def test_parts_of_one_video_have_features_of_their_own(tmp_path: Path, lines: list[str]) -> None:
    source = str(tiny_data() / "val" / "000000.mp4")
    parts = [Sample(source, start=0, end=1), Sample(source, start=1), Sample(source)]
    named = [Named(part, f"{number}.mp4") for number, part in enumerate(parts)]
    out = tmp_path / "out"
    assert write(named, out, every=0.5) == []
    rows = [np.load(out / f"{video.name}.npy") for video in named]
    assert rows[0]["start"][0] == 0.0
    assert rows[0]["end"][-1] == pytest.approx(1.0)
    assert rows[1]["start"][0] == pytest.approx(1.0) and rows[2]["start"][0] == 0.0
    assert rows[1]["end"][-1] == rows[2]["end"][-1]
    assert write(named, out, every=0.5) == []
    assert lines[-1].startswith("3 of 3 videos are there already")
    told = [json.loads(line) for line in (out / SOURCES).read_text().splitlines()]
    assert [(row.get("start"), row.get("end")) for row in told] == [(0, 1), (1, None), (None, None)]

    cfg = tiny_config(tmp_path, "data.num_workers=0", "train.head_clips=2")
    network = weighted(fresh_state(cfg).model)
    kept = claim_features(network, cfg)
    found = video_features(network, parts, cfg, kept, "training")
    for part, row in zip(parts, found, strict=True):
        assert row is not None
        np.testing.assert_array_equal(row, np.load(kept.path(key_of(part))))
    assert len({row.tobytes() for row in found if row is not None}) == 3

"""A classifier for a few clips: what it learns, how it is checked, and what it refuses."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.tiny_run import fresh_state, main_here, tiny_config, tiny_data

from slowfast.config import Config, load_config
from slowfast.data.samples import Sample
from slowfast.files import FolderError
from slowfast.predict.runtime.backends import open_backend
from slowfast.predict.runtime.built import weighted
from slowfast.predict.views import rows_of_videos
from slowfast.train import few_shot
from slowfast.train.few_shot import Clip, TeachError, save_taught, teach

CHANNELS = 40


def clips_of(counts: list[int], *, apart: float, views: int = 3, seed: int = 0) -> list[Clip]:
    """So many clips of each class, around a point for each, as far ``apart`` as views differ."""
    rng = np.random.default_rng(seed)
    middles = apart * np.random.default_rng(7).normal(size=(len(counts), CHANNELS))
    return [
        Clip(f"{label}-{i}.mp4", label, middle + rng.normal(size=(views, CHANNELS)))
        for label, (middle, count) in enumerate(zip(middles, counts, strict=True))
        for i in range(count)
    ]


def answer(clips: list[Clip], names: list[str], features: NDArray[Any]) -> NDArray[np.float64]:
    return teach(clips, names).probabilities(features)


@pytest.mark.parametrize("count", [2, 3])
def test_it_knows_new_clips(count: int) -> None:
    names = ["wave", "jump high", "turn"][:count]
    taught = teach(clips_of([4] * count, apart=1.0), [f" {name}  " for name in names])
    assert (taught.names, taught.notes) == (names, [])
    assert taught.weights.shape == (CHANNELS, count) and taught.bias.shape == (count,)
    for clip in clips_of([5] * count, apart=1.0, seed=1):
        shares = taught.probabilities(clip.features)
        assert shares.argmax() == clip.label and shares.sum() == pytest.approx(1)
    assert taught.verdict is not None
    assert taught.verdict[:2] == (4 * count, 4 * count) and taught.verdict.mistakes == []
    assert taught.verdict.interval[1] == 1.0


@pytest.mark.parametrize("counts", [[6, 5], [4, 6, 5]])
def test_the_verdict_is_that_of_teaching_without_the_clip(counts: list[int]) -> None:
    clips, names = clips_of(counts, apart=0.15), ["a", "b", "c"][: len(counts)]
    verdict = teach(clips, names).verdict
    assert verdict is not None
    wrong: list[Any] = []
    for index, clip in enumerate(clips):
        shares = answer(clips[:index] + clips[index + 1 :], names, clip.features)
        if shares.argmax() != clip.label:
            guessed = names[int(shares.argmax())]
            wrong.append((clip.name, names[clip.label], guessed, pytest.approx(shares.max(), 2e-3)))
    assert 1 < len(wrong) < len(clips)
    assert verdict.mistakes == wrong
    assert (verdict.right, verdict.judged) == (len(clips) - len(wrong), len(clips))


def test_the_interval_is_wilsons() -> None:
    """Of 8 right of 10, by the formula of Wilson 1927."""
    clips = clips_of([5, 5], apart=1.0)
    for index in (0, 9):  # clips of the other class's kind
        other = clips_of([1, 1], apart=1.0, seed=index + 2)[1 - clips[index].label]
        clips[index] = clips[index]._replace(features=other.features)
    verdict = teach(clips, ["a", "b"]).verdict
    assert verdict is not None and [m.clip for m in verdict.mistakes] == ["0-0.mp4", "1-4.mp4"]
    assert verdict.interval == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_a_rare_class_counts_as_much_as_a_frequent_one() -> None:
    clips = [
        Clip(f"{label} {place}", label, np.full((1, CHANNELS), place))
        for label, places in enumerate((np.linspace(-3, 1, 5), np.linspace(-1, 3, 60)))
        for place in places
        if label or place not in (-1.0, 1.0)  # which are in the other class, too
    ]
    shares = answer(clips, ["rare", "frequent"], np.zeros((1, CHANNELS)))
    assert 0.3 < shares[0] < 0.7


def test_all_views_of_a_clip_together_are_one_example() -> None:
    clips = clips_of([3, 3], apart=0.2)
    many = [clip._replace(features=np.repeat(clip.features, 5, axis=0)) for clip in clips]
    one, other = teach(clips, ["a", "b"]), teach(many, ["a", "b"])
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-4)
    assert one.verdict is not None and other.verdict is not None
    assert one.verdict[:3] == other.verdict[:3]


def test_clips_that_show_the_same_are_left_out_together() -> None:
    clips = clips_of([3, 3], apart=0.0)
    copy = clips[1]._replace(name="copy.mp4", features=clips[1].features * (1 + 1e-6))
    taught = teach([*clips, copy], ["a", "b"])
    assert taught.notes == [
        "0-1.mp4 and copy.mp4 show the same: they count as one clip in the check."
    ]
    assert taught.verdict is not None and taught.verdict.judged == 6
    shares = answer([clips[0], *clips[2:]], ["a", "b"], clips[1].features)
    said = {m.clip: m.probability for m in taught.verdict.mistakes}.get("0-1.mp4", shares[0])
    assert said == pytest.approx(shares.max(), 2e-3)


def test_a_class_with_one_clip_is_taught_and_not_judged() -> None:
    taught = teach(clips_of([1, 3, 3], apart=1.0), ["once", "b", "c"])
    assert taught.notes == [
        "'once' has one clip, which cannot be judged: without it there is no example of this "
        "action. Add another."
    ]
    assert taught.verdict is not None and taught.verdict.judged == 6
    (new,) = clips_of([1, 0, 0], apart=1.0, seed=3)
    assert taught.probabilities(new.features).argmax() == 0
    single = teach(clips_of([1, 1], apart=1.0), ["a", "b"])
    assert single.verdict is None and len(single.notes) == 2


def test_many_clips_are_left_out_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few_shot, "FOLDS", 5)
    taught = teach(clips_of([6, 6], apart=1.0), ["a", "b"])
    assert taught.notes == ["The check leaves out 3 clips at a time."]
    assert taught.verdict is not None and taught.verdict[:2] == (12, 12)


@pytest.mark.parametrize(
    ("counts", "names", "fault"),
    [
        ([3], ["a"], "name at least two actions: one cannot be told from nothing"),
        ([3, 3], ["a", " \n"], "action 2 has no name"),
        ([3, 3], ["Wave  hand", "wave hand "], "'Wave hand' and 'wave hand' are one name: change"),
        ([3, 0], ["a", "b"], "'b' has no clip yet: add one"),
        ([], ["a", "b"], "'a' has no clip yet: add one"),
    ],
    ids=["one class", "no name", "one name twice", "no clip", "no clips"],
)
def test_what_cannot_be_taught(counts: list[int], names: list[str], fault: str) -> None:
    with pytest.raises(TeachError) as caught:
        teach(clips_of(counts, apart=1.0), names)
    assert str(caught.value).startswith(fault)


def test_one_clip_in_two_classes_is_refused() -> None:
    clips = clips_of([2, 2], apart=1.0)
    clips[3] = clips[3]._replace(features=clips[0].features)
    with pytest.raises(TeachError) as caught:
        teach(clips, ["a", "b"])
    assert (
        str(caught.value) == "0-0.mp4 and 1-1.mp4 show the same, one as 'a', one as 'b': remove one"
    )


def test_without_scikit_learn_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(TeachError, match="teaching needs scikit-learn: pip install scikit-learn"):
        teach(clips_of([1, 1], apart=1.0), ["a", "b"])


# ------------------------------------------------------------------------------- the checkpoint


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    """Of a network that answers at four positions of a view."""
    more = ("test.short_side=64", "test.crop_size=64", "test.num_clips=2", "data.num_workers=0")
    return tiny_config(tmp_path, *more)


@pytest.mark.slow
def test_infer_and_test_take_the_checkpoint(cfg: Config, tmp_path: Path) -> None:
    network = weighted(fresh_state(cfg).model)
    samples = [Sample(str(tiny_data() / "val" / f"{i:06d}.mp4")) for i in range(6)]
    found = rows_of_videos(open_backend(network, cfg, "features"), samples, cfg, what="")
    rows: dict[int, Any] = dict(found)
    taught = teach([Clip(f"{i}", i % 3, rows[i]) for i in range(6)], ["1 hand", "2 hands", "none"])
    path = tmp_path / "taught" / "mine.pdparams"
    save_taught(network, cfg, taught, path)
    (tmp_path / "labels.txt").write_text("not\nthese\nnames\n")
    expected = [taught.probabilities(rows[i]) for i in range(6)]
    videos = [sample.path for sample in samples]
    for backend in ("auto", "eager"):
        out = tmp_path / f"{backend}.json"
        flags = "-w", path, "--views", "2x3", "--backend", backend, "--precision", "fp32"
        done = main_here("--infer", *videos, *flags, "--out", out, "--top", "3", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        for row, shares in zip(json.loads(out.read_text()), expected, strict=True):
            assert row["top1_label"] == taught.names[int(shares.argmax())]
            order = row["top3_indices"]
            np.testing.assert_allclose(row["top3_values"], shares[order], atol=1e-4)
    (tmp_path / "val.list").write_text("".join(f"{v} {i % 3}\n" for i, v in enumerate(videos)))
    done = main_here("--test", "-w", path, "--out", tmp_path / "scores.npz", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert load_config(str(path.with_suffix(".yaml"))).output_dir == "output/mine"
    right = sum(int(shares.argmax()) == i % 3 for i, shares in enumerate(expected))
    assert f"{right / 6:.5f}" in done.stdout


def test_names_beside_another_checkpoint_stay(cfg: Config, tmp_path: Path) -> None:
    network, clips = weighted(fresh_state(cfg).model), clips_of([1, 1], apart=1.0)
    clips = [clip._replace(features=np.resize(clip.features, (3, 288))) for clip in clips]
    save_taught(network, cfg, teach(clips, ["a", "b"]), tmp_path / "one.pdparams")
    save_taught(network, cfg, teach(clips, ["a", "b"]), tmp_path / "two.pdparams")
    with pytest.raises(FolderError, match="labels.txt has other class names: write into another"):
        save_taught(network, cfg, teach(clips, ["a", "c"]), tmp_path / "three.pdparams")
    assert not (tmp_path / "three.pdparams").exists()


def test_a_network_of_several_labels_learns_one_action_a_clip(tmp_path: Path) -> None:
    more = "train.focal_gamma=2", "train.class_weights=balanced"
    cfg = tiny_config(tmp_path, "train.task=multi", *more)
    clips = [Clip(f"{i}", i % 2, np.full((1, 3), i % 2, np.float32)) for i in range(2)]
    taught = teach(clips, ["a", "b"])
    save_taught(weighted(fresh_state(cfg).model), cfg, taught, tmp_path / "x" / "mine.pdparams")
    assert load_config(tmp_path / "x" / "mine.yaml").train.task == "single"

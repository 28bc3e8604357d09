"""What a step reads: clips in order, and what becomes of videos that cannot be read."""

from pathlib import Path

import numpy as np
import pytest
from support.tiny_run import tiny_config

from slowfast.config import Config
from slowfast.data.clips.datasets import TrainKey
from slowfast.data.clips.sampling import Grid
from slowfast.data.lists.read_lists import read_list
from slowfast.data.samples import Label, Sample
from slowfast.data.video.reader import VideoError
from slowfast.train.batches import UNREADABLE, EpochReader
from slowfast.train.recipe.schedule import Step
from slowfast.train.step import Work
from slowfast.train.training_clips import clip_loader, train_keys

STEPS = [Step([[0, 1], [2, 3]], Grid(8, 32)), Step([[4, 5], [6, 7]], Grid(4, 16))]


def config(folder: Path, on_error: str, *more: str) -> Config:
    return tiny_config(folder, f"data.on_error={on_error}", "data.num_workers=0", *more)


def samples_without(cfg: Config, *gone: int) -> list[Sample]:
    samples = read_list(cfg.data.train_list, cfg.data.root, 24)[:8]
    for index in gone:
        samples[index] = Sample(f"/gone/{index}.mp4", 0)
    return samples


def read(cfg: Config, samples: list[Sample], epoch: int = 0) -> list[Work]:
    with clip_loader(samples, [], cfg) as loader:
        reader = EpochReader(loader, samples, cfg, epoch)
        found = [*reader.read(STEPS)]
        reader.list_unreadable()
    assert [step for step, _, _ in found] == STEPS
    assert all(seconds >= 0 for _, _, seconds in found)
    return [work for _, work, _ in found]


def labels(works: list[Work]) -> list[list[list[Label]]]:
    return [[[clip.label for clip in batch] for batch in work.batches] for work in works]


def line(index: int) -> str:
    return f"/gone/{index}.mp4: No such file or directory"


@pytest.mark.parametrize("on_error", ["raise", "skip", "substitute"])
def test_the_clips_of_each_step_in_order_and_of_its_size(tmp_path: Path, on_error: str) -> None:
    cfg = config(tmp_path, on_error)
    samples = samples_without(cfg)
    works = read(cfg, samples)
    wanted = [[[samples[i].label for i in batch] for batch in step.batches] for step in STEPS]
    assert labels(works) == wanted
    shapes = [{clip.frames.shape for batch in work.batches for clip in batch} for work in works]
    assert shapes == [{(8, 32, 32, 3)}, {(4, 16, 16, 3)}]
    assert [(work.clips, work.grid, work.error) for work in works] == [
        (4, Grid(8, 32), None), (4, Grid(4, 16), None)
    ]  # fmt: skip
    other = read(cfg, samples, epoch=1)[0].batches[0][0].frames
    assert not np.array_equal(other, works[0].batches[0][0].frames)  # augmented anew


def test_left_out(tmp_path: Path, lines: list[str]) -> None:
    cfg = config(tmp_path, "skip")
    works = read(cfg, samples_without(cfg, 6, 1))
    assert [[len(batch) for batch in work.batches] for work in works] == [[1, 2], [2, 1]]
    assert [(work.clips, work.error) for work in works] == [(4, None), (4, None)]
    path = Path(cfg.output_dir) / UNREADABLE
    assert path.read_text().splitlines() == [line(1), line(6)]
    assert lines == [
        f"unreadable: {line(1)}", f"unreadable: {line(6)}",
        f"epoch:1: 2 unreadable videos left out ({path}):", f"  {line(1)}", f"  {line(6)}",
    ]  # fmt: skip


def test_replaced_by_the_same_however_many_read(tmp_path: Path, lines: list[str]) -> None:
    found = []
    for workers in (0, 2):
        lines.clear()
        cfg = tiny_config(tmp_path, "data.on_error=substitute", f"data.num_workers={workers}")
        works = read(cfg, samples_without(cfg, 6, 1), epoch=4)
        assert [[len(batch) for batch in work.batches] for work in works] == [[2, 2], [2, 2]]
        *told, summary, first, second = lines
        assert summary.startswith("epoch:5: 2 unreadable videos replaced by others (")
        assert [first, second] == [f"  {line(1)}", f"  {line(6)}"]
        assert {*told} == {f"unreadable: {line(1)}", f"unreadable: {line(6)}"}
        found.append([clip.frames for work in works for batch in work.batches for clip in batch])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_unreadable_video_ends_the_run(tmp_path: Path, lines: list[str]) -> None:
    cfg = config(tmp_path, "raise")
    works = read(cfg, samples_without(cfg, 5))
    assert works[0].error is None and str(works[1].error) == line(5)
    assert lines == [] and not (Path(cfg.output_dir) / UNREADABLE).exists()


def test_nothing_left_to_replace_it_by_is_the_end_too(tmp_path: Path) -> None:
    cfg = config(tmp_path, "substitute", "data.max_errors=99")
    works = read(cfg, samples_without(cfg, *range(8)))
    assert isinstance(works[0].error, VideoError)


def test_more_than_the_limit_is_the_end(tmp_path: Path, lines: list[str]) -> None:
    cfg = config(tmp_path, "skip", "data.max_errors=1")
    works = read(cfg, samples_without(cfg, 2, 4))
    assert works[0].error is None
    assert str(works[1].error) == f"{line(4)} (2 unreadable videos; data.max_errors=1)"
    assert lines[0] == f"unreadable: {line(2)}"


def test_readers_are_counted_by_whole_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def note(cfg: Config, batch_bytes: int) -> int:
        seen.append(batch_bytes)
        return 0

    monkeypatch.setattr("slowfast.train.training_clips.num_readers", note)
    clip_loader([], [], tiny_config(tmp_path, "train.batch_size=3"))
    assert seen == [3 * 8 * 32 * 32 * 3]


def test_with_balanced_sampling_a_substitute_is_of_the_same_class(tmp_path: Path) -> None:
    for sampling, classes in ("plain", 2), ("balanced", 1):
        cfg = config(tmp_path, "substitute", f"train.sampling={sampling}")
        samples = samples_without(cfg)
        samples = [sample._replace(label=i // 2) for i, sample in enumerate(samples)]
        samples[3] = Sample("/gone/3.mp4", 1)
        steps = [Step([[3 + 8 * turn for turn in range(6)]], Grid(8, 32))]
        with clip_loader(samples, [], cfg) as loader:
            ((_, work, _),) = EpochReader(loader, samples, cfg, 0).read(steps)
        found = {clip.label for clip in work.batches[0]}
        assert len(work.batches[0]) == 6 and len(found) >= classes
        assert sampling == "plain" or found == {1}


def test_draws_of_a_video_are_augmented_anew_and_unreadable_ones_count_once(
    tmp_path: Path, lines: list[str]
) -> None:
    """Of 8 videos; draw 10 is the second of the third, draw 19 the third of the fourth."""
    cfg = config(tmp_path, "skip", "data.max_errors=1")
    samples = samples_without(cfg, 3)
    steps = [Step([[2, 10, 18], [3, 11, 19]], Grid(8, 32))]
    with clip_loader(samples, [], cfg) as loader:
        reader = EpochReader(loader, samples, cfg, 0)
        ((_, work, _),) = reader.read(steps)
        reader.list_unreadable()
    assert [len(batch) for batch in work.batches] == [3, 0] and work.error is None
    assert {clip.index for clip in work.batches[0]} == {2}
    assert len({clip.frames.tobytes() for clip in work.batches[0]}) == 3
    assert lines[0] == f"unreadable: {line(3)}"
    assert lines[1].startswith("epoch:1: 1 unreadable videos left out (") and len(lines) == 3
    assert train_keys([2, 10], 0, 8, Grid(8, 32)) == [
        TrainKey(0, 2, Grid(8, 32)), TrainKey(0, 2, Grid(8, 32), 1)
    ]  # fmt: skip

"""The loader of a training run's clips, and its keys; without Paddle."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from support.tiny_run import environment, tiny_config

from slowfast.data.clips.datasets import Clip, TrainKey
from slowfast.data.clips.sampling import Grid
from slowfast.data.lists.read_lists import read_list
from slowfast.train.training_clips import clip_loader, train_keys


def test_a_draw_is_a_sample_and_how_often_it_came_before() -> None:
    assert train_keys([2, 10], 0, 8, Grid(8, 32)) == [
        TrainKey(0, 2, Grid(8, 32), 0), TrainKey(0, 2, Grid(8, 32), 1)
    ]  # fmt: skip


def test_clips_with_facts_are_the_same_clips(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "data.num_workers=1", "data.rand_augment=1")
    samples = read_list(cfg.data.train_list, cfg.data.root, 24)[:3]
    keys: list[TrainKey | int] = [*train_keys([0, 1, 2], 1, 3), 0]
    found: list[list[Clip]] = []
    for tells in (False, True):
        with clip_loader(samples, samples, cfg, tells=tells) as loader:
            (items,) = loader.run([keys])
            assert all(isinstance(item, Clip) for item in items)
            found.append([item for item in items if isinstance(item, Clip)])
    for plain, told in zip(*found, strict=True):
        np.testing.assert_array_equal(plain.frames, told.frames)
        assert (plain.facts is None, told.facts is None) == (True, False)


def test_importing_it_needs_no_paddle(tmp_path: Path) -> None:
    text = (
        "import sys; sys.modules['paddle'] = None\n"
        "import slowfast.train.training_clips, slowfast.train.recipe.schedule\n"
        "import slowfast.train.past_runs"
    )
    subprocess.run([sys.executable, "-c", text], env=environment(), cwd=tmp_path, check=True)

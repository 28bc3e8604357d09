"""Which clips are shown: those of a step, of an epoch, of a batch."""

from pathlib import Path

import pytest

from slowfast.config import Config, ConfigError, config_of
from slowfast.data.clips.datasets import TrainKey
from slowfast.data.samples import Sample
from slowfast.train.browsing.keys import OF_TEST, Place, chosen


@pytest.fixture
def cfg() -> Config:
    return config_of({"train.batch_size": 3, "train.epochs": 2, "optim.warmup_epochs": 1.0})


def samples(count: int = 7) -> list[Sample]:
    return [Sample(Path(f"{i}.mp4").name, 0) for i in range(count)]


def test_a_step_of_training_and_as_many_from_there_on(cfg: Config) -> None:
    first, title = chosen(cfg, samples(), "train", Place(1, 1), None)
    assert len(first) == 3 and title == "training, epoch 1, step 1"
    both, _ = chosen(cfg, samples(), "train", Place(1, 1), 5)
    second, _ = chosen(cfg, samples(), "train", Place(1, 2), None)
    assert both == [*first, *second][:5]
    assert chosen(cfg, samples(), "train", Place(2, 1), None)[0] != first


def test_bare_videos_are_in_their_order(cfg: Config) -> None:
    keys, _ = chosen(cfg, samples(), "train", Place(2, 1), 4, in_order=True)
    assert keys == [TrainKey(1, place) for place in range(4)]


def test_batches_of_validation_and_test(cfg: Config) -> None:
    keys, title = chosen(cfg, samples(), "val", Place(1, 2), None)
    assert (keys, title) == ([3, 4, 5], "validation, batch 2")
    assert chosen(cfg, samples(), "test", Place(1, 1), None)[0] == [*range(OF_TEST)]


@pytest.mark.parametrize("place", [Place(1, 3), Place(3, 1)])
def test_what_the_run_does_not_have(place: Place, cfg: Config) -> None:
    with pytest.raises(ConfigError, match="--step 3: there are 2|--epoch 3: the run has 2"):
        chosen(cfg, samples(), "train", place, None)

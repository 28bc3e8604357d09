"""One step: the same weights however its clips are shared out, and what ends it ends it in all."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray
from support.small_nets import tensors_of
from support.tiny_run import fresh_state, run_script, tiny_config, write_tiny_config

from slowfast import distributed
from slowfast.config import Config, load_config
from slowfast.data.clips.datasets import Clip
from slowfast.data.clips.sampling import Grid
from slowfast.data.samples import classes_of
from slowfast.data.video.reader import VideoError
from slowfast.metrics.average_precision import counts_at, f1
from slowfast.models.freeze import freeze_batch_norm
from slowfast.models.resnet3d import set_recompute
from slowfast.signals import Stop
from slowfast.train.checkpoint import TrainState
from slowfast.train.recipe.precision import Precision
from slowfast.train.step import Learner, Outcome, Work, batch_of, train_step

Weights = dict[str, NDArray[np.float32]]
Share = tuple[list[list[int]], int]
"""Of a process: the clips of each batch, and how many there should be."""

OVERRIDES = ["data.on_error=skip", "model.dropout=0"]


def clips() -> list[Clip]:
    """Seven of noise."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (7, 8, 32, 32, 3), np.uint8)
    return [Clip(frame, int(k), 0) for frame, k in zip(frames, rng.integers(0, 24, 7), strict=True)]


def begin(cfg: Config) -> tuple[TrainState, Learner]:
    state = fresh_state(cfg)
    freeze_batch_norm(state.model)  # its statistics would be those of each batch
    set_recompute(state.model, cfg.train.recompute)
    state.model.train()
    several = distributed.world_size() > 1
    model = paddle.DataParallel(state.model) if several else state.model
    return state, Learner(model, state.optimizer, Precision("off", "bfloat16"), Stop(), cfg)


def step(learner: Learner, share: Share, error: VideoError | None = None) -> Outcome:
    batches, wanted = share
    work = Work([[clips()[i] for i in batch] for batch in batches], wanted, Grid(8, 32), error)
    return train_step(learner, work, 0.5, 0, 0)


def after_step(cfg: Config, share: Share) -> Weights:
    state, learner = begin(cfg)
    outcome = step(learner, share)
    assert outcome.clips == 7 and outcome.is_taken and not outcome.stop
    return tensors_of(state.model)


PLAIN: Share = ([[0, 1, 2, 3, 4, 5, 6]], 7)
ALONE: dict[str, Share] = {
    "one left out": ([[0, 1, 2, 3, 4, 5, 6]], 8),
    "accumulated": ([[0, 1, 2, 3], [4, 5, 6], []], 12),
}
OF_TWO: dict[str, list[Share]] = {
    "two processes": [([[0, 1, 2, 3]], 4), ([[4, 5, 6]], 4)],
    "two processes, accumulated": [([[0, 1], [2, 3], [4]], 6), ([[5, 6]], 6)],
    "one has none": [([[0, 1, 2], [3, 4, 5, 6]], 8), ([[], []], 8)],
}
AGAIN = "two processes, accumulated"

PROCESSES = """
import json, sys
import numpy as np
from slowfast import distributed
from slowfast.config import load_config
from train import test_step as here

distributed.start("cpu", seed=0)
cfg = load_config("tiny.yaml", here.OVERRIDES)
for name, shares in here.OF_TWO.items():
    after = here.after_step(cfg, shares[distributed.rank()])
    if distributed.rank() == 0:
        np.savez(f"{name}.npz", **after)
for units in ("stages", "blocks"):
    again = load_config("tiny.yaml", [*here.OVERRIDES, f"train.recompute={units}"])
    after = here.after_step(again, here.OF_TWO[here.AGAIN][distributed.rank()])
    if distributed.rank() == 0:
        np.savez(f"{units}.npz", **after)
boxes = load_config("tiny.yaml", here.BOXES)
for name, shares in here.OF_TWO_WITH_BOXES.items():
    after, outcome = here.step_with_boxes(boxes, shares[distributed.rank()])
    if distributed.rank() == 0:
        np.savez(f"boxes, {name}.npz", **after, loss=outcome.loss)
here.ends_in_all(cfg)
"""


def ends_in_all(cfg: Config) -> None:
    """In a process of two: an error that one has, and a signal that the second gets."""
    _, learner = begin(cfg)
    learner.stop.signal = 15 if distributed.rank() == 1 else 0
    assert step(learner, ([[0, 1]], 2)).stop
    for rank in range(2):
        error = VideoError("a.mp4: cut off") if distributed.rank() == rank else None
        with pytest.raises(VideoError, match="a.mp4: cut off"):
            step(learner, ([[0]], 1), error)
    print(json.dumps("all ended"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return after_step(tiny_config(tmp_path_factory.mktemp("plain"), *OVERRIDES), PLAIN)


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Weights], list[str]]:
    """By two processes, one step after another; and what the processes said."""
    folder = tmp_path_factory.mktemp("two")
    write_tiny_config(folder)
    said = run_script(PROCESSES, cwd=folder, processes=2)
    names = [*OF_TWO, "stages", "blocks", *(f"boxes, {name}" for name in OF_TWO_WITH_BOXES)]
    return {name: dict(np.load(folder / f"{name}.npz")) for name in names}, said


@pytest.mark.parametrize("name", [*ALONE, *OF_TWO])
def test_clips_count_alike_however_they_are_shared_out(
    name: str, tmp_path: Path, plain: Weights, of_two: Any
) -> None:
    """Batches whose gradients are added up, processes, and clips that are left out."""
    cfg = tiny_config(tmp_path, *OVERRIDES)
    found = of_two[0][name] if name in OF_TWO else after_step(cfg, ALONE[name])
    for key, value in plain.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-5, err_msg=key)
    start = fresh_state(cfg).model.head.projection.weight.numpy()
    assert np.abs(plain["head.projection.weight"] - start).max() > 0.01


@pytest.mark.parametrize("units", ["stages", "blocks"])
def test_what_is_computed_again_changes_nothing(units: str, of_two: Any) -> None:
    """To the last bit, with gradients that are added up and averaged over two processes."""
    found, wanted = of_two[0][units], of_two[0][AGAIN]
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_an_error_or_a_signal_of_one_process_counts_in_all(of_two: Any) -> None:
    for text in of_two[1]:
        assert text.endswith('"all ended"\n')


def test_a_step_without_any_clip_is_none(tmp_path: Path) -> None:
    state, learner = begin(tiny_config(tmp_path, *OVERRIDES))
    before = tensors_of(state.model)
    outcome = step(learner, ([[], []], 4))
    assert outcome == Outcome(0.0, {"top1": 0.0, "top5": 0.0}, [0.0] * 4, 0, False, 0.0, False)
    for name, value in state.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name], err_msg=name)
    assert state.model.training


def test_a_loss_that_is_not_finite_leaves_the_weights(tmp_path: Path) -> None:
    state, learner = begin(tiny_config(tmp_path, *OVERRIDES))
    state.model.head.projection.bias.set_value(paddle.full([24], float("inf")))
    before = state.model.head.projection.weight.numpy()
    outcome = step(learner, PLAIN)
    assert not np.isfinite(outcome.loss) and not np.isfinite(outcome.own_loss)
    assert not outcome.is_taken
    np.testing.assert_array_equal(state.model.head.projection.weight.numpy(), before)
    assert all(p.grad is None or not p.grad.numpy().any() for p in state.model.parameters())


def test_what_a_step_draws_is_a_function_of_its_place(tmp_path: Path) -> None:
    cfg = load_config(write_tiny_config(tmp_path), ["train.mixup=0.5", "model.dropout=0.5"])

    def loss(epoch: int, number: int) -> float:
        _, learner = begin(cfg)
        work = Work([clips()], 7, Grid(8, 32), None)
        return train_step(learner, work, 0.5, epoch, number).loss

    first = loss(1, 2)
    assert first == loss(1, 2)
    assert len({first, loss(1, 3), loss(2, 2)}) == 3


SEVERAL = ["train.task=multi", *OVERRIDES]


def clips_of_several() -> list[Clip]:
    """Those of ``clips`` with their class and up to two after it; the third has none."""
    found = clips()
    for clip in found:
        (first,) = classes_of(clip.label)
        clip.label = tuple(range(first, min(first + 3, 24)))
    found[2].label = ()
    return found


def step_of_several(cfg: Config, share: Share) -> tuple[Weights, Outcome]:
    batches, wanted = share
    state, learner = begin(cfg)
    learner.class_weights = np.linspace(0.5, 3, 24, dtype=np.float32)
    own = [[clips_of_several()[i] for i in batch] for batch in batches]
    outcome = train_step(learner, Work(own, wanted, Grid(8, 32), None), 0.5, 0, 0)
    return tensors_of(state.model), outcome


@pytest.mark.parametrize("name", ALONE)
def test_clips_of_several_labels_count_alike_too(name: str, tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, *SEVERAL, "train.focal_gamma=1", "train.label_smoothing=0.1")
    wanted, outcome = step_of_several(cfg, PLAIN)
    found, other = step_of_several(cfg, ALONE[name])
    assert other.loss == pytest.approx(outcome.loss, rel=1e-5)
    assert other.metrics == outcome.metrics and outcome.metrics.keys() == {"f1"}
    there = sum(len(classes_of(clip.label)) for clip in clips_of_several())
    assert outcome.sums[3:] == [there, 7]
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("more", ["train.mixup=0.5", "train.cutmix=1", "seed=1"])
def test_the_loss_of_several_labels_by_hand(more: str, tmp_path: Path) -> None:
    """Of a network whose logits are its bias, on clips of the same labels: mixed they keep them."""
    state, learner = begin(tiny_config(tmp_path, *SEVERAL, more))
    learner.class_weights = np.linspace(0.5, 3, 24, dtype=np.float32)
    projection, bias = state.model.head.projection, np.linspace(-2, 3, 24, dtype=np.float32)
    projection.weight.set_value(paddle.zeros_like(projection.weight))
    projection.bias.set_value(bias)
    own = clips()
    for clip in own:
        clip.label = (0, 5)
    outcome = train_step(learner, Work([own], 7, Grid(8, 32), None), 0.5, 0, 0)
    costs = np.log1p(np.exp(bias))
    costs[[0, 5]] = (learner.class_weights * np.log1p(np.exp(-bias)))[[0, 5]]
    assert outcome.loss == pytest.approx(costs.mean(), rel=1e-5)
    assert outcome.metrics["f1"] == pytest.approx(0.0)  # those above 0 are other classes


BOXES = ["train.task=detection", *OVERRIDES]
ALONE_WITH_BOXES = {**ALONE, "a batch without boxes": ([[0, 2, 3], [1, 5], [4, 6]], 7)}
OF_TWO_WITH_BOXES = {**OF_TWO, "one has no boxes": [([[0, 2, 3, 4, 6]], 5), ([[1, 5]], 5)]}


def clips_with_boxes() -> list[Clip]:
    """Those of ``clips``, with ten boxes: two of the clips have none."""
    rng, found = np.random.default_rng(1), clips()
    for clip, count in zip(found, (2, 0, 1, 3, 1, 0, 3), strict=True):
        corners = np.sort(rng.uniform(0, 32, (count, 2, 2)), axis=1)
        clip.boxes = corners.reshape(count, 4).astype(np.float32)
        labels = rng.integers(0, 24, (count, 2)).tolist()
        clip.box_labels = tuple(tuple(sorted({*own})) for own in labels)
    return found


def step_with_boxes(cfg: Config, share: Share) -> tuple[Weights, Outcome]:
    batches, wanted = share
    state, learner = begin(cfg)
    own = [[clips_with_boxes()[i] for i in batch] for batch in batches]
    outcome = train_step(learner, Work(own, wanted, Grid(8, 32), None), 0.5, 0, 0)
    return tensors_of(state.model), outcome


@pytest.mark.parametrize("name", [*ALONE_WITH_BOXES, *OF_TWO_WITH_BOXES])
def test_boxes_count_alike_however_their_clips_are_shared_out(
    name: str, tmp_path: Path, of_two: Any
) -> None:
    """Each as much as any other, whatever clip it is in."""
    cfg = tiny_config(tmp_path, *BOXES)
    wanted, outcome = step_with_boxes(cfg, PLAIN)
    assert (outcome.clips, outcome.sums[-1]) == (7, 10) and outcome.metrics.keys() == {"f1"}
    if name in OF_TWO_WITH_BOXES:
        found = of_two[0][f"boxes, {name}"]
        loss = float(found["loss"])
    else:
        found, other = step_with_boxes(cfg, ALONE_WITH_BOXES[name])
        loss = other.loss
    assert loss == pytest.approx(outcome.loss, rel=1e-5)
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-5, err_msg=key)
    start = fresh_state(cfg).model.head.projection.weight.numpy()
    assert np.abs(wanted["head.projection.weight"] - start).max() > 0.001


def test_the_loss_of_boxes_with_one_label_each_by_hand(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, *BOXES, "model.labels_per_box=one")
    _, outcome = step_with_boxes(cfg, PLAIN)
    state, _ = begin(cfg)
    inputs, truth = batch_of(clips_with_boxes(), cfg)
    logits = state.model(*inputs).numpy().astype(np.float64)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert outcome.loss == pytest.approx(-(truth * logs).sum(1).dot(1 / truth.sum(1)) / 10)
    counts = counts_at(cfg.test.threshold, np.exp(logs), truth).sum(axis=0)
    assert outcome.metrics == {"f1": pytest.approx(float(f1(*counts)))}


def test_a_step_without_any_box_is_none(tmp_path: Path) -> None:
    state, learner = begin(tiny_config(tmp_path, *BOXES))
    own = [clip for clip in clips_with_boxes() if not clip.box_labels]
    before = tensors_of(state.model)
    outcome = train_step(learner, Work([own], 2, Grid(8, 32), None), 0.5, 0, 0)
    assert outcome == Outcome(0.0, {"f1": 0.0}, [0.0] * 5, 2, False, 0.0, False)
    for name, value in state.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name], err_msg=name)

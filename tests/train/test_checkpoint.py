"""Checkpoints: whole or not there, as many as wanted, and everything that training needs."""

import os
import pickle
from pathlib import Path

import numpy as np
import paddle
import pytest
from support.tiny_run import fresh_state, tiny_config

from slowfast.config import Config, ConfigError
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Sample
from slowfast.train import checkpoint, folder
from slowfast.train.recipe.ema import Ema
from slowfast.weights.damage import WeightsError
from slowfast.weights.formats.read import read_pickle
from slowfast.weights.load import read_weights


def take_a_step(run: checkpoint.TrainState) -> None:
    run.model(paddle.rand([2, 3, 8, 32, 32])).sum().backward()
    run.optimizer.step()
    run.optimizer.clear_grad()


def saved(tmp_path: Path, *epochs: int) -> tuple[Config, checkpoint.TrainState]:
    """A run that has written its checkpoints after these epochs, of a step each."""
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    for run.epoch in epochs:
        take_a_step(run)
        checkpoint.save_checkpoint(run, cfg)
    return cfg, run


def test_restore_gives_back_weights_momentum_place_and_best(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    take_a_step(run)
    run.epoch, run.step, run.best = 3, 5, 0.25
    checkpoint.save_checkpoint(run, cfg)
    (path,) = folder.checkpoints(cfg.output_dir)
    missing, unexpected = fresh_state(cfg).model.set_state_dict(paddle.load(str(path)))
    assert not missing and not unexpected  # Paddle reads it, too
    again = fresh_state(cfg)
    message = checkpoint.restore(again, path)
    assert (again.epoch, again.step, again.best) == (3, 5, 0.25)
    assert "192 of 192 tensors" in message and "epoch 4, step 5" in message
    paddle.seed(1)
    take_a_step(run)
    paddle.seed(1)
    take_a_step(again)  # with the same momentum it ends at the same weights
    for (name, a), b in zip(
        run.model.state_dict().items(), again.model.state_dict().values(), strict=True
    ):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=name)


def test_videos_keep_their_labels_over_a_resume(tmp_path: Path) -> None:
    """The list may have become longer, shorter or shuffled meanwhile."""
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    run.epoch, run.samples = 1, [Sample(f"{n}.mp4", n % 3) for n in range(5)]
    checkpoint.save_checkpoint(run, cfg)
    (path,) = folder.checkpoints(cfg.output_dir)
    again = fresh_state(cfg)
    again.samples = [Sample("new.mp4", 0), *run.samples[:0:-1]]
    checkpoint.restore(again, path)
    again.samples = [run.samples[0], Sample("1.mp4", 0), Sample("2.mp4", 1), Sample("new.mp4", 0)]
    message = (
        "2 of 3 videos have another label than in the run so far, the first is 1.mp4: 1 so far, 0 "
        "in the list now (go on with the list as it was, or train anew into another output_dir)"
    )
    for resume in (lambda: checkpoint.restore(again, path),
                   lambda: checkpoint.restore_furthest(again, cfg.output_dir)):  # fmt: skip
        with pytest.raises(ListError) as caught:
            resume()
        assert str(caught.value) == message
    content = read_pickle(path.with_suffix(".pdopt"))
    del content["kept_labels"]  # as before there were any
    path.with_suffix(".pdopt").write_bytes(pickle.dumps(content))
    checkpoint.restore(again, path)


def test_several_labels_a_video_go_on_too(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    run.epoch, run.best, run.samples = 1, 0.75, [Sample("a.mp4", (3, 17)), Sample("b.mp4", ())]
    checkpoint.save_checkpoint(run, cfg)
    (path,) = folder.checkpoints(cfg.output_dir)
    again = fresh_state(cfg)
    again.samples = run.samples
    checkpoint.restore(again, path)
    assert again.best == 0.75
    again.samples = [run.samples[0], Sample("b.mp4", (1,))]
    with pytest.raises(ListError, match=r"the first is b.mp4: .* so far, .*1.* in the list now"):
        checkpoint.restore(again, path)


@pytest.mark.parametrize("step", [0, 2], ids=["after an epoch", "within one"])
@pytest.mark.parametrize(("before", "now"), [
    ("single", "multi"), ("multi", "single"), ("single", "detection"), ("detection", "multi"),
])  # fmt: skip
def test_a_run_never_goes_on_with_another_task(
    tmp_path: Path, before: str, now: str, step: int
) -> None:
    """Its best checkpoint would be of another kind than its config says."""
    run = fresh_state(cfg := tiny_config(tmp_path, f"train.task={before}"))
    run.epoch, run.step, run.best = 1, step, 0.5
    checkpoint.save_checkpoint(run, cfg)
    (path,) = folder.checkpoints(cfg.output_dir)
    # Of other classes, too, as it usually is.
    for other in ([], ["model.num_classes=9"]):
        again = fresh_state(tiny_config(tmp_path, f"train.task={now}", *other))
        for resume in (lambda: checkpoint.restore(again, path),  # noqa: B023
                       lambda: checkpoint.restore_furthest(again, cfg.output_dir)):  # fmt: skip # noqa: B023
            with pytest.raises(ConfigError) as caught:
                resume()
            flag = "" if "detection" in (before, now) else "-w FILE or "
            assert str(caught.value) == (
                f"{path} is of a run with train.task={before}, which cannot go on with {now}: "
                f"train anew into another output_dir, from its weights with {flag}"
                "model.pretrained=FILE"
            )
        assert (again.epoch, again.best) == (0, -1.0)


def test_several_labels_of_other_classes_or_lists_are_one_line(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.task=multi")
    run = fresh_state(cfg)
    run.plan, run.step, run.samples = {"samples": 1, "list": 7}, 2, [Sample("a.mp4", (3, 17))]
    checkpoint.save_checkpoint(run, cfg)
    fewer = fresh_state(tiny_config(tmp_path, "train.task=multi", "model.num_classes=9"))
    other = fresh_state(cfg)
    other.plan, other.samples = {"samples": 1, "list": 8}, [Sample("b.mp4", (3, 17))]
    for state, message in (
        (fewer, "head.projection.bias"),
        (other, "it stopped within an epoch of another list of videos: go on"),
    ):
        with pytest.raises(WeightsError) as caught:
            checkpoint.restore_furthest(state, cfg.output_dir)
        assert message in str(caught.value) and "\n" not in str(caught.value)


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    run.model.head.projection.bias.set_value(paddle.full([24], float("nan")))
    with pytest.raises(checkpoint.NonFiniteError, match="head.projection.bias"):
        checkpoint.save_checkpoint(run, cfg)
    assert not list(Path(cfg.output_dir).glob("*"))


def test_a_full_disk_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg, run = saved(tmp_path, 1)

    def no_space(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    run.epoch = 2
    with pytest.raises(OSError, match="No space left") as caught:
        checkpoint.save_checkpoint(run, cfg)
    assert caught.value.filename.endswith("SlowFast_epoch_000002.pdparams")
    names = sorted(path.name for path in Path(cfg.output_dir).iterdir())
    assert names == ["SlowFast_epoch_000001.pdopt", "SlowFast_epoch_000001.pdparams"]


def test_a_run_goes_on_within_an_epoch_only_as_it_began(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    run.plan, run.step = {"samples": 24, "total batch": 4, "seed": 0}, 3
    checkpoint.save_checkpoint(run, cfg)
    other = fresh_state(cfg)
    other.plan = {"samples": 24, "total batch": 8, "seed": 0}
    with pytest.raises(WeightsError, match=r"epoch of total batch 4 \(now 8\): go on"):
        checkpoint.restore(other, folder.checkpoints(cfg.output_dir)[0])
    run.epoch, run.step = 1, 0
    checkpoint.save_checkpoint(run, cfg)  # between epochs anything may change
    checkpoint.restore(other, folder.checkpoints(cfg.output_dir)[0])
    assert (other.epoch, other.step) == (1, 0)


def test_an_average_begins_with_the_weights_of_a_run_that_had_none(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    checkpoint.save_checkpoint(fresh_state(cfg), cfg)
    run = fresh_state(cfg)
    bias = run.model.head.projection.bias
    bias.set_value(paddle.ones([24]))
    run.ema = Ema(run.model, 0.5)
    checkpoint.restore(run, folder.checkpoints(cfg.output_dir)[0])
    bias.set_value(paddle.full([24], 11.0))
    run.ema.update()
    start = fresh_state(cfg).model.head.projection.bias.numpy()
    expected = 2 / 11 * start + 9 / 11 * 11
    np.testing.assert_allclose(run.ema.weights()["head.projection.bias"], expected, rtol=1e-5)


def test_checkpoints_that_are_all_damaged_end_it(tmp_path: Path) -> None:
    cfg, _ = saved(tmp_path, 1, 2)
    for path in (tmp_path / "out").glob("*.pdopt"):
        path.write_bytes(b"")
    for _ in range(2):  # the second time, too: they are still there
        with pytest.raises(WeightsError, match="none of the checkpoints in .*out can be read"):
            checkpoint.restore_furthest(fresh_state(cfg), cfg.output_dir)


def test_a_whole_checkpoint_of_another_network_is_not_moved_aside(tmp_path: Path) -> None:
    cfg, _ = saved(tmp_path, 1, 2)
    other = fresh_state(tiny_config(tmp_path, "model.num_classes=9"))
    with pytest.raises(WeightsError, match="do not fit the network"):
        checkpoint.restore_furthest(other, cfg.output_dir)
    assert len(folder.checkpoints(cfg.output_dir)) == 2


@pytest.mark.parametrize("suffix", [".pdparams", ".pdopt"])
def test_a_damaged_last_checkpoint_gives_way_to_the_one_before(tmp_path: Path, suffix: str) -> None:
    cfg, _ = saved(tmp_path, 1, 2)
    damaged = (tmp_path / "out" / "SlowFast_epoch_000002.pdparams").with_suffix(suffix)
    damaged.write_bytes(damaged.read_bytes()[:1000])
    again = fresh_state(cfg)
    first, second = checkpoint.restore_furthest(again, cfg.output_dir)
    assert f"SlowFast_epoch_000002{suffix} " in first
    assert first.endswith(": moved aside, going back to the checkpoint before")
    assert "SlowFast_epoch_000001.pdparams; going on with epoch 2, step 0" in second
    assert again.epoch == 1
    assert damaged.with_name(f"{damaged.name}.damaged").stat().st_size == 1000
    (left,) = folder.checkpoints(cfg.output_dir)
    for name, value in read_weights(left).items():
        np.testing.assert_array_equal(again.model.state_dict()[name].numpy(), value, err_msg=name)


def test_a_folder_without_a_checkpoint_is_the_start(tmp_path: Path) -> None:
    run = fresh_state(tiny_config(tmp_path))
    (line,) = checkpoint.restore_furthest(run, str(tmp_path))
    assert line == f"no checkpoint in {tmp_path} yet: training from the start"
    assert (run.epoch, run.step) == (0, 0)


def test_weights_alone_are_not_gone_on_from(tmp_path: Path) -> None:
    cfg, run = saved(tmp_path, 1)
    (path,) = folder.checkpoints(cfg.output_dir)
    path.with_suffix(".pdopt").unlink()
    with pytest.raises(WeightsError) as caught:
        checkpoint.restore(run, path)
    assert str(caught.value) == (
        f"there is no {path.with_suffix('.pdopt')}, so training cannot go on from {path}"
    )


@pytest.mark.parametrize("part", [None, {}, [], {"epoch": 1}, "some", "of another network"])
def test_a_training_state_that_does_not_fit_is_refused(tmp_path: Path, part: object) -> None:
    cfg, _ = saved(tmp_path, 1)
    path = folder.checkpoints(cfg.output_dir)[0]
    content = read_pickle(path.with_suffix(".pdopt"))
    velocities = content["velocities"]
    if part == "some":
        velocities.popitem()
    elif part == "of another network":
        velocities["tail.projection.bias"] = velocities.pop("head.projection.bias")
    else:
        content = part
    path.with_suffix(".pdopt").write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match=r"000001\.pdopt does not fit"):
        checkpoint.restore(fresh_state(cfg), path)

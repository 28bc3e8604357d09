"""Validation: each sample once, and those that cannot be read left out or the end of it."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from sklearn.metrics import average_precision_score, f1_score
from support.tiny_run import fresh_state, run_script, tiny_config, write_tiny_config

from slowfast.config import Config, load_config
from slowfast.data.clips.datasets import Clip
from slowfast.data.lists.read_lists import read_list
from slowfast.data.samples import Box, KeyFrame, Label, Sample
from slowfast.data.video.reader import VideoError
from slowfast.models.slowfast import VideoClassifier
from slowfast.predict.tallies import TALLIES
from slowfast.train.recipe.loss import binary_cross_entropy
from slowfast.train.step import batch_of
from slowfast.train.training_clips import clip_loader
from slowfast.train.validate import at_once, validate


class FakeLoader:
    """Yields clips, and an error in the place of some."""

    num_workers = 0

    def __init__(self, *gone: int, labels: Sequence[Label] = range(6)) -> None:
        self.gone, self.labels = gone, labels

    def run(self, batches: Iterable[Sequence[int]]) -> Any:
        for keys in batches:
            yield [
                VideoError(f"{i}.mp4: cut off")
                if i in self.gone
                else Clip(np.full((8, 32, 32, 3), 30 * i, np.uint8), self.labels[i], i)
                for i in keys
            ]


def validate_without(
    folder: Path, *gone: int, on_error: str, model: VideoClassifier | None = None
) -> dict[str, float]:
    """The validation of six videos, of which these cannot be read."""
    cfg = tiny_config(folder, f"data.on_error={on_error}", "train.batch_size=2")
    loader: Any = FakeLoader(*gone)
    samples = [Sample(f"{i}.mp4", 0) for i in range(6)]
    return validate(model or fresh_state(cfg).model, loader, samples, cfg)[0]


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_unreadable_videos_are_left_out(tmp_path: Path, on_error: str, lines: list[str]) -> None:
    everything = validate_without(tmp_path, on_error=on_error)
    assert everything["seen"] == 6 and lines == []
    result = validate_without(tmp_path, 1, 2, 3, on_error=on_error)  # one whole batch among them
    assert result["seen"] == 3
    assert lines == [
        *(f"unreadable: {i}.mp4: cut off" for i in (1, 2, 3)),
        "validation: over 3 of 6 videos",
    ]
    others = validate_without(tmp_path, 0, 4, 5, on_error=on_error)
    halves = (result["loss"] + others["loss"]) / 2
    assert halves == pytest.approx(everything["loss"], rel=1e-5)
    with pytest.raises(VideoError) as caught:
        validate_without(tmp_path, *range(6), on_error=on_error)
    assert str(caught.value) == (
        "none of the 6 validation videos could be read (first: 0.mp4: cut off)"
    )


def test_one_that_cannot_be_read_ends_it_where_the_config_says_so(tmp_path: Path) -> None:
    with pytest.raises(VideoError) as caught:
        validate_without(tmp_path, 2, 4, on_error="raise")
    assert str(caught.value) == "2.mp4: cut off"


def test_scores_that_are_not_finite_are_an_error_of_the_video(
    tmp_path: Path, lines: list[str]
) -> None:
    """Of a network that comes to nan for dark clips: 0 and 1."""
    state = fresh_state(tiny_config(tmp_path))

    def spoil(layer: object, inputs: Any, logits: paddle.Tensor) -> paddle.Tensor:
        dark = inputs[0].mean(axis=[1, 2, 3, 4]) < -1.4
        return paddle.where(dark.unsqueeze(1), paddle.full_like(logits, np.nan), logits)

    state.model.register_forward_post_hook(spoil)
    result = validate_without(tmp_path, on_error="skip", model=state.model)
    others = validate_without(tmp_path, 0, 1, on_error="skip")
    assert result == pytest.approx(others, rel=1e-5) and result["seen"] == 4
    reason = "the network's output for it is not finite: its weights are broken"
    assert lines[:2] == [f"unreadable: {i}.mp4: {reason}" for i in (0, 1)]
    with pytest.raises(VideoError, match=f"^0.mp4: {reason}"):
        validate_without(tmp_path, on_error="raise", model=state.model)


def test_batches_and_readers_change_nothing_and_it_trains_on(tmp_path: Path) -> None:
    found = []
    for keys in (["train.batch_size=1", "data.num_workers=0"], ["train.batch_size=3"]):
        cfg = tiny_config(tmp_path, *keys)
        model, samples = fresh_state(cfg).model, read_list(cfg.data.val_list, cfg.data.root, 24)
        before = {name: value.numpy() for name, value in model.state_dict().items()}
        with clip_loader([], samples, cfg) as loader:
            found.append(validate(model, loader, samples, cfg)[0])
        assert model.training
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value.numpy(), before[name], err_msg=name)
    assert found[0]["seen"] == 7
    assert found[1] == pytest.approx(found[0], rel=1e-5)


SEVERAL = ["train.task=multi", "train.batch_size=1", "data.on_error=skip", "test.threshold=0.48"]
LABELS: list[Label] = [(0, 3), (), (1, 3, 23), (5,), (3,), (0, 5), (7, 8)]
TRUTH = np.array([[k in own for k in range(24)] for own in LABELS if isinstance(own, tuple)])


def validate_several(cfg: Config, *gone: int) -> tuple[dict[str, float], Any]:
    """The result for seven videos of several labels, and the logits of each ``[7, 24]``."""
    model, rows = fresh_state(cfg).model, {}
    paddle.seed(5)
    model.head.projection.weight.set_value(paddle.randn([*model.head.projection.weight.shape]))

    def keep(layer: object, inputs: Any, logits: paddle.Tensor) -> None:
        for clip, row in zip(inputs[0].numpy(), logits.numpy(), strict=True):
            rows[float(clip.mean())] = row

    model.register_forward_post_hook(keep)
    loader: Any = FakeLoader(*gone, labels=LABELS)
    samples = [Sample(f"{i}.mp4", label) for i, label in enumerate(LABELS)]
    result, _ = validate(model, loader, samples, cfg)
    return result, np.stack([rows[key] for key in sorted(rows)])  # the brighter the later


SCRIPT = """
import json
from slowfast import distributed
from slowfast.config import load_config
from train import test_validate as here

distributed.start("cpu", seed=0)
cfg = load_config("tiny.yaml", here.SEVERAL)
print(json.dumps([here.validate_several(cfg)[0], here.validate_several(cfg, 2, 5)[0]]))
"""


def test_with_several_labels_the_numbers_are_scikit_learns(tmp_path: Path) -> None:
    result, logits = validate_several(tiny_config(tmp_path, *SEVERAL))
    scores = 1 / (1 + np.exp(-logits.astype(np.float64)))
    occurs = TRUTH.any(axis=0)
    every = average_precision_score(TRUTH[:, occurs], scores[:, occurs], average=None)
    loss = binary_cross_entropy(paddle.to_tensor(logits), paddle.to_tensor(TRUTH.astype("float32")))
    f1 = f1_score(TRUTH, scores >= 0.48, average="micro")
    assert result["mAP"] == pytest.approx(np.mean(every))
    assert result["mAP_all_classes"] == pytest.approx(np.sum(every) / 24)
    assert result["f1"] == pytest.approx(f1) and 0 < f1 < 1
    assert result["loss"] == pytest.approx(float(loss))
    assert result["seen"] == 7 and 0 < result["mAP_charades"] <= 1


def test_processes_come_to_the_same_to_the_last_digit(tmp_path: Path, lines: list[str]) -> None:
    """Also where videos are left out. Videos come alone: in a batch of another size the network's
    own sums would have other last digits."""
    write_tiny_config(tmp_path)
    first, second = run_script(SCRIPT, cwd=tmp_path, processes=2)
    cfg = load_config(tmp_path / "tiny.yaml", SEVERAL)
    alone = [validate_several(cfg)[0], validate_several(cfg, 2, 5)[0]]
    assert json.loads(first.splitlines()[-1]) == alone
    assert json.loads(second.splitlines()[-1]) == alone
    assert alone[1]["seen"] == 5 and alone[1]["mAP"] != alone[0]["mAP"]
    assert lines[-1] == "validation: over 5 of 7 videos"


BOXES = ["train.task=detection", "train.batch_size=3", "data.on_error=skip"]
CORNERS = [(0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 0.5), (0.25, 0.5, 0.75, 1.0)]


def key_frames() -> list[Sample]:
    """Six of two films, with 3, 0, 1, 2, 1 and 1 detected boxes: all but the last of them, which is
    where nobody is, are annotated."""
    samples = []
    for i, count in enumerate((3, 0, 1, 2, 1, 1)):
        boxes = tuple(Box(corners, (i, i + k + 1)) for k, corners in enumerate(CORNERS[:count]))
        truth = boxes if i < 5 else (Box((0.6, 0.6, 1.0, 1.0), (1,)),)
        found = tuple(box._replace(labels=(), score=0.9) for box in boxes)
        key = KeyFrame(f"v{i // 4}", 900.0 + i, float(i), found, truth, is_listed=bool(truth))
        samples.append(Sample(f"v{i // 4}.mp4", (), key=key))
    return samples


class FakeKeyViews:
    """Whole pictures, wide ones of the first film, and an error in the place of some."""

    num_workers = 0

    def __init__(self, samples: list[Sample], *gone: int) -> None:
        self.samples, self.gone = samples, gone

    def run(self, batches: Iterable[Sequence[int]]) -> Any:
        for keys in batches:
            yield [VideoError("cut off") if i in self.gone else self.clip(i) for i in keys]

    def clip(self, index: int) -> Clip:
        key = self.samples[index].key
        assert key is not None
        width, count = 48 if index < 4 else 32, len(key.boxes)
        frames = np.full((8, 32, width, 3), 40 * index, np.uint8)
        if not count:
            frames = np.empty((0, 0, 0, 3), np.uint8)
        sides = np.array([width, 32, width, 32])
        boxes = np.array([box.corners for box in key.boxes]).reshape(-1, 4) * sides
        return Clip(frames, (), index, boxes.astype(np.float32), ((),) * count)


def logits_one_by_one(model: Any, cfg: Config, samples: list[Sample]) -> list[Any]:
    """Of the boxes of each key frame that has some."""
    model.eval()
    found = []
    for index in (0, 2, 3, 4, 5):
        inputs, _ = batch_of([FakeKeyViews(samples).clip(index)], cfg)
        found.append(model(*inputs).numpy())
    return found


def test_boxes_are_validated_on_pictures_of_any_size(tmp_path: Path) -> None:
    cfg, samples = tiny_config(tmp_path, *BOXES), key_frames()
    model = fresh_state(cfg).model
    loader: Any = FakeKeyViews(samples)
    result, _ = validate(model, loader, samples, cfg)
    rows = logits_one_by_one(model, cfg, samples)
    labels = [box.labels for sample in samples[:5] if sample.key for box in sample.key.truth]
    truth = np.array([[k in own for k in range(24)] for own in [*labels, ()]], np.float32)
    loss = binary_cross_entropy(paddle.to_tensor(np.concatenate(rows)), paddle.to_tensor(truth))
    assert result["loss"] == pytest.approx(float(loss), rel=1e-5)
    tally = TALLIES["detection"]([sample.key for sample in samples], cfg)
    for index, row in zip((0, 2, 3, 4, 5), rows, strict=True):
        tally.add_logits(index, row)
    assert result["mAP"] == pytest.approx(tally.numbers()["mAP"], abs=1e-6) and result["mAP"] > 0
    assert result["seen"] == 6


def test_boxes_without_a_label_do_not_count_where_boxes_have_one(tmp_path: Path) -> None:
    """In the loss; a box with several has equal shares of them."""
    cfg, samples = tiny_config(tmp_path, *BOXES, "model.labels_per_box=one"), key_frames()
    model = fresh_state(cfg).model
    loader: Any = FakeKeyViews(samples)
    result, _ = validate(model, loader, samples, cfg)
    rows = logits_one_by_one(model, cfg, samples)
    labels = [box.labels for sample in samples[:5] if sample.key for box in sample.key.truth]
    logits = np.concatenate(rows[:-1]).astype(np.float64)  # nobody is in the last one's box
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    wanted = [-row[list(own)].mean() for row, own in zip(logs, labels, strict=True)]
    assert result["loss"] == pytest.approx(np.mean(wanted), rel=1e-5)
    tally = TALLIES["detection"]([sample.key for sample in samples], cfg)
    for index, row in zip((0, 2, 3, 4, 5), rows, strict=True):
        powers = np.exp(row.astype(np.float64))
        tally.add(index, powers / powers.sum(axis=1, keepdims=True))
    assert result["mAP"] == pytest.approx(tally.numbers()["mAP"], abs=1e-6)


def test_key_frames_of_a_film_that_cannot_be_read_are_one_error(
    tmp_path: Path, lines: list[str]
) -> None:
    cfg, samples = tiny_config(tmp_path, *BOXES, "data.max_errors=1"), key_frames()
    loader: Any = FakeKeyViews(samples, 0, 2, 3)
    result, _ = validate(fresh_state(cfg).model, loader, samples, cfg)
    assert result["seen"] == 3
    assert lines == [
        "unreadable: v0.mp4: cut off (and 2 more of its key frames)",
        "validation: over 3 of 6 key frames",
    ]


def test_whole_pictures_take_no_more_pixels_at_once_than_a_training_batch(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, *BOXES, "train.batch_size=6")  # crops of 32 x 32
    shapes = [(8, 32, 48)] * 6 + [(8, 32, 32)] + [(8, 160, 90)] * 2 + [(0, 0, 0)] * 2
    clips = [Clip(np.empty((*shape, 3), np.uint8), (), i) for i, shape in enumerate(shapes)]
    chunks = [[clip.index for clip in chunk] for chunk in at_once(clips, cfg)]
    assert chunks == [[0, 1, 2, 3], [4, 5], [6], [7], [8], [9, 10]]


def test_excluded_key_frames_do_not_count_in_the_loss(tmp_path: Path) -> None:
    cfg, samples = tiny_config(tmp_path, *BOXES), key_frames()
    model = fresh_state(cfg).model
    for index in (3, 5):
        key = samples[index].key
        assert key
        samples[index] = samples[index]._replace(key=key._replace(is_excluded=True))
    loader: Any = FakeKeyViews(samples)
    result, _ = validate(model, loader, samples, cfg)
    rows = logits_one_by_one(model, cfg, samples)
    labels = [box.labels for i in (0, 2, 4) if (key := samples[i].key) for box in key.truth]
    truth = np.array([[k in own for k in range(24)] for own in labels], np.float32)
    counted = paddle.to_tensor(np.concatenate([rows[place] for place in (0, 1, 3)]))
    loss = binary_cross_entropy(counted, paddle.to_tensor(truth))
    assert result["loss"] == pytest.approx(float(loss), rel=1e-5)

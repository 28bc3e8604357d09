"""Scoring a file again: which views there are, and the same numbers as a test of them alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.scores import (
    MULTI,
    NAMES,
    labels_of,
    make_scores,
    members,
    top1,
    truth_of,
    write_file,
    write_several,
)
from support.tiny_run import fresh_state, tiny_config

from slowfast.config import Config
from slowfast.data.lists.read_lists import read_list
from slowfast.evaluate import rescore
from slowfast.evaluate.rescore import choose
from slowfast.evaluate.run_test import run_test
from slowfast.evaluate.score_arrays import ResultsError
from slowfast.evaluate.scores import Results, read_scores, write_scores
from slowfast.metrics.average_precision import (
    NoPositivesError,
    bootstrap,
    class_rows,
    multi_label_numbers,
)
from slowfast.predict.runtime.built import weighted


def score(results: Results, *protocol: Any, times: int = 0) -> dict[str, Any]:
    """The numbers of ``choose(results, *protocol)``."""
    return rescore.score(results, choose(results, *protocol), times=times, seed=0)


def test_the_views_of_a_smaller_protocol(tmp_path: Path) -> None:
    scores = write_file(tmp_path / "a.npz")
    results, by_clip = read_scores(tmp_path / "a.npz"), scores.reshape(60, 10, 3, 5)
    for clips, crops, wanted in (
        (None, None, scores),
        ("5", None, by_clip[:, ::2].reshape(60, 15, 5)),
        ("2", 3, by_clip[:, [0, 5]].reshape(60, 6, 5)),
        ("5", 1, by_clip[:, ::2, 1]),
        ("1", 1, by_clip[:, :1, 1]),
        ("middle", 1, by_clip[:, 5:6, 1]),
    ):
        found = score(results, clips, crops, None)
        assert len(found["clips"]) * len(found["crops"]) == wanted.shape[1]
        assert found["top1"] == pytest.approx(top1(wanted))
    assert top1(scores) > top1(by_clip[:, :1, 1]) > 0.3  # so that the wrong views would show


def test_a_smaller_protocol_is_what_running_it_gives(tmp_path: Path) -> None:
    def run(cfg: Config, out: Path) -> tuple[dict[str, Any], Results]:
        samples = read_list(cfg.data.val_list, cfg.data.root, 24)
        result = run_test(weighted(fresh_state(cfg).model), samples, cfg, out=out)
        return result, read_scores(out)

    def config(*overrides: str) -> Config:
        return tiny_config(tmp_path, "data.num_workers=0", *overrides)

    _, results = run(config("test.num_clips=4"), tmp_path / "a.npz")
    small = config("test.num_clips=2", "test.num_crops=1")
    wanted, ran = run(small, tmp_path / "small.npz")
    protocol = choose(results, "2", 1, None)
    assert (protocol.clips, protocol.crops) == ([0, 2], [1])
    views = protocol.views(results.num_crops)
    np.testing.assert_allclose(results.scores[:, views], ran.scores, rtol=1e-4)
    found = score(results, "2", 1, None)
    for name in ("top1", "top5", "mean_class_accuracy"):
        assert found[name] == wanted[name]


@pytest.mark.parametrize(
    ("protocol", "clips", "chosen"),
    [
        ("pyslowfast", "5", [0, 2, 4, 6, 8]), ("pytorchvideo-0.1", "middle", [5]),
        # Clip i of 10 starts at i/9 of the room: 0, 1/3, 2/3 and 1 are those of 4.
        ("pytorchvideo", "4", [0, 3, 6, 9]), ("pytorchvideo", "2", [0, 9]),
        ("pytorchvideo", "1", [0]),
        # Clip i of 10 starts at (2 i + 1)/20: 5/20 and 15/20 are those of 2.
        ("mmaction2", "2", [2, 7]), ("mmaction2", "10", [*range(10)]),
    ],
)  # fmt: skip
def test_which_clips_are_shared_depends_on_the_protocol(
    tmp_path: Path, protocol: str, clips: str, chosen: list[int]
) -> None:
    write_file(tmp_path / "a.npz", config=f"test:\n  protocol: {protocol}\n")
    assert choose(read_scores(tmp_path / "a.npz"), clips, None, None).clips == chosen


def test_all_smaller_tests_of_a_file(tmp_path: Path) -> None:
    scores = write_file(tmp_path / "a.npz")
    found = rescore.by_views(read_scores(tmp_path / "a.npz"), "prob")
    ways = [(len(row["clips"]), len(row["crops"])) for row in found]
    assert ways == [(1, 1), (2, 1), (5, 1), (10, 1), (1, 3), (2, 3), (5, 3), (10, 3)]
    assert found[-1]["top1"] == pytest.approx(top1(scores))
    assert found[0]["top1"] == pytest.approx(top1(scores[:, 1:2]))
    write_file(tmp_path / "b.npz", num_clips=30, num_crops=1, config="test: {protocol: mmaction2}")
    found = rescore.by_views(read_scores(tmp_path / "b.npz"), "max")
    assert [len(row["clips"]) for row in found] == [2, 6, 10, 30]


def test_logits_are_averaged_before_the_softmax(tmp_path: Path) -> None:
    scores = write_file(tmp_path / "prob.npz")
    logits: NDArray[np.float32] = (10 * scores).astype(np.float32)
    facts = {"labels": labels_of(60), "num_clips": 10, "average_clips": "score"}
    write_scores(tmp_path / "a.npz", logits, logits.shape, **members(60, **facts))
    found = score(read_scores(tmp_path / "a.npz"), None, None, "score")
    assert found["top1"] == top1(scores)
    other = score(read_scores(tmp_path / "prob.npz"), None, None, "prob")
    assert found["calibration_error"] != other["calibration_error"]


@pytest.mark.parametrize(
    ("facts", "protocol", "complaint"),
    [
        ({}, ("4", None, None),
         "--clips 4: its clips would start elsewhere than the file's 10; possible are 1, 2, 5, 10, "
         "middle"),
        ({}, ("20", None, None), "--clips 20: its clips would start elsewhere"),
        ({"config": "test: {protocol: mmaction2}"}, ("5", None, None),
         "--clips 5: its clips would start elsewhere than the file's 10; possible are 2, 10"),
        ({"config": "test: {protocol: pytorchvideo}"}, ("middle", None, None),
         "--clips middle: none of 10 clips starts half way"),
        ({"config": "test: {protocol: other}"}, (None, None, None),
         "test.protocol=other in its config; known are"),
        ({"num_clips": 30, "num_crops": 1}, (None, 3, None),
         "--crops 3: the file has the centre crop only"),
        ({"average_clips": "max"}, (None, None, "score"),
         "--average-clips score: the file has the views' probabilities, and logits do not follow"),
        ({}, (None, None, "score"),
         "--average-clips score: the file has the views' probabilities, and logits do not follow"),
        ({"average_clips": "score"}, (None, None, "prob"),
         "--average-clips prob: the file has the views' logits, and probabilities do not follow"),
    ],
)  # fmt: skip
def test_what_the_file_does_not_have(
    tmp_path: Path, facts: dict[str, Any], protocol: tuple[Any, ...], complaint: str
) -> None:
    write_file(tmp_path / "a.npz", **facts)
    with pytest.raises(ResultsError) as caught:
        choose(read_scores(tmp_path / "a.npz"), *protocol)
    assert str(caught.value).startswith(complaint)


# ----------------------------------------------------------------------- several labels a video


def numbers(scores_NVK: NDArray[Any], how: str, threshold: float = 0.4) -> dict[str, float]:
    """Of these views' probabilities, by the functions of numpy."""
    scores = getattr(np, how)(scores_NVK.astype(np.float64), axis=1)
    return multi_label_numbers(scores, truth_of(), threshold)


def test_several_labels_by_any_views(tmp_path: Path) -> None:
    scores = write_several(tmp_path / "a.npz", average_clips="max")
    results, by_clip = read_scores(tmp_path / "a.npz"), scores.reshape(60, 10, 3, 5)
    for protocol, views, how in (
        ((None, None, None), scores, "max"),
        ((None, None, "max"), scores, "max"),
        ((None, None, "prob"), scores, "mean"),
        (("5", 1, None), by_clip[:, ::2, 1], "max"),
        (("middle", 1, "prob"), by_clip[:, 5:6, 1], "mean"),
    ):
        found = score(results, *protocol)
        wanted = numbers(views, how)
        assert {name: found[name] for name in wanted} == wanted
        assert found["average_clips"] == (protocol[2] or "max")
        assert "calibration_error" not in found and "top1" not in found
    assert numbers(scores, "max")["mAP"] != numbers(scores, "mean")["mAP"]


def test_the_threshold_is_the_tests_unless_another_is_asked_for(tmp_path: Path) -> None:
    scores = write_several(tmp_path / "a.npz")
    results = read_scores(tmp_path / "a.npz")
    views = choose(results, None, None, None)
    for threshold, wanted in ((None, 0.4), (0.7, 0.7), (0.0, 0.0)):
        found = rescore.score(results, views, times=0, seed=0, threshold=threshold)
        assert found["threshold"] == wanted
        assert found["f1"] == numbers(scores, "mean", wanted)["f1"]
    write_several(tmp_path / "old.npz", config="train: {task: multi}\n")
    assert score(read_scores(tmp_path / "old.npz"), None, None, None)["threshold"] == 0.5


def test_classes_and_intervals_of_several_labels(tmp_path: Path) -> None:
    scores = write_several(tmp_path / "a.npz").astype(np.float64).mean(axis=1)
    found = score(read_scores(tmp_path / "a.npz"), None, None, None, times=200)
    assert found["classes"] == class_rows(scores, truth_of(), 0.4, NAMES)
    assert [row["name"] for row in found["classes"]] == ["walk", "run", "jump", "sit"]
    assert found["intervals"] == bootstrap(scores, truth_of(), 0.4, times=200, seed=0)
    for name, (low, high) in found["intervals"].items():
        assert low < found[name] < high


def test_logits_of_several_labels_are_averaged_before_the_sigmoid(tmp_path: Path) -> None:
    probabilities = write_several(tmp_path / "prob.npz").astype(np.float64)
    logits = np.log(probabilities / (1 - probabilities)).astype(np.float32)
    facts = {"labels": truth_of(), "num_clips": 10, "average_clips": "score", "config": MULTI}
    write_scores(tmp_path / "a.npz", logits, logits.shape, **members(60, **facts))
    results = read_scores(tmp_path / "a.npz")
    mean = logits.astype(np.float64).mean(axis=1)
    wanted = multi_label_numbers(1 / (1 + np.exp(-mean)), truth_of(), 0.4)
    found = score(results, None, None, None)
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)
    for asked in ("max", "prob"):
        with pytest.raises(ResultsError, match=f"--average-clips {asked}: the file has the views'"):
            choose(results, None, None, asked)


def test_one_label_by_the_highest_probability(tmp_path: Path) -> None:
    scores = write_file(tmp_path / "a.npz")
    found = score(read_scores(tmp_path / "a.npz"), None, None, "max")
    right = scores.max(axis=1).argmax(axis=1) == labels_of(60)
    assert (found["top1"], found["average_clips"]) == (right.mean(), "max")
    assert found["top1"] != top1(scores)


def test_no_number_of_what_is_not_there(tmp_path: Path) -> None:
    write_several(tmp_path / "a.npz", labels=np.zeros((60, 5)))
    with pytest.raises(NoPositivesError, match=r"^none of the 60 videos has a label, so there"):
        score(read_scores(tmp_path / "a.npz"), None, None, None)
    write_file(tmp_path / "b.npz")
    results = read_scores(tmp_path / "b.npz")
    with pytest.raises(ResultsError, match="--threshold is for several labels a video"):
        rescore.score(results, choose(results, None, None, None), times=0, seed=0, threshold=0.5)


def test_there_is_no_middle_of_an_odd_number(tmp_path: Path) -> None:
    scores = make_scores(views=9)
    write_scores(tmp_path / "a.npz", scores, scores.shape, **members(60, num_clips=3))
    with pytest.raises(ResultsError, match="none of 3 clips starts half way"):
        choose(read_scores(tmp_path / "a.npz"), "middle", None, None)

"""Scoring a file again: which views there are, and the same numbers as a test of them alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.scores import labels_of, make_scores, members, top1, write_file
from support.tiny_run import fresh_state, tiny_config

from slowfast.config import Config
from slowfast.data.lists import read_list
from slowfast.evaluate import rescore
from slowfast.evaluate.multi_view import multi_view_test
from slowfast.evaluate.rescore import choose
from slowfast.evaluate.scores import Results, ResultsError, read_scores, write_scores
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
        result = multi_view_test(weighted(fresh_state(cfg).model), samples, cfg, out=out)
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


def test_there_is_no_middle_of_an_odd_number(tmp_path: Path) -> None:
    scores = make_scores(views=9)
    write_scores(tmp_path / "a.npz", scores, scores.shape, **members(60, num_clips=3))
    with pytest.raises(ResultsError, match="none of 3 clips starts half way"):
        choose(read_scores(tmp_path / "a.npz"), "middle", None, None)

"""Boxes from files against annotations: the numbers of a test, by each rule."""

from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
from support.tiny_run import tiny_config

from slowfast.config.schema import DetectionConfig
from slowfast.data.boxes.scored_boxes import write_scored
from slowfast.data.samples import Box, KeyFrame
from slowfast.evaluate.box_scores import write_box_scores
from slowfast.evaluate.score_files import read_files, score
from slowfast.metrics.frame_map import LEAST, RULES
from slowfast.predict.tallies import Detections

CLASSES = 24


def key_frames(rng: np.random.Generator) -> list[KeyFrame]:
    """Of two films, with up to 5 boxes; some frames are not annotated, and some excluded."""
    keys = []
    for number in range(60):
        low_K2 = rng.integers(0, 5, (rng.integers(0, 6), 2)) / 10
        boxes = [Box((x, y, x + 0.3, y + 0.4)) for x, y in low_K2.tolist()]
        truth = [
            Box((*np.round(np.array(box.corners) + 0.02, 3).tolist(),), labels=own, person=person)
            for person, box in enumerate(dict.fromkeys(boxes))
            if (own := tuple(np.flatnonzero(rng.random(CLASSES) < 0.15).tolist()))
        ]
        truth = truth if number % 5 else []
        keys.append(
            KeyFrame("ba"[number // 30], 902 + number, number, tuple(boxes), tuple(truth),
                     is_excluded=number % 7 == 3, is_listed=bool(truth))
        )  # fmt: skip
    return keys


@pytest.mark.parametrize("rule", RULES)
def test_the_scores_of_a_test_come_to_its_number(rule: str, tmp_path: Path) -> None:
    """Most of them are low, and many equal. By the csv, too, in which mmaction2's has fewer rows;
    and if key frames could not be read."""
    rng = np.random.default_rng(5)
    keys = key_frames(rng)
    cfg = tiny_config(
        tmp_path, "train.task=detection", f"detection.rule={rule}", "detection.scored=ava60"
    )
    lines = [
        ",".join(map(str, (key.video, key.time, *box.corners, label + 1, box.person)))
        for key in keys for box in key.truth for label in box.labels
    ]  # fmt: skip
    (tmp_path / "truth.csv").write_text("\n".join(lines))
    gone = [f"{key.video},{key.time}" for key in keys if key.is_excluded]
    (tmp_path / "excluded.csv").write_text("\n".join(gone))
    unread = [i for i, key in enumerate(keys) if key.truth and not key.is_excluded][:20:19]
    tally, read = Detections(keys, cfg), [i for i in range(60) if i not in unread]
    scores = [(rng.random((len(key.boxes), CLASSES)) ** 12).round(4) for key in keys]
    rows = [row.astype(np.float32) for row in scores]
    for index in read:
        tally.add(index, rows[index])
    numbers = tally.numbers()
    write_box_scores(
        tmp_path / "test.npz", [rows[i] for i in read], [(i, keys[i]) for i in read],
        {"num_listed": 60, "unreadable": []}, [], cfg,
    )  # fmt: skip
    files = read_files(tmp_path / "test.npz", tmp_path / "truth.csv", None, None)
    found, _ = score(files, [rule])
    assert files.untested == 2 and (np.concatenate(rows) < LEAST).mean() > 0.5
    assert (found["mAP"][rule], found["recall"]) == (numbers["mAP"], numbers["recall"])

    for index in unread:
        tally.add(index, rows[index])
    least = float(LEAST) if rule == "mmaction2" else -1.0
    write_scored(tmp_path / "found.csv", tally.rows(), tally.ids, least)
    files = read_files(
        tmp_path / "found.csv", tmp_path / "truth.csv", tmp_path / "excluded.csv", "ava60"
    )
    assert score(files, [rule])[0]["mAP"][rule] == tally.numbers()["mAP"] != numbers["mAP"]


def test_a_frame_that_is_annotated_with_other_actions_alone(tmp_path: Path) -> None:
    """What is found there is wrong for ActivityNet's code, which knows the frame, and nothing for
    mmaction2's, which skips its rows."""
    (tmp_path / "truth.csv").write_text("a,0902,.1,.1,.4,.8,12,1\na,0903,.1,.1,.4,.8,2,1\n")
    (tmp_path / "found.csv").write_text("a,0902,.1,.1,.4,.8,12,.6\na,0903,.1,.1,.4,.8,12,.9\n")
    files = read_files(tmp_path / "found.csv", tmp_path / "truth.csv", None, "ava60")
    assert files.frames.is_listed.all() and files.ignored == (0, 1)
    numbers, _ = score(files, [*RULES])
    wanted = {"official": 0.5, "official-2019": 0.5, "pyslowfast": 0.5, "mmaction2": 1}
    assert numbers["mAP"] == wanted


def test_every_rule_can_be_that_of_a_test() -> None:
    rule = get_type_hints(DetectionConfig)["rule"]
    assert [*get_args(rule)] == [*RULES]

"""A test whose file of scores is there already: only its report is made again, of that file."""

import dataclasses
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.find import list_of
from slowfast.data.samples import Box, Sample
from slowfast.data.shards import state_of
from slowfast.evaluate.box_scores import read_box_scores
from slowfast.evaluate.recorded import settings_in
from slowfast.evaluate.report import numbers_text
from slowfast.evaluate.run_test import REPORTS
from slowfast.evaluate.score_arrays import ResultsError
from slowfast.evaluate.scores import facts_in, is_finished, read_scores
from slowfast.log import logger
from slowfast.predict.kept import Plan, settings_of
from slowfast.predict.runtime.built import Weighted
from slowfast.predict.tallies import TALLIES

OF_TRAINING = {
    "train_boxes", "train_excluded", "train_frames", "learns_negatives", "match_iou", "val_every",
    "jitter",
}  # fmt: skip
"""Keys of the section ``detection`` that a test does not read."""


def made_again(
    network: Weighted, samples: Sequence[Sample], cfg: Config, out: Path, page: Path, *,
    metrics: Sequence[str] = (), class_names: Sequence[str] | None = None,
) -> bool:  # fmt: skip
    """Whether the test is finished, so that only its report was to be made, of the file ``out``;
    its numbers are logged, too. All processes call this together; the arguments are those of
    ``run_test``.

    Raises:
        ResultsError: the file is of another test, and which part differs; or it is damaged.
        ConfigError: its config is of another version of this program.
    """
    task = cfg.train.task

    def make() -> bool:
        if not is_finished(out):
            return False
        if odd := difference(out, network, samples, cfg, class_names or ()):
            tool = "score_boxes" if task == "detection" else "score"
            raise ResultsError(
                f"{out} is there already, of another test: {odd}; name another folder, or delete "
                f"it (its report: python -m slowfast.tools.{tool} {out} --report {page.parent})"
            )
        found, tally = REPORTS[task].write_page(out, page), TALLIES[task]
        told = {tally.called(key, cfg): found[key] for key in tally.told(metrics)}
        logger.info(
            f"test: {numbers_text(told)} ({out} is there already, of this test: only its report is "
            "made again)"
        )
        return True

    return distributed.on_first(make)


def difference(
    out: Path, network: Weighted, samples: Sequence[Sample], cfg: Config,
    class_names: Sequence[str],
) -> str:  # fmt: skip
    """In what the test that wrote a file of scores was another one; empty: in nothing."""
    config, run = facts_in(out)
    if run.get("weights_sha256") != network.digest:
        return "its weights are others"
    there, here = (_settings(own) for own in (settings_in(config, out), cfg))
    for key in there | here:
        if there.get(key) != here.get(key):
            return f"{key} is {there.get(key)} there, and {here.get(key)} here"
    of_list = _of_key_frames if cfg.train.task == "detection" else _of_videos
    return of_list(out, samples, cfg, class_names) or _changed(out, samples)


def _settings(cfg: Config) -> Plan:
    """What the scores depend on, and what the numbers that are made of them depend on."""
    plan = settings_of(cfg, with_head=True) | {"task": cfg.train.task}
    if cfg.train.task != "single":
        plan["test.threshold"] = cfg.test.threshold
    if cfg.train.task == "detection":
        own = dataclasses.asdict(cfg.detection)
        plan |= {f"detection.{key}": own[key] for key in own if key not in OF_TRAINING}
    return plan


def _of_videos(
    out: Path, samples: Sequence[Sample], cfg: Config, class_names: Sequence[str]
) -> str:
    """In what the list differs, or a label, or the names of the classes."""
    results = read_scores(out)
    if results.num_listed != len(samples):
        return _other_length(results.num_listed, len(samples), "videos")
    listed = dict(
        itertools.chain(
            zip(results.indices.tolist(), results.paths, strict=True),
            zip(results.unreadable_indices.tolist(), results.unreadable_paths, strict=True),
        )
    )
    for index, sample in enumerate(samples):
        there = listed.get(index, "nothing")
        if _whole(there, results.run) != _whole(sample.shown, {}):
            return f"line {index + 1:,} of its list is {there}, and here {sample.shown}"
    own = [samples[index] for index in results.indices.tolist()]
    labels = TALLIES[cfg.train.task].array([each.label for each in own], cfg.model.num_classes)
    is_other = (labels != results.labels).reshape(len(own), -1).any(axis=1)
    if is_other.any():
        return f"it has another label of {own[int(is_other.argmax())].shown}"
    return "" if [*class_names] == results.class_names else "its classes have other names"


def _of_key_frames(
    out: Path, samples: Sequence[Sample], cfg: Config, class_names: Sequence[str]
) -> str:
    """In what the annotations differ, a key frame, or its boxes. Names of classes are those of the
    file."""
    test = read_box_scores(out)
    if test.num_listed != len(samples):
        return _other_length(test.num_listed, len(samples), "key frames")
    there, here = (list_of(own.data, "test")[1] for own in (test.settings(), cfg))
    if _whole(there, test.run) != _whole(here, {}):
        return f"its annotations are {there}, and here {here}"
    ends = np.cumsum(test.counts).tolist()
    own = zip(test.moments, ends, test.counts.tolist(), test.excluded.tolist(), strict=True)
    keys = {
        (key.video, round(key.time, 3)): (_corners(key.boxes), key.is_excluded)
        for key in (sample.key for sample in samples) if key is not None
    }  # fmt: skip
    for moment, end, count, is_excluded in own:
        told = "{} at {:g} s".format(*moment)
        if moment not in keys:
            return f"it has the key frame {told}, which is not in the list here"
        if keys[moment] != (test.boxes[end - count : end].tolist(), is_excluded):
            return f"its key frame {told} has other boxes, or only one of the two is excluded"
    return ""


def _corners(boxes: Sequence[Box]) -> list[list[float]]:
    return [[*box.corners] for box in boxes]


def _changed(out: Path, samples: Sequence[Sample]) -> str:
    """Which video has changed since the test."""
    written = out.stat().st_mtime_ns
    for path in dict.fromkeys(sample.path for sample in samples):
        if (state := state_of(path)) and state[1] > written:
            return f"{path} has changed since"
    return ""


def _other_length(there: int, here: int, unit: str) -> str:
    return f"its list is of {there:,} {unit}, and the one here of {here:,}"


def _whole(shown: str, run: Mapping[str, Any]) -> str:
    """A path, or what a part of a video is called, from the folder of the test or from here on."""
    return os.path.abspath(os.path.join(str(run.get("folder", "")), shown))

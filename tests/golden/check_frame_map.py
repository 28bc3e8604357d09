"""Compares average precision of boxes with what the peers' own code says of the same random rows.

In the peers' environment (benchmarks/requirements-peers.txt has mmaction2 1.2.0), from the root::

    PYTHONPATH=. python tests/golden/check_frame_map.py [ACTIVITYNET [ACTIVITYNET2019 [SLOWFAST]]]

ACTIVITYNET: a checkout of github.com/activitynet/ActivityNet, for ``official``; ACTIVITYNET2019: of
its commit 3fee089, for ``official-2019``; SLOWFAST: of github.com/facebookresearch/SlowFast.

Of equal scores in different frames all of them leave the order to ``numpy.argsort``, which differs
by machine; here it sorts stably, as ours does. The rest is their code; ``np.NAN`` and the like,
which numpy no longer has, are given back to it.
"""

import functools
import importlib
import io
import logging
import sys
import tempfile
import types
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.data.boxes.action_lists import AVA60, actions_of
from slowfast.data.boxes.boxes_fields import Moment
from slowfast.data.boxes.scored_boxes import ScoredBoxes, read_scored
from slowfast.metrics.frame_map import Frames, class_precisions
from slowfast.metrics.frame_rows import Boxes

TOLERANCE = 1e-9
np.argsort = functools.partial(np.argsort, kind="stable")
np.NAN, np.float = np.nan, float  # type: ignore[attr-defined]
IDS = [*actions_of(AVA60)]


def write_rows(folder: Path, seed: int, decimals: int) -> None:
    """Annotations and detections of 3 videos: actions out of AVA's 60, and some others; frames
    without either; persons whom a box overlaps equally; with ``decimals`` of the scores, 2 for many
    equal ones."""
    rng = np.random.default_rng(seed)
    own = [*IDS[: 4 + 8 * (seed % 3)], 2, 16]
    truth, found, excluded = [], [], []
    for video in "abc":
        for second in range(902, 942):
            where = f"{video},{second:04d}"
            people = rng.random((rng.integers(0, 5), 2)) * 0.6
            for x, y in people:
                box = np.array([x, y, x + 0.1 + 0.3 * rng.random(), y + 0.4]).round(3)
                shown = rng.choice(own, rng.integers(1, 4), replace=False)
                if second % 9:
                    truth += [f"{where},{_text(box)},{action},1" for action in shown]
                for _ in range(rng.integers(0, 4)):
                    near = np.clip(box + rng.normal(0, 0.03, 4), 0, 1).round(2)
                    found += _scored(where, near, own, shown, rng, decimals)
            if rng.random() < 0.3:
                found += _scored(where, [0.8, 0.8, 0.9, 0.95], own, [], rng, decimals)
            if second % 9:
                rows = _between_two(where, own[second % 3], rng)
                truth, found = truth + rows[0], found + rows[1]
            if second % 11 == 0:
                excluded.append(where)
    mixed = rng.permutation(found)
    (folder / "truth.csv").write_text("\n".join(truth) + "\n")
    (folder / "found.csv").write_text("\n".join(mixed) + "\n")
    (folder / "excluded.csv").write_text("\n".join(excluded) + "\n")
    items = (f'item {{\n  name: "action {action}"\n  id: {action}\n}}\n' for action in IDS)
    (folder / "actions.pbtxt").write_text("".join(items))


def _between_two(where: str, action: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Two persons; a box that overlaps both equally, exactly so; and a lower one of one of them.
    The second is right if the first has been taken for the other person."""
    left, persons = rng.integers(0, 6) / 16, rng.permutation(4)
    boxes = [np.array([x, 0.5, x + 0.25, 1.0]) for x in left + np.arange(3) / 16]
    annotated = [f"{where},{_text(boxes[2 * i])},{action},{persons[i]}" for i in range(2)]
    scores = 0.3 + 0.6 * np.sort(rng.random(2))[::-1]
    found = [f"{where},{_text(boxes[i])},{action},{scores[1 - i]:.4f}" for i in (1, 0)]
    return annotated, found


def _scored(
    where: str, box: Any, own: list[int], shown: Any, rng: np.random.Generator, decimals: int
) -> list[str]:
    if not (box[2] > box[0] and box[3] > box[1]):
        return []
    chosen = [action for action in own if rng.random() < 0.7 and action != own[-3]]
    scores = [np.clip(rng.random() * 0.7 + 0.3 * (action in shown), 0.01, 1) for action in chosen]
    return [
        f"{where},{_text(box)},{action},{score:.{decimals}f}"
        for action, score in zip(chosen, scores, strict=True)
    ]


def _text(box: Any) -> str:
    return ",".join(f"{x:g}" for x in box)


def ours(folder: Path, rule: str, first: str) -> tuple[dict[int, float], float]:
    """Average precision by action, and the mean. Frames are numbered as they come in the file
    ``first`` with actions that are scored, as the rule's own code takes them."""
    lines = (folder / f"{first}.csv").read_text().splitlines()
    fields = [line.split(",") for line in lines]
    scored = [(own[0], float(own[1])) for own in fields if int(own[6]) in IDS]
    moments: dict[Moment, int] = {moment: i for i, moment in enumerate(dict.fromkeys(scored))}
    read = {
        name: read_scored(folder / f"{name}.csv", moments, has_scores=name == "found")
        for name in ("truth", "found")
    }
    excluded = {line for line in (folder / "excluded.csv").read_text().splitlines()}
    frames = Frames(
        np.isin(np.arange(len(moments)), read["truth"].frames),
        np.array([f"{video},{int(time):04d}" in excluded for video, time in moments]),
    )
    rows = class_precisions(_boxes(read["found"]), _boxes(read["truth"]), frames, IDS, rule)
    by_action = {action: row.precision for action, row in zip(IDS, rows, strict=True)}
    return by_action, float(np.nanmean([*by_action.values()]))


def _boxes(rows: ScoredBoxes) -> Boxes:
    return Boxes(
        rows.frames, rows.corners, np.arange(len(rows.frames)), rows.actions, rows.scores
    )  # fmt: skip


def activitynet(checkout: Path, folder: Path, *, with_excluded: bool) -> dict[str, float]:
    """What ActivityNet's evaluation prints, by name; its modules are imported anew."""
    for name in [*sys.modules]:
        if name.split(".")[0] in (
            "ava",
            "get_ava_performance",
            "metrics",
            "label_map_util",
            "standard_fields",
        ) or name.startswith(("np_", "per_image", "object_detection")):
            del sys.modules[name]  # fmt: skip
    sys.path[:0] = [str(checkout / "Evaluation"), str(checkout / "Evaluation/ava")]
    module: Any = importlib.import_module("get_ava_performance")
    del sys.path[:2]
    shown: list[dict[str, float]] = []
    module.pprint = types.SimpleNamespace(
        pprint=lambda value, indent: shown.append(value), pformat=lambda value, indent: value
    )
    names = ["actions.pbtxt", "truth.csv", "found.csv", *(["excluded.csv"] * with_excluded)]
    with ExitStack() as opened:
        module.run_evaluation(*(opened.enter_context(open(folder / name)) for name in names))
    return shown[0]


def mmaction2(folder: Path) -> dict[str, float]:
    """What mmaction2's evaluation returns."""
    module: Any = importlib.import_module("mmaction.evaluation.functional.ava_utils")
    files = (str(folder / name) for name in ("found.csv", "actions.pbtxt", "truth.csv",
                                             "excluded.csv"))  # fmt: skip
    found, actions, truth, excluded = files
    with redirect_stdout(io.StringIO()):
        return module.ava_eval(found, "mAP", actions, truth, excluded, verbose=False)


def pyslowfast(checkout: Path, folder: Path) -> dict[str, float]:
    """What PySlowFast's evaluation returns, of rows in the order in which its test has them."""
    sys.path.insert(0, str(checkout))
    source = (checkout / "slowfast/utils/ava_eval_helper.py").read_text()
    source = source.replace("import slowfast.utils.distributed as du", "")
    source = source.replace("from slowfast.utils.env import pathmgr", "")
    source = source.replace("vision.fair.slowfast.ava_evaluation", "ava_evaluation")
    module: Any = types.ModuleType("ava_eval_helper")
    module.pathmgr = types.SimpleNamespace(open=open)
    module.du = types.SimpleNamespace(is_master_proc=lambda: False)
    exec(source, module.__dict__)
    categories, allowed = module.read_labelmap(str(folder / "actions.pbtxt"))
    return module.run_evaluation(
        categories,
        module.read_csv(str(folder / "truth.csv"), allowed),
        module.read_csv(str(folder / "found.csv"), allowed, load_score=True),
        module.read_exclusions(str(folder / "excluded.csv")),
    )


def difference(theirs: dict[str, float], found: dict[int, float], mean: float) -> float:
    """The largest, of all classes and the mean; both must have the same that are nan."""
    by_name = {name.rpartition("/")[2]: value for name, value in theirs.items()}
    pairs = [(by_name[f"action {action}"], value) for action, value in found.items()]
    pairs.append((next(value for name, value in theirs.items() if "Precision/mAP" in name), mean))
    expected, own = np.array(pairs).T
    assert (np.isnan(expected) == np.isnan(own)).all(), pairs
    return float(np.nanmax(np.abs(expected - own)))


def groups(found: dict[int, float]) -> dict[str, float]:
    """Means of mmaction2's groups of actions."""
    within = {
        "overall": (0, 80), "person_movement": (0, 14), "object_manipulation": (15, 63),
        "person_interaction": (64, 80),
    }  # fmt: skip
    means = {}
    for name, (first, last) in within.items():
        values = [value for action, value in found.items() if first <= action <= last]
        means[name] = np.nan if np.isnan(values).all() else float(np.nanmean(values))
    return means


def compare(folder: Path, checkouts: list[Path]) -> dict[str, float]:
    """The difference by rule."""
    found, _ = ours(folder, "mmaction2", "truth")
    theirs, own = mmaction2(folder), groups(found)
    np.testing.assert_equal(np.isnan([*theirs.values()]), np.isnan([*own.values()]))
    errors = {"mmaction2": np.nanmax([abs(theirs[name] - own[name]) for name in own])}
    for rule, checkout in zip(("official", "official-2019"), checkouts, strict=False):
        shown = activitynet(checkout, folder, with_excluded=rule != "official")
        errors[rule] = difference(shown, *ours(folder, rule, "found"))
    if len(checkouts) > 2:
        shown = pyslowfast(checkouts[2], folder)
        errors["pyslowfast"] = difference(shown, *ours(folder, "pyslowfast", "found"))
    return errors


def main(checkouts: list[Path]) -> None:
    """Fails if a difference is above the tolerance."""
    logging.disable(logging.WARNING)
    worst: dict[str, float] = {}
    for seed in range(6):
        for decimals in (2, 9):
            with tempfile.TemporaryDirectory() as name:
                write_rows(Path(name), seed, decimals)
                for rule, error in compare(Path(name), checkouts).items():
                    worst[rule] = max(worst.get(rule, 0), error)
    for rule, error in worst.items():
        print(f"{rule}: {error:.1e}")
    assert max(worst.values()) < TOLERANCE


if __name__ == "__main__":
    main([*map(Path, sys.argv[1:])])

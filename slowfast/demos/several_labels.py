"""The demo of two classes a video, one after the other: data, training, test, when each is seen."""

import json
import sys
import time
from pathlib import Path

from slowfast.config import load_config
from slowfast.config.built_in import CONFIGS
from slowfast.data.lists.read_lists import read_list
from slowfast.demos.steps import EVERY, SCORES, infer, train_and_test, write_data
from slowfast.evaluate.rescore import choose, score
from slowfast.evaluate.scores import read_scores
from slowfast.files import write_whole
from slowfast.train.run_panels import draw_run

CONFIG = CONFIGS / "recognition/slowfast/moving_shapes_several.yaml"
SEEN = 0, 25, 50, 75, 100  # clips whose timelines are drawn
COLUMNS = "mAP max", "mAP mean", "F1 max", "F1 mean"
"""What networks are compared by, of each class's largest probability over the views and of their
mean."""


def run_several_labels() -> None:
    """Two classes a video: data, training, test, when each is seen, summary."""
    began = time.monotonic()
    cfg = load_config(CONFIG)
    write_data(cfg, num_motions=2)
    weights = train_and_test(CONFIG, [], "train")
    out, data = weights.parent, cfg.data
    draw_run(out, out / "learning_curve.png")
    samples = read_list(data.val_list, data.root, cfg.model.num_classes, cfg.train.task)
    paths = [samples[index].path for index in SEEN]
    infer("timeline", weights, *paths, "--timeline", str(out / "timeline"), "-o", EVERY)
    result = json.loads((out / "test_result.json").read_text(encoding="utf-8"))
    shares = dict(zip(COLUMNS, shares_of(out), strict=True))
    seconds = time.monotonic() - began
    summary = {**shares, "seconds": round(seconds, 1), "checkpoint": str(weights)}
    write_whole(out / "summary.json", json.dumps(summary, indent=1))
    numbers = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
    print(
        f"\n{numbers} on {result['num_videos']} unseen videos of two classes, "
        f"{result['num_views']} views each, {seconds:.0f} s\n"
    )
    lines = {
        "checkpoint": weights,
        "learning curve": out / "learning_curve.png",
        "timelines": out / "timeline",
        "each class": f"{sys.executable} -m slowfast.tools.score {out / SCORES} --per-class",
        "all of this": out / "summary.json",
    }
    print("\n".join(f"{name:16s}  {what}" for name, what in lines.items()))


def shares_of(out: Path) -> list[float]:
    """What ``COLUMNS`` has of the test in an output folder."""
    scores = read_scores(out / SCORES)
    ways = (choose(scores, None, None, way) for way in ("max", "prob"))
    found = [score(scores, way, times=0, seed=0) for way in ways]
    return [row[name] for name in ("mAP", "f1") for row in found]

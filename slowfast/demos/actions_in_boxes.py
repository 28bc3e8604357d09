"""The demo of detection: films of two moving shapes, training, average precision, a film with what
is found in its boxes; and that only the box tells which shape is meant."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.config import Config, load_config
from slowfast.config.built_in import CONFIGS
from slowfast.data.boxes.ava import read_keyframes
from slowfast.data.samples import KeyFrame
from slowfast.data.shapes import shape_film_files
from slowfast.data.shapes.shape_films import COLOURS
from slowfast.demos.steps import DATA_SEED, infer, launch, train_and_test
from slowfast.files import sole_writer, write_whole
from slowfast.log import Progress, say
from slowfast.metrics.frame_map import frame_map_numbers
from slowfast.predict.box_rows import rows_of_boxes
from slowfast.train.run_panels import draw_run

CONFIG = CONFIGS / "detection/slowfast/moving_shapes_detection.yaml"
NUM_TRAIN, NUM_VAL = 64, 12  # films
LAST = 15  # second
SHOWN = "val_000.mp4"
COLUMNS = "mAP", "colours", "motions"
"""What networks are compared by: average precision of all actions, of colours and of motions."""
GUESSES = 10
PROOFS = {
    "exchanged": "each box has to show what the other one does",
    "whole": "each box is as large as the picture",
}
"""Annotations with which the network has to fail, ``val_NAME.csv``."""


def run_actions_in_boxes() -> None:
    """Data, training, test, tests that must fail, a film with boxes, summary."""
    began = time.monotonic()
    cfg = load_config(CONFIG)
    write_films(cfg)
    weights = train_and_test(CONFIG, [], "train")
    out = weights.parent
    for name in PROOFS:
        prove(name, cfg, weights)
    draw_run(out, out / "learning_curve.png")
    film, boxes = str(Path(cfg.data.root) / SHOWN), cfg.detection.val_boxes
    infer("boxes", weights, film, "--boxes", boxes, "--annotate", str(out / "annotated"))
    annotated = load_config(CONFIG, ["detection.val_boxes="])
    keys = [sample.key for sample in read_keyframes(annotated, "val") if sample.key]
    tell(out, weights, guessed(keys, annotated), time.monotonic() - began)


def write_films(cfg: Config) -> None:
    """Writes films and annotations where the config expects them."""
    progress = Progress("write films", NUM_TRAIN + NUM_VAL)
    with sole_writer(Path(cfg.data.root), "writing films"):
        shape_film_files.write_dataset(
            cfg.data.root, num_train=NUM_TRAIN, num_val=NUM_VAL, last=LAST, seed=DATA_SEED,
            num_processes=2, report=lambda done, total: progress.update(done),
        )  # fmt: skip
    progress.finish(cfg.data.root)


def prove(name: str, cfg: Config, weights: Path) -> None:
    """Tests with annotations of ``PROOFS``, whose own boxes are classified."""
    out = weights.parent / name
    tested = out / "test_result.json"
    if tested.exists() and tested.stat().st_mtime > weights.stat().st_mtime:
        say(f"{name}: reusing {tested}")
        return
    overrides = [
        f"data.test_list={Path(cfg.data.root) / f'val_{name}.csv'}", "detection.val_boxes=",
        f"output_dir={out}",
    ]  # fmt: skip
    launch(name, ["multi", f"log_{name}", "--test", "-w", str(weights), "-o", *overrides])


def tell(out: Path, weights: Path, guess: float, seconds: float) -> None:
    """Writes summary.json beside the weights, and prints what it says."""
    from slowfast.predict.infer import RESULT  # here: Paddle must be quiet by then

    result = result_of(out)
    shares = dict(zip(COLUMNS, shares_of(out), strict=True))
    proofs = {name: result_of(out / name)["mAP"] for name in PROOFS}
    summary = {
        **shares,
        **proofs,
        "guessed": guess,
        "seconds": round(seconds, 1),
        "checkpoint": str(weights),
    }
    write_whole(out / "summary.json", json.dumps(summary, indent=1))
    numbers = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
    print(
        f"\n{numbers} ({result['rule']}'s rule) on {result['num_key_frames']} unseen key frames, "
        f"{100 * result['recall']:.1f} % of whose boxes are found, {seconds:.0f} s"
    )
    for name, about in PROOFS.items():
        print(f"mAP {100 * proofs[name]:.1f} % if {about}")
    print(f"mAP {100 * guess:.1f} % if all is guessed")
    lines = {
        "checkpoint": weights,
        "learning curve": out / "learning_curve.png",
        "each class": out / "classes.csv",
        "all detections": out / "detections.csv",
        "annotated video": out / "annotated" / SHOWN,
        "who does what": f"{RESULT}, {RESULT.with_suffix('.csv')}",
        "check the data": f"{sys.executable} -m slowfast.tools.check_boxes {CONFIG}",
        "all of this": out / "summary.json",
    }
    print("\n" + "\n".join(f"{name:16s}  {what}" for name, what in lines.items()))


def guessed(keys: Sequence[KeyFrame], cfg: Config) -> float:
    """The mean average precision of scores that are drawn at random, on average."""
    rng, classes = np.random.default_rng(0), range(cfg.model.num_classes)
    found = []
    for _ in range(GUESSES):
        drawn = [(key, rng.random((len(key.boxes), len(classes)), np.float32)) for key in keys]
        rows = rows_of_boxes(drawn, classes)
        numbers, _ = frame_map_numbers(*rows, classes, cfg.detection.rule)
        found.append(numbers["mAP"])
    return float(np.mean(found))


def result_of(out: Path) -> dict[str, Any]:
    """The result of a test in an output folder."""
    found: dict[str, Any] = json.loads((out / "test_result.json").read_text(encoding="utf-8"))
    return found


def shares_of(out: Path) -> list[float]:
    """What ``COLUMNS`` has of the test in an output folder."""
    result = result_of(out)
    precisions = [own["AP"] for own in result["classes"]]
    parts = precisions[: len(COLOURS)], precisions[len(COLOURS) :]
    return [result["mAP"], *(float(np.mean(part)) for part in parts)]

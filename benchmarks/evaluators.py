"""Average precision of a million rows: ours and mmaction2's, each in a process of its own.

    python -m benchmarks.evaluators ours|mmaction2 FOLDER

prints a line of JSON: ``seconds`` from the files to the number, ``mebibytes`` at the peak of this
process (of mmaction2's 32 it is the one that starts the others), ``mAP`` and ``about``. Started by
benchmarks/detection.py, which writes the files.
"""

import functools
import importlib
import importlib.metadata
import io
import json
import logging
import os
import resource
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

FOUND, TRUTH, EXCLUDED = "found.csv", "truth.csv", "excluded.csv"
ACTIONS, NUMBERS = "actions.pbtxt", "numbers.json"
CLASSES, SECONDS, PEOPLE = 60, 900, 4


def write_files(folder: Path, rows: int) -> int:
    """Films of 900 key frames with 4 people, each annotated with 1 to 3 of 60 actions and found
    once, a little off, with a score for each action; every 50th key frame is excluded. The number
    of rows found: at least so many.

    Numbers are as mmaction2 writes them: of four decimals, scores above 0.002.
    """
    rng = np.random.default_rng(0)
    likely = np.arange(1, CLASSES + 1) ** -1.0  # few actions are common, as in AVA
    likely /= likely.sum()
    frames = -(-rows // (PEOPLE * CLASSES))
    with (
        open(folder / FOUND, "w") as found, open(folder / TRUTH, "w") as truth,
        open(folder / EXCLUDED, "w") as excluded,
    ):  # fmt: skip
        for frame in range(frames):
            where = f"film{frame // SECONDS:03d},{902 + frame % SECONDS:04d}"
            if frame % 50 == 49:
                excluded.write(f"{where}\n")
            for person, (x, y, width, height) in enumerate(rng.random((PEOPLE, 4)) * 0.5):
                box = np.array([x, y, x + 0.1 + width / 3, y + 0.3 + height / 3])
                shown = rng.choice(CLASSES, rng.integers(1, 4), replace=False, p=likely)
                scores = rng.beta(0.3, 6, CLASSES)
                scores[shown] = rng.beta(2, 2, len(shown))
                near = ",".join(f"{x:.4f}" for x in box + rng.normal(0, 0.02, 4))
                text = ",".join(f"{x:.3f}" for x in box)
                truth.writelines(f"{where},{text},{action + 1},{person}\n" for action in shown)
                found.writelines(
                    f"{where},{near},{action},{score:.4f}\n"
                    for action, score in enumerate(np.maximum(scores, 0.0021).tolist(), 1)
                )
    items = (f'item {{\n  name: "action {n}"\n  id: {n}\n}}\n' for n in range(1, CLASSES + 1))
    (folder / ACTIONS).write_text("".join(items))
    return frames * PEOPLE * CLASSES


def ours(folder: Path, rules: tuple[str, ...]) -> tuple[float, str]:
    """What score_boxes comes to by the last of the rules."""
    from slowfast.tools.score_boxes import main

    flags = ["--annotations", TRUTH, "--excluded", EXCLUDED, "--actions", ACTIONS]
    with redirect_stdout(io.StringIO()):
        main([str(folder / FOUND), *(f if f.startswith("--") else str(folder / f) for f in flags),
              "--json", str(folder / NUMBERS), "--rule", *rules])  # fmt: skip
    found = json.loads((folder / NUMBERS).read_text())
    return found["mAP"][rules[-1]], f"numpy {np.__version__}"


def mmaction2(folder: Path) -> tuple[float, str]:
    """What mmaction2's evaluation returns, of equal scores in the order in which they come: in its
    own, numpy leaves it to the machine."""
    module = _mmaction2()
    files = (str(folder / name) for name in (FOUND, ACTIONS, TRUTH, EXCLUDED))
    found, actions, truth, excluded = files
    with redirect_stdout(io.StringIO()):
        numbers = module.ava_eval(found, "mAP", actions, truth, excluded, verbose=False)
    return float(numbers["overall"]), f"mmaction2 {importlib.metadata.version('mmaction2')}"


@functools.cache
def _mmaction2() -> Any:
    logging.disable(logging.WARNING)
    np.NAN = np.nan  # type: ignore[attr-defined]  # numpy 2 has it no longer
    np.argsort = functools.partial(np.argsort, kind="stable")
    return importlib.import_module("mmaction.evaluation.functional.ava_utils")


def measure(side: str, folder: Path) -> dict[str, Any]:
    """One run; what is imported is not timed."""
    if side == "mmaction2":
        _mmaction2()
    else:
        importlib.import_module("slowfast.tools.score_boxes")
    rules = RULES.get(side, ())
    begin = time.perf_counter()
    number, about = ours(folder, rules) if rules else mmaction2(folder)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "mebibytes": peak, "mAP": number, "about": about}


RULES = {
    "ours": ("mmaction2",),
    "ours, all rules": ("official", "official-2019", "pyslowfast", "mmaction2"),
}
"""Of our sides."""

if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))), flush=True)
    os._exit(0)  # mmaction2 leaves its 32 processes running, which end with this one

"""Classes of unequal size: what class weights and balanced sampling do, on the demo's data.

From a folder of its own or the repository's root, in the project's environment:

    python -m benchmarks.unequal_classes [--epochs 24] [--seed 0] [--json FILE] [--markdown FILE]

The classes are the six motions. Every second one keeps one training video in 20, the others all
320. The demo's network is trained on them as it is, with ``train.class_weights=balanced``, and with
``train.sampling=balanced``, each from the start with the same seed and as many steps, and tested on
the demo's 240 validation videos, 40 of each class. Data, output and what an earlier call has
finished are in ``data`` and ``output``.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from slowfast.config import Config, load_config
from slowfast.data.lists.read_lists import read_list
from slowfast.data.samples import classes_of
from slowfast.data.shapes.moving_shapes import HOWS
from slowfast.data.shapes.moving_shapes_files import SPLITS
from slowfast.demos.one_label import CONFIG, labels_of
from slowfast.demos.steps import train_and_test, write_data
from slowfast.files import write_whole
from slowfast.log import quiet_libraries

KEPT = 20
"""Of a rare class one video in so many is kept."""
FOLDER = Path("output/unequal_classes")
WAYS = {
    "plain": "train.sampling=plain",
    "class weights": "train.class_weights=balanced",
    "balanced sampling": "train.sampling=balanced",
}
"""Each with its setting."""
COLUMNS = ("mean class accuracy", "top-1", "rare classes", "frequent classes")


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status, 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    cfg = load_config(CONFIG)
    parser.add_argument("--epochs", type=int, default=cfg.train.epochs)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--markdown", type=Path, help="file for the table")
    options = parser.parse_args(arguments)
    quiet_libraries()
    write_data(cfg, num_motions=1)
    counts = write_lists(cfg)
    rare = [label for label, count in counts.items() if count < max(counts.values())]
    rows = {}
    for way, setting in WAYS.items():
        out = FOLDER / f"{way.replace(' ', '_')}_{options.epochs}_{options.seed}"
        overrides = [
            setting, *(f"data.{split}_list={FOLDER / split}.list" for split in SPLITS),
            f"model.num_classes={len(HOWS)}", "data.labels=", f"train.epochs={options.epochs}",
            f"seed={options.seed}", f"output_dir={out}",
        ]  # fmt: skip
        rows[way] = accuracies(train_and_test(CONFIG, overrides, way).parent, rare)
    table = markdown(rows, counts, rare)
    print(f"\n{table}", end="")
    if options.json:
        write_whole(options.json, json.dumps(rows, indent=1) + "\n")
    if options.markdown:
        write_whole(options.markdown, table)
    return 0


def write_lists(cfg: Config) -> Counter[int]:
    """Writes both lists; returns how many training videos each class has."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    counts = Counter[int]()
    for split in SPLITS:
        listed = read_list(getattr(cfg.data, f"{split}_list"), "", cfg.model.num_classes)
        motions = [(s.path, classes_of(s.label)[0] % len(HOWS)) for s in listed]
        whole, seen, lines = Counter(how for _, how in motions), Counter[int](), []
        for path, how in motions:
            if split == "train" and how % 2 and seen[how] == whole[how] // KEPT:
                continue
            seen[how] += 1
            lines.append(f"{path} {how}\n")
        write_whole(FOLDER / f"{split}.list", "".join(lines))
        if split == "train":
            counts = seen
    return counts


def accuracies(out: Path, rare: list[int]) -> dict[str, float]:
    """Percentages by ``COLUMNS``, from a run's test."""
    result = json.loads((out / "test_result.json").read_text(encoding="utf-8"))
    labels, predicted = labels_of(result["predictions"])
    right, is_rare = labels == predicted, np.isin(labels, rare)
    halves = right[is_rare].mean(), right[~is_rare].mean()
    shares = (result["mean_class_accuracy"], result["top1"], *halves)
    return {name: 100 * float(share) for name, share in zip(COLUMNS, shares, strict=True)}


def markdown(rows: dict[str, dict[str, float]], counts: Counter[int], rare: list[int]) -> str:
    """The table, and a line on the data above it."""
    few, many = min(counts.values()), max(counts.values())
    head = (
        f"{sum(counts.values()):,} training videos: {many} of each of {len(counts) - len(rare)} "
        f"classes, {few} of each of {len(rare)}; accuracy in percent."
    )
    lines = [f"| training | {' | '.join(COLUMNS)} |", "|---|" + "--:|" * len(COLUMNS)]
    for way, row in rows.items():
        lines.append(f"| {way} | " + " | ".join(f"{row[name]:.1f}" for name in COLUMNS) + " |")
    return "\n".join([head, "", *lines]) + "\n"


if __name__ == "__main__":
    main()

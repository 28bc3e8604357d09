"""Compares ours with what make_full_size.py wrote; prints the table of docs/zoo.md.

In the project's environment, with the same video:

    PYTHONPATH=. python tests/golden/check_full_size.py FOLDER VIDEO
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from name_seeded import seeded_clip

from slowfast import models
from slowfast.config import Config, load_config
from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.samples import Sample
from slowfast.metrics.accuracy import average_views
from slowfast.predict.runtime.built import Graph, weighted
from slowfast.predict.runtime.runtimes import Eager
from slowfast.predict.views import rows_of_views
from slowfast.weights.load import load_weights

LOGIT, PROBABILITY = 1e-5, 1e-3
"""Of a logit, as a share of the largest one: with the classifier scaled, that is about 40."""
IMAGENET = ("data.mean=[0.485,0.456,0.406]", "data.std=[0.229,0.224,0.225]")


def config(row: dict[str, Any], protocol: str) -> Config:
    """The test's config, with a system's protocol or another's."""
    own = IMAGENET if row["rule"].startswith("mmaction2") else ()
    frames, stride = row["grid"]
    grid = ("model.alpha=1", f"data.num_frames={frames}", f"data.sampling_stride={stride}")
    return load_config(
        None, [*own, *grid, f"test.protocol={protocol}", f"test.num_clips={row['clips']}"]
    )


def probabilities(model: Any, row: dict[str, Any], video: Path, protocol: str) -> Any:
    """Averaged over the views, ``[K]``."""
    cfg = config(row, protocol)
    views = MultiViewVideos([Sample(str(video), 0)], cfg.data, cfg.test)(0)
    (scores_VK,) = rows_of_views(
        Eager(Graph(weighted(model), cfg, cfg.test.average_clips)), [views], cfg
    )
    return average_views(scores_VK, cfg.test.average_clips)


def compare(row: dict[str, Any], folder: Path, video: Path) -> tuple[str, bool]:
    """A row of the table, and whether all of it is within what is allowed."""
    model = getattr(models, row["constructor"])(**row["given"])
    report = load_weights(model, folder / row["file"])
    model.eval()
    with paddle.no_grad():
        logits_K = model(paddle.to_tensor(seeded_clip(*row["clip"]))).numpy()[0]
    largest = np.abs(row["logits"]).max()
    logit = np.abs(logits_K - row["logits"]).max() / largest
    expected = np.array(row["probabilities"])
    found = probabilities(model, row, video, row["rule"])
    probability, top = np.abs(found - expected).max(), expected.max()
    same = np.argsort(-found)[:5].tolist() == np.argsort(-expected)[:5].tolist()
    other = np.abs(probabilities(model, row, video, "pyslowfast") - expected).max()
    line = (
        f"| {row['rule']} | {row['constructor']} | {str(report).partition(' tensors')[0]} "
        f"| {largest:.1f} | {logit * largest:.1e} | {top:.3f} | {probability:.1e} "
        f"| {'yes' if same else 'no'} | {other:.1e} |"
    )
    return line, bool(logit < LOGIT and probability < PROBABILITY and same)


def main(folder: Path, video: Path) -> None:
    """Fails if a row is out of what is allowed."""
    print("Differences of logits, and of the averaged probabilities of a video.\n")
    rows = json.loads((folder / "full_size.json").read_text())
    print(f"{rows[0]['video']}, {rows[0]['clips']} x 3 views of 256 x 256 pixels\n")
    print(
        "| protocol | network | tensors | largest logit | largest difference "
        "| largest probability | largest difference | same top five | with our own protocol |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    results = []
    for row in rows:
        line, is_right = compare(row, folder, video)
        print(line, flush=True)
        results.append(is_right)
    if not all(results):
        sys.exit(f"more than {LOGIT} of the largest logit, {PROBABILITY}, or another top five")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

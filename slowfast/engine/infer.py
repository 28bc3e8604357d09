"""What happens in these videos? A table on the screen and result.json."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.annotations import (
    LIST_ENDINGS,
    VIDEO_ENDINGS,
    ListError,
    Sample,
    read_paths,
)
from slowfast.data.video import VideoError
from slowfast.engine.evaluate import multi_view_loader, own_batches, view_scores
from slowfast.files import write_whole
from slowfast.log import Progress
from slowfast.metrics import average_views
from slowfast.models.slowfast import VideoClassifier

RESULT = Path("data/results/result.json")


def find_videos(paths: list[str], frame_pattern: str) -> list[Sample]:
    """The videos that the paths name: files, folders of videos, folders of frames, lists.

    Raises:
        ListError: a list cannot be read, or a folder holds no video.
    """
    samples = []
    for path in paths:
        if os.path.isdir(path) and not os.path.exists(os.path.join(path, frame_pattern.format(1))):
            names = sorted(n for n in os.listdir(path) if n.lower().endswith(VIDEO_ENDINGS))
            if not names:
                raise ListError(
                    f"{path}: no video in this folder itself ({', '.join(VIDEO_ENDINGS)})"
                )
            samples += [Sample(os.path.join(path, name)) for name in names]
        elif path.lower().endswith(LIST_ENDINGS):
            samples += read_paths(path, root=str(Path(path).parent))
        else:
            samples.append(Sample(path))
    return samples


def infer(
    model: VideoClassifier, samples: list[Sample], labels: list[str] | None, cfg: Config
) -> list[dict[str, Any]]:
    """Predicts each video from its views, shared out over the processes.

    A video that cannot be read gets a row with ``error``; the others are done all the same. Rank 0
    writes ``data/results/result.json`` and prints the table. Returns the rows.
    """
    model.eval()
    rows = []
    batches = own_batches(samples, cfg.test.batch_size, cfg)
    progress = Progress("infer", sum(map(len, batches)), show=distributed.rank() == 0)
    with multi_view_loader(samples, cfg, len(batches)) as loader:
        for batch, items in zip(batches, loader.run(batches), strict=True):
            videos = [item for item in items if not isinstance(item, VideoError)]
            scores = iter(view_scores(model, videos, cfg))
            for index, item in zip(batch, items, strict=True):
                row: dict[str, Any] = {"video_id": samples[index].path}
                if isinstance(item, VideoError):
                    row["error"] = str(item)
                else:
                    row |= _best(average_views(next(scores), cfg.test.average_clips), labels)
                rows.append((index, row))
            progress.update(len(rows))
    progress.finish()
    gathered = sorted((pair for part in distributed.gather(rows) for pair in part), key=_place)
    results = [row for _, row in gathered]
    if distributed.rank() == 0:
        print(table(results), flush=True)
        write_whole(RESULT, json.dumps(results, indent=1, ensure_ascii=False))
        print(RESULT, flush=True)
    distributed.barrier()  # the launcher ends all processes as soon as one exits with an error
    return results


def table(results: list[dict[str, Any]]) -> str:
    """A block a video: its top five labels with their probabilities, or why it was not read."""
    lines = []
    for row in results:
        lines.append(f"\n{row['video_id']}")
        if "error" in row:
            lines.append(f"  not read: {row['error']}")
            continue
        names = row.get("top5_labels") or [f"class {i}" for i in row["top5_indices"]]
        width = max(map(len, names))
        for name, value in zip(names, row["top5_values"], strict=True):
            lines.append(f"  {name.ljust(width)}  {100 * value:5.1f} %  {'#' * round(30 * value)}")
    return "\n".join(lines)


def _best(scores: Any, labels: list[str] | None) -> dict[str, Any]:
    best = [int(i) for i in np.argsort(-scores, kind="stable")[:5]]
    values = [float(scores[i]) for i in best]
    row: dict[str, Any] = {
        "top1_values": values[0],
        "top1_indices": best[0],
        "top5_values": values,
        "top5_indices": best,
    }
    if labels is not None:
        row |= {"top1_label": labels[best[0]], "top5_labels": [labels[i] for i in best]}
    return row


def _place(pair: tuple[int, dict[str, Any]]) -> int:
    return pair[0]

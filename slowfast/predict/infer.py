"""Predicts the classes of videos: a table on the screen, and result.json."""

from pathlib import Path
from typing import Any

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.lists import Sample
from slowfast.data.video.reader import VideoError
from slowfast.files import require_place, write_json
from slowfast.metrics.accuracy import average_views, best_classes
from slowfast.predict.backends import Backend
from slowfast.predict.views import rows_of_videos

RESULT = Path("data/results/result.json")


def infer(
    backend: Backend, samples: list[Sample], labels: list[str] | None, cfg: Config
) -> list[dict[str, Any]]:
    """Predicts each video from its views; the processes share the videos.

    A video that cannot be read gets a row with ``error`` and does not stop the others. Rank 0
    writes ``data/results/result.json`` and prints the table. Returns the rows.

    Raises:
        VideoError: at the end, if videos could not be read.
    """
    distributed.on_first(lambda: require_place(RESULT))
    rows = {}
    for index, found in rows_of_videos(backend, samples, cfg, what="infer"):
        row: dict[str, Any] = {"video_id": samples[index].path}
        if isinstance(found, VideoError):
            row["error"] = str(found)
        else:
            best, values = best_classes(average_views(found, cfg.test.average_clips))
            row |= {"top1_values": values[0], "top1_indices": best[0]}
            row |= {"top5_values": values, "top5_indices": best}
            if labels is not None:
                row |= {"top1_label": labels[best[0]], "top5_labels": [labels[i] for i in best]}
        rows[index] = row
    all_rows = {index: row for part in distributed.gather(rows) for index, row in part.items()}
    results = [all_rows[index] for index in range(len(samples))]
    if distributed.rank() == 0:
        write_json(RESULT, results)
        print(table(results), flush=True)
        print(RESULT, flush=True)
    distributed.barrier()  # the launcher ends all processes as soon as one exits with an error
    unread = sum("error" in row for row in results)
    if unread:
        raise VideoError(f"{unread} of {len(results)} videos could not be read")
    return results


def table(results: list[dict[str, Any]]) -> str:
    """For each video its top five labels with probabilities, or why it was not read."""
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

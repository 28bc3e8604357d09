"""The demo of one class a video: data, training, test, prediction, pictures, what happens when and
why."""

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config, DataConfig, load_config
from slowfast.config.built_in import CONFIGS
from slowfast.data.clips import sampling
from slowfast.data.clips.datasets import open_sample
from slowfast.data.labels import read_labels
from slowfast.data.lists.read_lists import read_list
from slowfast.data.samples import Sample, classes_of
from slowfast.data.shapes import moving_shapes
from slowfast.data.video.write import Writer
from slowfast.demos.steps import EVERY, infer, train_and_test, write_data
from slowfast.files import write_whole
from slowfast.metrics.accuracy import confusion
from slowfast.pictures.figures import save
from slowfast.pictures.matrix import confusion_matrix
from slowfast.pictures.strips import frame_strip
from slowfast.train import folder
from slowfast.train.run_panels import draw_run

CONFIG = CONFIGS / "recognition/slowfast/moving_shapes.yaml"
JOINED = 0, 7, 14, 21, 4, 11  # clips of all things and motions
SHOWN = 3  # of these
COLUMNS = "top-1", "what", "how"
"""What networks are compared by."""
Rows = list[dict[str, Any]]


def run_one_label() -> None:
    """Data, training, test, prediction, pictures, summary."""
    began = time.monotonic()
    cfg = load_config(CONFIG)
    write_data(cfg, num_motions=1)
    weights = train_and_test(CONFIG, [], "train")
    names = read_labels(cfg.data.labels, cfg.model.num_classes)
    result = json.loads((weights.parent / "test_result.json").read_text(encoding="utf-8"))
    pictures = draw(cfg, weights, result["predictions"], names) | show(cfg, weights)
    tell(weights, result, pictures, time.monotonic() - began)


def tell(weights: Path, result: dict[str, Any], pictures: dict[str, str], seconds: float) -> None:
    """Writes summary.json beside the weights, and prints what it says."""
    from slowfast.predict.infer import RESULT  # here: Paddle must be quiet by then
    from slowfast.train.curves import how_to_open

    what, how = halves(result["predictions"])
    curves = weights.parent / "vdl"
    has_curves = curves.is_dir()  # unless VisualDL is not installed
    summary = {
        "top1": result["top1"], "top5": result["top5"], "what_top1": what, "how_top1": how,
        "seconds": round(seconds, 1), "checkpoint": str(weights), "result": str(RESULT), **pictures,
    }  # fmt: skip
    if has_curves:
        summary["vdl"] = str(curves)
    write_whole(weights.with_name("summary.json"), json.dumps(summary, indent=1))
    print(
        f"\ntop-1 {100 * result['top1']:.1f} %, top-5 {100 * result['top5']:.1f} % on "
        f"{result['num_videos']} unseen videos, {result['num_views']} views each "
        f"(what it is: {100 * what:.1f} %, how it moves: {100 * how:.1f} %), {seconds:.0f} s\n"
    )
    here = f"{Path.cwd()}/"
    lines = {"checkpoint": str(weights)}
    if has_curves:
        visualdl = str(Path(sys.executable).with_name("visualdl")).removeprefix(here)
        lines["curves"] = how_to_open(weights.parent, visualdl)
    lines |= {"prediction": str(RESULT)}
    lines |= {name.replace("_", " "): path for name, path in pictures.items()}
    lines["all of this"] = str(weights.with_name("summary.json"))
    python = sys.executable.removeprefix(here)
    first = "" if importlib.util.find_spec("gradio") else f"{python} -m pip install '.[web]'; "
    page = f"{python} -m slowfast.tools.web -w {weights.with_name(folder.BEST)}"
    lines["in the browser"] = first + page
    print("\n".join(f"{name:16s}  {what}" for name, what in lines.items()))


def labels_of(predictions: Rows) -> NDArray[np.int64]:
    """True and predicted labels of all videos, ``[2, N]``."""
    return np.array([(row["label"], row["top5_indices"][0]) for row in predictions]).T


def halves(predictions: Rows) -> tuple[float, float]:
    """Shares of videos where WHAT it is, and HOW it moves, were right."""
    motions = len(moving_shapes.HOWS)
    labels, predicted = labels_of(predictions)
    what = float(np.mean(labels // motions == predicted // motions))
    return what, float(np.mean(labels % motions == predicted % motions))


def shares_of(out: Path) -> list[float]:
    """What ``COLUMNS`` has of the test in an output folder."""
    result = json.loads((out / "test_result.json").read_text(encoding="utf-8"))
    return [result["top1"], *halves(result["predictions"])]


def draw(cfg: Config, weights: Path, predictions: Rows, names: list[str]) -> dict[str, str]:
    """Predicts one unseen clip, and draws the three pictures; returns their paths by name."""
    from slowfast.models.slow_frames import slow_frames_of
    from slowfast.predict.infer import RESULT

    out, data = Path(cfg.output_dir), cfg.data
    paths = {
        "learning_curve": out / "learning_curve.png",
        "confusion_matrix": out / "confusion_matrix.png",
        "frames": out / "prediction.png",
    }
    draw_run(out, paths["learning_curve"])
    labels, predicted = labels_of(predictions)
    confused = confusion(labels, predicted, len(names))
    save(confusion_matrix(confused, names), paths["confusion_matrix"])

    sample = read_list(data.val_list, data.root, len(names))[1]
    infer("infer", weights, sample.path)
    row = json.loads(RESULT.read_text(encoding="utf-8"))[0]
    reader, span = open_sample(sample, data)
    wanted = sampling.clip_at(0.5, reader.num_frames, span, data.num_frames)
    slow = slow_frames_of(cfg.model, data.num_frames)
    best = list(zip(row["top5_labels"], row["top5_values"], strict=True))
    frames = reader.frames(wanted)
    frame_strip(frames, slow, best, paths["frames"], truth=names[classes_of(sample.label)[0]])
    return {name: str(path) for name, path in paths.items()}


def show(cfg: Config, weights: Path) -> dict[str, str]:
    """What happens when in a video joined from several clips, and why each of these has its label;
    returns the paths by name."""
    out, data = Path(cfg.output_dir), cfg.data
    samples = read_list(data.val_list, data.root, cfg.model.num_classes)
    chosen, joined = [samples[index] for index in JOINED], out / "joined.mp4"
    if not joined.exists():
        join(chosen, joined, data)
    folders = ["--timeline", str(out / "timeline"), "--annotate", str(out / "annotated")]
    infer("timeline", weights, str(joined), *folders, "-o", EVERY)
    paths = [sample.path for sample in chosen]
    infer("explain", weights, *paths, "--explain", str(out / "explained"))
    explained = out / "explained" / Path(paths[SHOWN]).with_suffix(".png").name
    return {
        "annotated_video": str(out / "annotated" / joined.name),
        "timeline": str(out / "timeline" / "joined.png"),
        "explanation": str(explained),
    }


def join(samples: list[Sample], path: Path, data: DataConfig) -> None:
    """Writes a video of all the videos' frames, one video after the other."""
    written = 0
    with Writer(path) as writer:
        for sample in samples:
            reader, _ = open_sample(sample, data)
            for picture in reader.frames(np.arange(reader.num_frames)):
                writer.add(picture, written / moving_shapes.FPS)
                written += 1

"""The whole way once, on the built-in data: write it, train, test, predict, draw, explain.

    bash run_demo.sh [--several] [--compare]

With --several a video has two classes, one after the other. Everything goes through the same
commands, list files and readers as a run on Kinetics would. What is there already, from an earlier
run with the same config, is used again.
"""

import importlib.util
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.cli.command import new_parser, run
from slowfast.config import Config, DataConfig, dump_config, load_config
from slowfast.config.built_in import CONFIGS
from slowfast.data import moving_shapes, moving_shapes_files
from slowfast.data.clips import sampling
from slowfast.data.clips.datasets import open_sample
from slowfast.data.labels import read_labels
from slowfast.data.lists import read_list
from slowfast.data.samples import Sample, classes_of
from slowfast.data.video.write import Writer
from slowfast.errors import UserError
from slowfast.evaluate.rescore import choose, score
from slowfast.evaluate.scores import read_scores
from slowfast.files import write_whole
from slowfast.log import Progress
from slowfast.machine import environment
from slowfast.pictures import confusion_matrix, frame_strip, learning_curve
from slowfast.tools.launch import num_processes
from slowfast.train import folder
from slowfast.weights import save

CONFIG = CONFIGS / "recognition/slowfast/moving_shapes.yaml"
SEVERAL = CONFIGS / "recognition/slowfast/moving_shapes_several.yaml"
NUM_TRAIN, NUM_VAL = 1920, 240
DATA_SEED = 0
TOTAL_BATCH = 32  # of all processes
JOINED = 0, 7, 14, 21, 4, 11  # clips of all things and motions
SHOWN = 3  # of these
SEEN = 0, 25, 50, 75, 100  # clips with two motions whose timelines are drawn
COLUMNS = {
    "single": ("top-1", "what", "how"),
    "multi": ("mAP max", "mAP mean", "F1 max", "F1 mean"),
}
"""What pathways are compared by; with several labels, of each class's largest probability over the
views, and of their mean."""
EVERY = "timeline.every=0.25"
SCORES = "scores.npz"
Rows = list[dict[str, Any]]


class StepFailedError(UserError):
    """A command of the demo ended with an error; the message has its last lines."""


def main(argv: list[str] | None = None) -> int:
    """Runs the demo; returns the exit status."""
    parser = new_parser("slowfast.tools.demo", __doc__)
    about = "videos with two motions, one after the other: several labels a video"
    parser.add_argument("--several", action="store_true", help=about)
    about = "also train each pathway alone in the same way"
    parser.add_argument("--compare", action="store_true", help=about)
    args = parser.parse_args(argv)

    def work() -> None:
        run_several() if args.several else run_demo()
        if args.compare:
            compare_pathways(SEVERAL if args.several else CONFIG)

    return run(work, hint="run it again, finished steps and epochs stay", with_paddle=True)


def run_demo() -> None:
    """Data, training, test, prediction, pictures, summary."""
    began = time.monotonic()
    cfg = load_config(CONFIG)
    write_data(cfg, num_motions=1)
    weights = train_and_test(CONFIG, [], "train")
    names = read_labels(cfg.data.labels, cfg.model.num_classes)
    result = json.loads((weights.parent / "test_result.json").read_text(encoding="utf-8"))
    pictures = draw(cfg, weights, result["predictions"], names) | show(cfg, weights)
    tell(weights, result, pictures, time.monotonic() - began)


def run_several() -> None:
    """Two classes a video: data, training, test, when each is seen, summary."""
    began = time.monotonic()
    cfg = load_config(SEVERAL)
    write_data(cfg, num_motions=2)
    weights = train_and_test(SEVERAL, [], "train")
    out, data = weights.parent, cfg.data
    learning_curve(out / "metrics.jsonl", out / "learning_curve.png")
    samples = read_list(data.val_list, data.root, cfg.model.num_classes, cfg.train.task)
    paths = [samples[index].path for index in SEEN]
    infer("timeline", weights, *paths, "--timeline", str(out / "timeline"), "-o", EVERY)
    result = json.loads((out / "test_result.json").read_text(encoding="utf-8"))
    shares = dict(zip(COLUMNS["multi"], shares_of(out, cfg), strict=True))
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


def tell(weights: Path, result: dict[str, Any], pictures: dict[str, str], seconds: float) -> None:
    """Writes summary.json beside the weights, and prints what it says."""
    from slowfast.predict.infer import RESULT  # here: Paddle must be quiet by then

    what, how = halves(result["predictions"])
    curves = sorted((weights.parent / "vdl").glob("*"))  # none if VisualDL is not installed
    summary = {
        "top1": result["top1"], "top5": result["top5"], "what_top1": what, "how_top1": how,
        "seconds": round(seconds, 1), "checkpoint": str(weights), "result": str(RESULT), **pictures,
    }  # fmt: skip
    if curves:
        summary["vdl"] = str(curves[-1])
    write_whole(weights.with_name("summary.json"), json.dumps(summary, indent=1))
    print(
        f"\ntop-1 {100 * result['top1']:.1f} %, top-5 {100 * result['top5']:.1f} % on "
        f"{result['num_videos']} unseen videos, {result['num_views']} views each "
        f"(what it is: {100 * what:.1f} %, how it moves: {100 * how:.1f} %), {seconds:.0f} s\n"
    )
    here = f"{Path.cwd()}/"
    lines = {"checkpoint": str(weights)}
    if curves:
        visualdl = str(Path(sys.executable).with_name("visualdl")).removeprefix(here)
        lines["curves"] = f"{visualdl} --logdir {weights.parent / 'vdl'}"
    lines |= {"prediction": str(RESULT)}
    lines |= {name.replace("_", " "): path for name, path in pictures.items()}
    lines["all of this"] = str(weights.with_name("summary.json"))
    python = sys.executable.removeprefix(here)
    first = "" if importlib.util.find_spec("gradio") else f"{python} -m pip install '.[web]'; "
    page = f"{python} -m slowfast.tools.web -w {weights.with_name(folder.BEST)}"
    lines["in the browser"] = first + page
    print("\n".join(f"{name:16s}  {what}" for name, what in lines.items()))


def write_data(cfg: Config, num_motions: int) -> None:
    """Writes the video files and lists where the config expects them."""
    progress = Progress("write videos", NUM_TRAIN + NUM_VAL)
    moving_shapes_files.write_dataset(
        cfg.data.root, num_train=NUM_TRAIN, num_val=NUM_VAL, seed=DATA_SEED, num_processes=2,
        num_motions=num_motions, report=lambda done, total: progress.update(done),
    )  # fmt: skip
    progress.finish(cfg.data.root)


def train_and_test(config: Path, overrides: list[str], what: str) -> Path:
    """Trains and tests with a config of the demo; returns the last epoch's weights."""
    overrides = [*overrides, f"train.batch_size={max(TOTAL_BATCH // num_processes(), 1)}"]
    cfg = load_config(config, overrides)
    out = Path(cfg.output_dir)
    weights = out / f"{folder.PREFIX}_epoch_{cfg.train.epochs:06d}.pdparams"
    own_config, data = out / save.CONFIG, Path(cfg.data.root) / moving_shapes_files.MARKER
    if own_config.exists():
        same = own_config.read_text(encoding="utf-8") == dump_config(cfg)
        if not same or own_config.stat().st_mtime < data.stat().st_mtime:  # other videos by now
            aside = out.with_name(f"{out.name}-{time.strftime('%Y%m%d-%H%M%S')}")
            print(f"{what}: {out} is of other videos or settings, moved to {aside}")
            out.rename(aside)
    flags = ["-c", str(config), "-o", *overrides]
    if weights in folder.checkpoints(cfg.output_dir):
        print(f"{what}: reusing {weights}")
    else:
        launch(what, ["multi", "log_slowfast", "--validate", "--resume", "auto", *flags])
    tested = out / "test_result.json"
    if tested.exists() and tested.stat().st_mtime > weights.stat().st_mtime:
        print(f"test: reusing {tested}")
    else:
        (out / SCORES).unlink(missing_ok=True)
        keeps = ["--out", str(out / SCORES)] if cfg.train.task == "multi" else []
        launch("test", ["multi", "log_slowfast_test", "--test", "-w", str(weights), *keeps])
    return weights


def launch(what: str, flags: list[str]) -> None:
    """Runs the launcher, showing how far it is; its whole output goes to a file in output/."""
    log = Path("output") / f"demo_{what.replace(' ', '_')}.txt"
    log.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "slowfast.tools.launch", *flags]
    progress = Progress(what, 100)
    lines = []
    started: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    started["env"] = environment()  # the threads of this process are not for those that it starts
    with open(log, "w", encoding="utf-8") as file, subprocess.Popen(command, **started) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                file.write(line)
                lines.append(line.rstrip())
                if found := progress_of(line):
                    progress.update(*found)
        except BaseException:  # Ctrl-C, or what main makes of SIGTERM and SIGHUP
            process.terminate()
            raise
    if process.returncode:
        errors = dict.fromkeys(line for line in lines if line.startswith("error:")) or lines[-5:]
        raise StepFailedError(f"{what} failed (all of it in {log}): {' / '.join(list(errors)[:3])}")
    progress.finish()


def progress_of(line: str) -> tuple[float, str] | None:
    """How far a step is, in percent, and what to show behind the bar, by a line of its output."""
    place = r"epoch:\[ *(\d+)/(\d+) *\] train step:(\d+) .*?(loss: \S+).*?((?:top1|f1): \S+)"
    if train := re.match(place, line):
        epoch, epochs, step = map(int, train.groups()[:3])
        done = (epoch - 1 + step / (NUM_TRAIN / TOTAL_BATCH)) / epochs
        return 100 * done, f"epoch {epoch}/{epochs}, {train[4]}, {train[5]}"
    bar = re.match(r"\w+: (\d+)/(\d+), ", line)
    return (100 * int(bar[1]) / int(bar[2]), "") if bar else None


def labels_of(predictions: Rows) -> NDArray[np.int64]:
    """True and predicted labels of all videos, ``[2, N]``."""
    return np.array([(row["label"], row["top5_indices"][0]) for row in predictions]).T


def halves(predictions: Rows) -> tuple[float, float]:
    """Shares of videos where WHAT it is, and HOW it moves, were right."""
    motions = len(moving_shapes.HOWS)
    labels, predicted = labels_of(predictions)
    what = float(np.mean(labels // motions == predicted // motions))
    return what, float(np.mean(labels % motions == predicted % motions))


def draw(cfg: Config, weights: Path, predictions: Rows, names: list[str]) -> dict[str, str]:
    """Predicts one unseen clip, and draws the three pictures; returns their paths by name."""
    from slowfast.models.slow_frames import SLOW_FRAMES
    from slowfast.predict.infer import RESULT

    out, data = Path(cfg.output_dir), cfg.data
    paths = {
        "learning_curve": out / "learning_curve.png",
        "confusion_matrix": out / "confusion_matrix.png",
        "frames": out / "prediction.png",
    }
    learning_curve(out / "metrics.jsonl", paths["learning_curve"])
    labels, predicted = labels_of(predictions)
    confusion_matrix(labels, predicted, names, paths["confusion_matrix"])

    sample = read_list(data.val_list, data.root, len(names))[1]
    infer("infer", weights, sample.path)
    row = json.loads(RESULT.read_text(encoding="utf-8"))[0]
    reader, span = open_sample(sample, data)
    wanted = sampling.clip_at(0.5, reader.num_frames, span, data.num_frames)
    slow = SLOW_FRAMES[cfg.model.slow_frames](data.num_frames, cfg.model.alpha)
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


def infer(what: str, weights: Path, *flags: str) -> None:
    """Runs --infer, see ``launch``."""
    launch(what, ["single", "log_slowfast_infer", "--infer", *flags, "-w", str(weights)])


def join(samples: list[Sample], path: Path, data: DataConfig) -> None:
    """Writes a video of all the videos' frames, one video after the other."""
    written = 0
    with Writer(path) as writer:
        for sample in samples:
            reader, _ = open_sample(sample, data)
            for picture in reader.frames(np.arange(reader.num_frames)):
                writer.add(picture, written / moving_shapes.FPS)
                written += 1


def compare_pathways(config: Path) -> None:
    """Trains each pathway alone in the same way, and prints the three side by side."""
    cfg, rows = load_config(config), []
    for name in ("slowfast", "slow_only", "fast_only"):
        out = cfg.output_dir + ("" if name == "slowfast" else f"_{name}")
        train_and_test(config, [f"model.name={name}", f"output_dir={out}"], name.replace("_", " "))
        rows.append((name, shares_of(Path(out), cfg)))
    print("\nnetwork   " + "".join(f"{column:>10s}" for column in COLUMNS[cfg.train.task]))
    for name, shares in rows:
        print(f"{name:10s}" + "".join(f"{100 * share:9.1f}%" for share in shares))


def shares_of(out: Path, cfg: Config) -> list[float]:
    """What ``COLUMNS`` has of the test in an output folder."""
    if cfg.train.task == "single":
        result = json.loads((out / "test_result.json").read_text(encoding="utf-8"))
        return [result["top1"], *halves(result["predictions"])]
    scores = read_scores(out / SCORES)
    ways = (choose(scores, None, None, way) for way in ("max", "prob"))
    found = [score(scores, way, times=0, seed=0) for way in ways]
    return [row[name] for name in ("mAP", "f1") for row in found]


if __name__ == "__main__":
    sys.exit(main())

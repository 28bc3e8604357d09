"""Writes the features of clips that slide over each video: what the classifier sees of them.

    python -m slowfast.tools.extract_features VIDEO|FOLDER|LIST... -w ckpt.pdparams --out DIR

One .npy a video, named and placed below DIR as the video below its FOLDER or LIST's folder. In it a
row a clip: start and end (seconds) and features (float32), see docs/features.md. A run that was
interrupted goes on: files that are there are kept.
"""

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from slowfast.config import Config
from slowfast.data.annotations import LIST_ENDINGS, VIDEO_ENDINGS, ListError, Sample
from slowfast.quiet import quiet_libraries
from slowfast.tools.pool import ToolError, read_entries, run_tool

if TYPE_CHECKING:
    from slowfast.engine.extract import Wanted


def main(argv: list[str]) -> int:
    """0 once all features are there; 1 with one line on stderr; 130."""
    args = parse_args(argv)
    return run_tool(lambda: extract_features(args))


def extract_features(args: argparse.Namespace) -> int:
    """Reads config and lists, builds the network, extracts.

    Raises:
        ToolError, ListError, ConfigError, OSError: one line each.
    """
    quiet_libraries()  # before Paddle is imported
    import paddle

    from slowfast import distributed
    from slowfast.data.decode import decoder_version
    from slowfast.data.worker import ReaderDiedError
    from slowfast.engine.extract import extract, require_own_targets
    from slowfast.engine.run_folder import FolderError
    from slowfast.log import logger, start_logging
    from slowfast.models.zoo import build_model
    from slowfast.run_config import config_for
    from slowfast.weights import WeightsError, load_pretrained

    paddle.disable_signal_handler()  # it reports on a SIGTERM as on a crash
    try:
        cfg = config_for(args.config, args.override, args.weights)
        version = decoder_version(cfg.data.decoder)
        videos = find_videos(args.paths, args.root, cfg)
        require_own_targets(videos)
        start_logging(distributed.rank())
        distributed.start(args.device)
        model = build_model(cfg.model, cfg.data.crop_size)
        logger.info(load_pretrained(model, args.weights))
        clip = cfg.data.num_frames * cfg.data.sampling_stride / cfg.data.target_fps
        every = args.every or clip
        logger.info(f"clips of {clip:g} s, one every {every:g} s, read through {version}")
        faults = extract(model, videos, args.out, cfg, every)
    except (WeightsError, FolderError, ReaderDiedError, distributed.DeviceError) as error:
        raise ToolError(str(error)) from error
    except RuntimeError as error:
        reason = distributed.error_of_another_process()
        if reason is None:
            raise
        raise ToolError(reason.removeprefix("error: ")) from error
    if faults:
        raise ToolError(
            f"{len(faults):,} of {len(videos):,} videos could not be read (first: {faults[0]})"
        )
    return 0


def find_videos(paths: list[str], root: Path | None, cfg: Config) -> list["Wanted"]:
    """The videos that the paths name, each once, and what each one's features are to be called.

    A video is called by its file's name; one found in a folder, at any depth, by its path below
    that; one of a list by its path below ``root``, or if it is elsewhere by its whole path.

    Raises:
        ListError: a list cannot be read, a folder holds no video, or there is no such path.
    """
    from slowfast.engine.extract import Wanted  # here, because it imports Paddle

    videos: list[Wanted] = []
    for path in paths:
        if os.path.isdir(path) and not os.path.exists(
            os.path.join(path, cfg.data.frame_pattern.format(1))
        ):
            found = _videos_below(path)
            if not found:
                raise ListError(f"{path}: no video in this folder ({', '.join(VIDEO_ENDINGS)})")
            videos += [Wanted(Sample(os.path.join(path, name)), name) for name in found]
        elif path.endswith(".tar"):  # FFmpeg would take it for a damaged video
            raise ListError(f"{path}: name a list of what is in it (build_list shards)")
        elif path.lower().endswith(LIST_ENDINGS):
            start = root or Path(path).parent
            for entry in read_entries(Path(path), start):
                videos.append(Wanted(entry.sample, _name_below(entry.sample.path, start)))
        else:
            videos.append(Wanted(Sample(path), os.path.basename(os.path.abspath(path))))
    return list({(v.name, os.path.realpath(v.sample.path)): v for v in videos}.values())


def _videos_below(folder: str) -> list[str]:
    """The videos in a folder and in those below it, linked ones too, by their paths from there."""
    found = []
    walked: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        if os.path.realpath(place) in walked:  # a link to where we are, or have been
            folders.clear()
            continue
        walked.add(os.path.realpath(place))
        videos = [n for n in names if n.lower().endswith(VIDEO_ENDINGS) and n[0] != "."]
        found += [os.path.relpath(os.path.join(place, name), folder) for name in videos]
    return sorted(found)


def _name_below(path: str, root: Path) -> str:
    name = os.path.relpath(path, root)
    if name.split(os.sep)[0] == os.pardir:
        name = os.path.relpath(os.path.abspath(path), os.sep)
    return name


def parse_args(argv: list[str]) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        prog="python -m slowfast.tools.extract_features",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="+", help="videos, folders (all in them), frames, lists")
    add("-w", "--weights", metavar="FILE", required=True, help="weights to use")
    add("--out", metavar="DIR", type=Path, required=True, help="where to write")
    add("-c", "--config", metavar="CFG", help="YAML file; default: the one beside the weights")
    add("-o", "--override", metavar="K=V", action="append", nargs="+", default=[],
        help="config values over the file's")  # fmt: skip
    add("--every", metavar="SECONDS", type=_seconds, default=0.0,
        help="from one clip's start to the next's; default: a clip's length")  # fmt: skip
    add("--root", type=Path, help="where a list's paths start from; default: its folder")
    add("--device", choices=("auto", "cpu", "gpu"), default="auto")
    args = parser.parse_args(argv)
    args.override = [item for group in args.override for item in group]
    return args


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The command line of main.py: what is asked for, with which config, on which device."""

import argparse
import sys
from pathlib import Path

import paddle

from slowfast import distributed
from slowfast.config import Config, ConfigError, load_config
from slowfast.data.annotations import ListError, Sample, read_labels, read_list
from slowfast.data.decode import VideoError
from slowfast.data.loader import ReaderDiedError
from slowfast.engine import evaluate, infer, state, train
from slowfast.engine.summary import summary_text
from slowfast.log import logger, start_logging
from slowfast.models.slowfast import VideoClassifier
from slowfast.models.zoo import build_model
from slowfast.optim import build_optimizer
from slowfast.weights import WeightsError, load_weights

DEFAULT_CONFIG = Path(__file__).parent.parent / "configs/recognition/slowfast/slowfast.yaml"

USER_ERRORS = (
    ConfigError,
    ListError,
    VideoError,
    WeightsError,
    ReaderDiedError,
    state.NonFiniteError,
    distributed.DeviceError,
)
"""What a user can cause and mend: one line, no traceback."""


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    args = parse_args(sys.argv[1:] if argv is None else argv)
    try:
        return _run(args)
    except USER_ERRORS as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"error: {named}", file=sys.stderr, flush=True)
        return 1
    except RuntimeError:
        reason = distributed.error_of_another_process()
        if reason is None:
            raise
        print(reason, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        hint = " (go on with --resume auto)" if _is_training(args) else ""
        print(f"interrupted{hint}", file=sys.stderr, flush=True)
        return 130


def parse_args(argv: list[str]) -> argparse.Namespace:
    """The flags, checked for what goes together."""
    parser = argparse.ArgumentParser(
        prog="main.py",
        description="Train, test and use SlowFast. Without --test, --infer or --summary it trains.",
    )
    parser.add_argument("-c", "--config", metavar="CFG", help="YAML file over the defaults")
    parser.add_argument(
        "-o", "--override", metavar="K=V", action="append", nargs="+", default=[],
        help="config values over the file's: -o train.batch_size=16 optim.base_lr=0.05",
    )  # fmt: skip
    parser.add_argument("--validate", action="store_true", help="validate during training")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--test", action="store_true", help="multi-view test of the weights")
    mode.add_argument(
        "--infer", metavar="PATH", nargs="*",
        help="predict videos, folders of videos, folders of frames, or lists of paths",
    )  # fmt: skip
    mode.add_argument(
        "--summary", action="store_true", help="the network's stages and the schedule"
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", help="more to --infer")
    parser.add_argument("-w", "--weights", metavar="FILE", help=".pdparams to start from or use")
    parser.add_argument(
        "--resume", metavar="auto|FILE", nargs="?", const="auto",
        help="go on from the furthest checkpoint of the output folder, or from this one",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, help="in place of the config's seed")
    parser.add_argument(
        "--deterministic", action="store_true",
        help="cuDNN's repeatable kernels; those of the CPU always repeat",
    )  # fmt: skip
    parser.add_argument(
        "--max_iters", type=_at_least_one, metavar="N", help="end training after N steps"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    parser.add_argument(
        "--average-clips", choices=("prob", "score"), help="in place of test.average_clips"
    )
    args = parser.parse_args(argv)
    args.override = [item for group in args.override for item in group]
    if args.paths and args.infer is None:
        parser.error(f"unrecognized arguments: {' '.join(args.paths)}")
    if args.infer is not None:
        args.infer += args.paths
        if not args.infer:
            parser.error("--infer needs a video, a folder or a list")
    is_training = _is_training(args)
    for flag in ("validate", "resume", "max_iters"):
        if getattr(args, flag) and not is_training:
            parser.error(f"--{flag} is for training")
    if args.average_clips and (is_training or args.summary):
        parser.error("--average-clips is for --test and --infer")
    if args.summary and args.weights:
        parser.error("--summary describes a config: leave out --weights")
    if args.resume and args.weights:
        parser.error("--resume has its own weights: leave out --weights")
    return args


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 on")
    return int(text)


def config_of_training(args: argparse.Namespace) -> Config | None:
    """The config if these flags ask for training, else None."""
    return _config(args, None) if _is_training(args) else None


def _is_training(args: argparse.Namespace) -> bool:
    return not (args.test or args.summary or args.infer is not None)


def _run(args: argparse.Namespace) -> int:
    if args.summary:
        print(summary_text(_config(args, None)))
        return 0
    if _is_training(args):
        return _train(args)
    weights = args.weights
    if weights is None:
        weights = str(Path(_config(args, None).output_dir) / state.BEST)
        if not Path(weights).exists():
            raise WeightsError(f"no -w given, and there is no {weights} from a training run")
    cfg = _config(args, weights)
    return _test(args, cfg, weights) if args.test else _infer(args, cfg, weights)


def _train(args: argparse.Namespace) -> int:
    cfg = _config(args, None)
    train_samples = _read_list(cfg, cfg.data.train_list)
    val_samples = _read_list(cfg, cfg.data.val_list) if args.validate else None
    checkpoints = state.checkpoints(cfg.output_dir)
    goes_on = args.resume == "auto" or (args.resume and Path(args.resume) in checkpoints[:1])
    if checkpoints and not goes_on:
        raise ConfigError(
            f"{cfg.output_dir} already holds a run up to {checkpoints[0].stem}: go on with "
            "--resume auto, or choose another folder with -o output_dir=..."
        )
    start_logging(distributed.rank(), cfg.output_dir)
    model = _start(args, cfg, args.weights)
    run_state = state.TrainState(model, build_optimizer(model, cfg.optim))
    run_state.plan = {
        "samples": len(train_samples),
        "total batch": cfg.train.batch_size * distributed.world_size(),
        "seed": cfg.seed,
    }
    if args.resume == "auto" and not checkpoints:
        logger.info(f"no checkpoint in {cfg.output_dir} yet: training from the start")
    elif args.resume is not None:
        path = checkpoints[0] if args.resume == "auto" else args.resume
        logger.info(state.restore(run_state, path))
    if distributed.rank() == 0:
        state.write_config(cfg)
    train.train(run_state, train_samples, val_samples, cfg, max_iters=args.max_iters)
    return 0


def _test(args: argparse.Namespace, cfg: Config, weights: str) -> int:
    samples = _read_list(cfg, cfg.data.test_list or cfg.data.val_list)
    start_logging(distributed.rank())
    evaluate.multi_view_test(_start(args, cfg, weights), samples, cfg)
    return 0


def _infer(args: argparse.Namespace, cfg: Config, weights: str) -> int:
    """Returns 1 if a video could not be read."""
    samples = infer.find_videos(args.infer, cfg.data.frame_pattern)
    start_logging(distributed.rank())
    labels = None
    if cfg.data.labels and Path(cfg.data.labels).exists():
        labels = read_labels(cfg.data.labels, cfg.model.num_classes)
    elif cfg.data.labels:
        logger.warning(f"no class names: there is no data.labels={cfg.data.labels} here")
    results = infer.infer(_start(args, cfg, weights), samples, labels, cfg)
    return 1 if any("error" in row for row in results) else 0


def _start(args: argparse.Namespace, cfg: Config, weights: str | None) -> VideoClassifier:
    """Chooses the device, connects the processes, seeds, and builds the network."""
    if args.deterministic and paddle.is_compiled_with_cuda():
        paddle.set_flags({"FLAGS_cudnn_deterministic": True})
    distributed.start(args.device)
    paddle.seed(cfg.seed)
    model = build_model(cfg.model, cfg.data.crop_size)
    if weights is not None:
        logger.info(load_weights(model, weights))
    return model


def _read_list(cfg: Config, path: str) -> list[Sample]:
    return read_list(path, cfg.data.root, cfg.model.num_classes)


def _config(args: argparse.Namespace, weights: str | None) -> Config:
    """The config of ``-c``, else the one beside the weights, else the default one; with ``-o``."""
    overrides = list(args.override)
    if args.seed is not None:
        overrides.append(f"seed={args.seed}")
    if args.average_clips is not None:
        overrides.append(f"test.average_clips={args.average_clips}")
    path = args.config
    if path is None and weights is not None:
        if not Path(weights).exists():
            raise WeightsError(f"weights {weights} cannot be read: No such file or directory")
        own = Path(weights).with_suffix(".yaml")
        path = own if own.exists() else Path(weights).parent / state.CONFIG
        if not path.exists():
            raise ConfigError(f"there is no {path} beside the weights: name a config with -c")
    return load_config(path or DEFAULT_CONFIG, overrides)

"""The command line of main.py: does what is asked for, with which config, on which device."""

import argparse
import contextlib
import sys
import zlib
from pathlib import Path

import paddle

from slowfast import distributed
from slowfast.config import STAGES, ConfigError
from slowfast.data.annotations import ListError
from slowfast.data.decode import decoder_version
from slowfast.data.order import shard_numbers
from slowfast.data.video import VideoError
from slowfast.data.worker import ReaderDiedError
from slowfast.engine import evaluate, head_only, infer, report, run_folder, state, train
from slowfast.engine.course import Course
from slowfast.engine.ema import Ema
from slowfast.engine.precision import LossScaleError, Precision
from slowfast.engine.results import ResultsError
from slowfast.engine.score_rows import open_rows
from slowfast.engine.stop import Terminated
from slowfast.engine.summary import draw_schedule, summary_text
from slowfast.files import error_line
from slowfast.flags import is_training, parse_args
from slowfast.inputs import Inputs, read_inputs
from slowfast.log import logger, start_logging
from slowfast.models.freeze import freeze, freeze_batch_norm
from slowfast.models.norm import NO_SYNC_ON_CPU, sync_batch_norm
from slowfast.models.slowfast import VideoClassifier
from slowfast.models.zoo import build_model
from slowfast.optim import build_optimizer
from slowfast.run_config import class_names, read_config, starts_anew
from slowfast.weights import WeightsError, load_pretrained, load_weights

USER_ERRORS = (
    ConfigError,
    ListError,
    VideoError,
    WeightsError,
    ReaderDiedError,
    ResultsError,
    run_folder.FolderError,
    state.NonFiniteError,
    LossScaleError,
    distributed.DeviceError,
)
"""What a user can cause and mend: one line, no traceback."""


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    args = parse_args(sys.argv[1:] if argv is None else argv)
    paddle.disable_signal_handler()  # it reports on a SIGTERM as on a crash, and may hang in it
    try:
        return _run(args)
    except (*USER_ERRORS, OSError) as error:
        print(error_line(error), file=sys.stderr, flush=True)
        return 1
    except RuntimeError:
        reason = distributed.error_of_another_process()
        if reason is None:
            raise
        print(reason, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt as signal:
        what = f": {signal}" if str(signal) else ""
        hint = " (go on with --resume auto)" if is_training(args) else ""
        if args.out:
            hint = " (the same command goes on)"
        print(f"interrupted{what}{hint}", file=sys.stderr, flush=True)
        return 143 if isinstance(signal, Terminated) else 130


def _run(args: argparse.Namespace) -> int:
    if args.summary:
        cfg = read_config(args, None)
        class_names(cfg, None)  # whether they fit
        print(summary_text(cfg))
        print(f"learning rate, drawn: {draw_schedule(cfg)}")
        return 0
    inputs = read_inputs(args)
    if is_training(args):
        return _train(args, inputs)
    start_logging(distributed.rank())
    model = _start(args, inputs)
    if inputs.labels is None and inputs.cfg.data.labels and (args.out or not args.test):
        logger.warning(f"no class names: there is no data.labels={inputs.cfg.data.labels} here")
    if args.test:
        _test(args, inputs, model)
        return 0
    results = infer.infer(model, inputs.samples, inputs.labels, inputs.cfg)
    unread = sum("error" in row for row in results)
    if unread:
        raise VideoError(f"{unread} of {len(results)} videos could not be read")
    return 0


def _test(args: argparse.Namespace, inputs: Inputs, model: VideoClassifier) -> None:
    """Tests, and then raises a VideoError if videos were left out and the config forbids that."""
    cfg, rows = inputs.cfg, None
    if args.out:
        assert inputs.weights is not None
        rows = open_rows(args.out, inputs.samples, cfg, inputs.weights)
    result = evaluate.multi_view_test(
        model,
        inputs.samples,
        cfg,
        metrics=args.eval or ("top_k_accuracy",),
        rows=rows,
        class_names=inputs.labels,
    )
    if result["unreadable"] and cfg.data.on_error == "raise":
        raise VideoError(report.unreadable_line(result, cfg))


def _train(args: argparse.Namespace, inputs: Inputs) -> int:
    cfg = inputs.cfg
    is_writer = distributed.rank() == 0
    with run_folder.sole_run(cfg.output_dir) if is_writer else contextlib.nullcontext():
        start_logging(distributed.rank(), cfg.output_dir)
        # What cannot be is said before the processes connect, which wait for each other long.
        course = _course(inputs)
        if cfg.train.sync_bn and (args.device == "cpu" or not distributed.num_gpus()):
            raise distributed.DeviceError(NO_SYNC_ON_CPU)
        model = _start(args, inputs)
        freeze(model, STAGES if cfg.train.head_only else cfg.train.freeze)
        if cfg.train.freeze_bn:
            freeze_batch_norm(model)
        if cfg.train.sync_bn:
            sync_batch_norm(model)
        run_state = state.TrainState(
            model,
            build_optimizer(model, cfg.optim),
            precision=Precision(cfg.train.amp, cfg.train.amp_dtype),
            ema=Ema(model, cfg.train.ema) if cfg.train.ema else None,
            plan=_plan(inputs, course),
        )
        if args.resume == "auto":
            for line in state.restore_furthest(run_state, cfg.output_dir):
                logger.info(line)
        elif args.resume is not None:
            logger.info(state.restore(run_state, args.resume))
            if Path(args.resume).resolve().parent != Path(cfg.output_dir).resolve():
                run_state.best_top1 = -1.0  # the best one so far stays where it is
        if is_writer:
            run_folder.write_config(cfg, inputs.labels)
        samples, val_samples = inputs.samples, inputs.val_samples
        if cfg.train.head_only:
            head_only.train_head(run_state, samples, val_samples, cfg)
        else:
            train.train(run_state, course, samples, val_samples, cfg, max_iters=args.max_iters)
    return 0


def _course(inputs: Inputs) -> Course:
    cfg, samples = inputs.cfg, inputs.samples
    if cfg.train.head_only:
        return Course(len(samples) * cfg.train.head_clips, None, cfg)
    return Course(len(samples), shard_numbers(samples), cfg)


def _plan(inputs: Inputs, course: Course) -> dict[str, int]:
    """What the order of an epoch's clips depends on."""
    cfg, samples = inputs.cfg, inputs.samples
    plan = {
        "samples": len(samples),
        "list": zlib.crc32("\n".join(sample.path for sample in samples).encode()),
        "total batch": course.total_batch,
        "seed": cfg.seed,
    }
    if cfg.train.multigrid:
        plan["multigrid"] = zlib.crc32(repr(course.phases).encode())
    if shard_numbers(samples):  # then the order depends on these, too
        plan["processes"] = distributed.world_size()
        plan["data.num_workers"] = cfg.data.num_workers
    return plan


def _start(args: argparse.Namespace, inputs: Inputs) -> VideoClassifier:
    """Chooses the device, connects the processes, seeds, and builds the network."""
    cfg = inputs.cfg
    if args.deterministic and paddle.is_compiled_with_cuda():
        paddle.set_flags({"FLAGS_cudnn_deterministic": True})
    distributed.start(args.device)
    paddle.seed(cfg.seed)
    logger.info(f"video files are read through {decoder_version(cfg.data.decoder)}")
    model = build_model(cfg.model, cfg.data.crop_size)
    if inputs.weights is not None:
        logger.info(load_weights(model, inputs.weights))
    elif cfg.model.pretrained and starts_anew(args, cfg):
        own = run_folder.own_config(cfg.model.pretrained)
        if own:
            logger.info(f"network, clips and test as in {own}, but for what -c and -o say of them")
        logger.info(load_pretrained(model, cfg.model.pretrained))
    return model

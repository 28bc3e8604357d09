"""The command line of main.py: trains, tests, predicts, exports, or describes a config.

Each mode imports Paddle, and what needs it, only as it begins, so that ``--help`` and a mistyped
flag get an immediate answer.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slowfast.cli.command import run
from slowfast.cli.flags import parse_args
from slowfast.data.video.sources import is_stream
from slowfast.files import file_digest
from slowfast.log import logger, say

if TYPE_CHECKING:
    from slowfast.cli.inputs import Inputs
    from slowfast.config import Config
    from slowfast.predict.runtime.built import Weighted
    from slowfast.predict.runtime.runtimes import Backend


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    args = parse_args(sys.argv[1:] if argv is None else argv)
    mode = _train
    hint = "go on with --resume auto"
    if args.summary:
        mode, hint = _summarize, ""
    elif args.test:
        mode, hint = _test, "the same command goes on" if args.out else ""
    elif args.infer is not None:
        mode, hint = _infer, "" if any(map(is_stream, args.infer)) else "the same command goes on"
    elif args.export:
        mode, hint = _export, ""
    return run(
        lambda: mode(args), hint=hint, with_paddle=mode not in (_infer, _export),
        together=mode in (_train, _test, _infer),
    )  # fmt: skip


def _train(args: argparse.Namespace) -> None:
    from slowfast.cli.inputs import train_inputs
    from slowfast.train.run import train_run

    train_run(
        train_inputs(args), resume=args.resume, max_iters=args.max_iters, device=args.device,
        deterministic=args.deterministic,
    )  # fmt: skip


def _test(args: argparse.Namespace) -> None:
    """Tests; at the end raises a VideoError if videos were left out and that is not allowed."""
    from slowfast.cli.inputs import test_inputs
    from slowfast.evaluate.finished import made_again
    from slowfast.evaluate.run_test import run_test
    from slowfast.evaluate.scores import REPORT
    from slowfast.predict.runtime.low_precision import settled

    inputs = test_inputs(args)
    network = _network(args, inputs)
    cfg = settled(network, inputs.cfg, inputs.cfg.test.row_kind)
    page = args.report / REPORT if args.report else None
    told: dict[str, Any] = {"metrics": args.eval or (), "class_names": inputs.class_names}
    if page and made_again(network, inputs.samples, cfg, args.out, page, **told):
        return
    run_test(
        network, inputs.samples, cfg,
        out=args.out, page=page, weights=inputs.weights, **told,
    )  # fmt: skip


def _infer(args: argparse.Namespace) -> None:
    """Predicts; at the end raises a VideoError if videos could not be read."""
    from slowfast.cli.inputs import infer_inputs
    from slowfast.predict.infer import RESULT, TOP, infer

    inputs = infer_inputs(args)
    if inputs.cfg.train.task == "detection":
        _infer_boxes(args, inputs)
        return
    if inputs.stream:
        _live(args, inputs)
        return
    if args.explain:
        _explain(args, inputs)
        return
    if args.timeline:
        _timeline(args, inputs)
        return
    cfg, backend, digest = _opened(args, inputs, inputs.cfg.test.row_kind)
    infer(
        backend, inputs.samples, inputs.class_names, cfg,
        weights=digest, out=args.out or RESULT, top=args.top or TOP,
        until_enough=_until_enough(args, cfg), annotate=args.annotate, names=inputs.names,
    )  # fmt: skip


def _infer_boxes(args: argparse.Namespace, inputs: "Inputs") -> None:
    """Finds who does what; at the end raises a VideoError if videos could not be read."""
    from slowfast.data.find import Named
    from slowfast.predict.infer import RESULT, TOP
    from slowfast.predict.persons.box_sources import open_source
    from slowfast.predict.persons.infer_boxes import infer_boxes

    inputs = inputs._replace(cfg=inputs.cfg.of_probabilities())
    named = any(text.startswith("detection.box_score=") for text in args.override)
    source = open_source(
        args.boxes, args.detector, args.every, inputs.samples, inputs.cfg,
        score=inputs.cfg.detection.box_score if named else None,
    )  # fmt: skip
    cfg, backend, digest = _opened(args, inputs, "prob")
    infer_boxes(
        backend, [*map(Named, inputs.samples, inputs.names)], inputs.class_names, cfg,
        source=source, weights=digest, out=args.out or RESULT, top=args.top or TOP,
        annotate=args.annotate,
    )  # fmt: skip


def _live(args: argparse.Namespace, inputs: "Inputs") -> None:
    """Predicts a stream, until it ends or Ctrl-C comes."""
    from slowfast.predict.infer import TOP
    from slowfast.predict.live.live_windows import LIVE, live, require_places

    out = args.out or LIVE
    require_places(out, args.annotate)  # the network takes its time
    inputs = inputs._replace(cfg=inputs.cfg.of_probabilities())
    cfg, backend, _ = _opened(args, inputs, "prob")
    live(
        backend, inputs.stream, inputs.class_names, cfg,
        out=out, top=args.top or min(TOP, cfg.model.num_classes),
        annotate=args.annotate,
    )  # fmt: skip


def _timeline(args: argparse.Namespace, inputs: "Inputs") -> None:
    """Finds what happens when; at the end raises a VideoError if videos could not be read."""
    from slowfast.data.find import Named
    from slowfast.predict.infer import TOP
    from slowfast.predict.timeline.timelines import timelines

    inputs = inputs._replace(cfg=inputs.cfg.of_probabilities())
    cfg, backend, digest = _opened(args, inputs, "prob")
    timelines(
        backend, [*map(Named, inputs.samples, inputs.names)], inputs.class_names, cfg,
        weights=digest, folder=args.timeline, top=args.top or TOP, annotate=args.annotate,
    )  # fmt: skip


def _explain(args: argparse.Namespace, inputs: "Inputs") -> None:
    """Explains; at the end raises a VideoError if videos could not be read."""
    from slowfast.data.find import Named
    from slowfast.predict.explain.explanations import explain
    from slowfast.predict.export.exporter import ExportError
    from slowfast.predict.infer import TOP
    from slowfast.predict.runtime.low_precision import settled

    if Path(inputs.weights).is_dir():
        raise ExportError(
            f"--explain computes with the network's weights, which {inputs.weights} does not have: "
            "name the weights that it was exported from"
        )
    network = _network(args, inputs)
    explain(
        network, [*map(Named, inputs.samples, inputs.names)], inputs.class_names,
        settled(network, inputs.cfg, inputs.cfg.test.row_kind), args.explain,
        top=max(args.top or TOP, 2), until_enough=_until_enough(args, inputs.cfg),
    )  # fmt: skip


def _until_enough(args: argparse.Namespace, cfg: "Config") -> bool:
    """Whether views are left out that an answer does not need; says where none can be."""
    from slowfast.predict import enough

    if args.views not in (None, "auto"):
        return False
    if reason := enough.obstacle(cfg):
        logger.info(
            f"all {cfg.test.num_clips * cfg.test.views_per_clip} views of each video are computed: "
            f"with {reason} none can be left out (fewer, and sooner: --views 3x1)"
        )
    return not reason


def _opened(
    args: argparse.Namespace, inputs: "Inputs", kind: str
) -> tuple["Config", "Backend", str]:
    """What computes rows of a kind, see ``graph.KINDS``: the config with its precision settled, a
    backend, and the digest of the weights."""
    from slowfast.predict.export.exported import open_exported
    from slowfast.predict.runtime.backends import open_backend
    from slowfast.predict.runtime.built import MANIFEST
    from slowfast.predict.runtime.low_precision import settled

    if Path(inputs.weights).is_dir():
        backend = open_exported(Path(inputs.weights), inputs.cfg)
        return inputs.cfg, backend, file_digest(Path(inputs.weights, MANIFEST))
    network = _network(args, inputs)
    cfg = settled(network, inputs.cfg, kind)
    return cfg, open_backend(network, cfg, kind), network.digest


def _export(args: argparse.Namespace) -> None:
    """Exports; at the end raises an ExportError if a form of the network failed its check."""
    from slowfast.cli.inputs import export_inputs
    from slowfast.cli.network import network_of
    from slowfast.predict.export.exporter import export

    inputs = export_inputs(args)
    network = network_of(inputs.weights, inputs.cfg, "cpu")
    export(network, inputs.cfg, inputs.class_names, args.export, Path(inputs.weights).name)


def _summarize(args: argparse.Namespace) -> None:
    from slowfast.cli.run_config import class_names, read_config
    from slowfast.cli.summary import draw_schedule, summary_text

    cfg = read_config(args, None)
    class_names(cfg, None)  # raises a ListError if they do not fit
    print(summary_text(cfg))
    try:
        say(f"learning rate, drawn: {draw_schedule(cfg)}")
    except ImportError as error:
        say(f"learning rate, not drawn: matplotlib cannot be imported ({error})")


def _network(args: argparse.Namespace, inputs: "Inputs") -> "Weighted":
    """The network with its weights, loaded once it is needed."""
    from slowfast.cli.network import network_of
    from slowfast.data.video.open import decoder_version

    cfg = inputs.cfg
    network = network_of(inputs.weights, cfg, args.device, deterministic=args.deterministic)
    logger.info(f"video files are read through {decoder_version(cfg.data.decoder)}")
    if inputs.class_names is None and cfg.data.labels and (args.out or not args.test):
        logger.warning(f"no class names: there is no data.labels={cfg.data.labels} here")
    return network

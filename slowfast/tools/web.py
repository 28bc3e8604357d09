"""A page in the browser, on this machine: what is in a video, your own actions, moments alike.

    python -m slowfast.tools.web -w model.pdparams [--features DIR ...]

Nothing leaves the machine, and what was uploaded is gone when the page ends (Ctrl-C). Weights are
those of a training run, the demo's (bash run_demo.sh), or published ones after
``python -m slowfast.tools.convert_weights``.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import math
import sys
from pathlib import Path

from slowfast.cli.command import in_home, new_parser, number_between, run, whole_number
from slowfast.cli.network import network_of
from slowfast.cli.run_config import class_names, config_for
from slowfast.config import Config
from slowfast.data.video.open import decoder_version
from slowfast.errors import UserError
from slowfast.log import logger
from slowfast.metrics.accuracy import name_of
from slowfast.train.folder import BEST
from slowfast.weights.damage import WeightsError

NO_EXTRA = (
    "the page needs {}, which is not installed: pip install 'slowfast-paddle[web]', or gradio and "
    "scikit-learn"
)
NO_WEIGHTS = (
    "no -w given, and there is no {} from a training run: bash run_demo.sh (installed: "
    "slowfast-demo) trains output/demo/SlowFast_best.pdparams in minutes, and "
    "python -m slowfast.tools.convert_weights gets published ones"
)


def main(argv: list[str] | None = None) -> int:
    """Runs the tool; returns the exit status."""
    args = parse_args(argv)
    return run(lambda: open_page(args), hint="")


def open_page(args: argparse.Namespace) -> None:
    """Opens the network, and serves the page until it is ended.

    Raises:
        UserError: an input is missing or does not fit, or the port is taken.
    """
    from slowfast.predict.runtime.backends import open_backend
    from slowfast.predict.runtime.low_precision import settled
    from slowfast.predict.similar import require_same
    from slowfast.web.jobs import Desk, start_fork_server
    from slowfast.web.page import WORK, look_and_feel, page
    from slowfast.web.server import LOCAL, own_folder, require_free, serve
    from slowfast.web.sessions import Sessions
    from slowfast.web.site import Shared, Site

    weights, cfg = _weights_and_config(args)
    decoder_version(cfg.data.decoder)
    _check_detector(args, cfg, weights)
    labels = class_names(cfg, weights)
    names = [name_of(i, labels) for i in range(cfg.model.num_classes)]
    network = network_of(weights, cfg, "auto")
    cfg = settled(network, cfg.of_probabilities(), "prob")
    of_boxes = cfg.train.task == "detection"
    for place in args.features:
        require_same(network, cfg, place)
    require_free(args.host, args.port or 0)
    with own_folder() as folder:
        try:  # here: missing, they are told before the network is built
            import gradio  # noqa: F401
            import sklearn  # noqa: F401
        except ModuleNotFoundError as error:
            raise UserError(NO_EXTRA.format(error.name)) from error
        start_fork_server(WORK)
        desk = Desk(lambda kind: open_backend(network, cfg, kind))
        for kind in (
            ("prob",) if of_boxes else ("prob", "features")
        ):  # here: Paddle takes the signals if a thread imports it
            desk.backend(kind)
        site = Site(
            desk, Sessions(folder / "sessions"),
            Shared(cfg, weights, names, args.max_seconds, args.detector or ""),
            args.features, args.host in LOCAL,
        )  # fmt: skip
        try:
            serve(
                page(site), look_and_feel(args.max_mb), host=args.host, port=args.port,
                started=lambda address: logger.info(f"the page is at {address} (Ctrl-C ends it)"),
            )  # fmt: skip
        finally:
            desk.close()


def _check_detector(args: argparse.Namespace, cfg: Config, weights: str) -> None:
    """Loads the person detector, so that what is wrong with it is told now.

    Raises:
        UserError: it cannot be used, or it or ``--features`` does not go with the weights.
    """
    from slowfast.predict.persons.person_detectors import PersonDetector

    of_boxes = cfg.train.task == "detection"
    if args.detector and not of_boxes:
        raise UserError(f"{weights} classifies videos, not boxes: leave out --detector")
    if args.features and of_boxes:
        raise UserError(f"{weights} classifies boxes, which has no features: leave out --features")
    if args.detector:
        PersonDetector(args.detector)


def _weights_and_config(args: argparse.Namespace) -> tuple[str, Config]:
    """The path of the weights, and the config with the flags over it. Raises a WeightsError if
    there are no weights of a training run where none were named."""
    weights = args.weights or str(
        Path(config_for(args.config, args.override, None).output_dir, BEST)
    )
    if args.weights is None and not Path(weights).is_file():
        raise WeightsError(NO_WEIGHTS.format(weights))
    flags = {"test.backend": args.backend, "test.precision": args.precision}
    overrides = args.override + [f"{key}={value}" for key, value in flags.items() if value]
    return weights, config_for(args.config, overrides, weights)


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = new_parser("slowfast.tools.web", __doc__)
    add = parser.add_argument
    add("-w", "--weights", metavar="FILE", type=in_home,
        help="weights to use; default: the best ones in the config's output_dir")  # fmt: skip
    add("-c", "--config", metavar="CFG", type=in_home,
        help="YAML file or built-in config; default: the one with the weights")  # fmt: skip
    add("-o", "--override", metavar="K=V", action="extend", nargs="+", default=[],
        help="config values over the file's")  # fmt: skip
    add("--features", metavar="DIR", action="extend", nargs="+", type=Path, default=[],
        help="folders that extract_features has written, to find moments in")  # fmt: skip
    add("--detector", metavar="MODEL", type=in_home,
        help="with weights of detection, what finds persons, as of main.py --infer; without it the "
        "page takes all of the picture as one box")  # fmt: skip
    add("--host", default="127.0.0.1",
        help="address to serve at; 0.0.0.0 lets others reach the page (default: 127.0.0.1, this "
        "machine alone)")  # fmt: skip
    add("--port", type=whole_number(1, 65535), help="default: the first free one from 7860 on")
    add("--max_mb", type=whole_number(1), default=200, help="largest upload, MiB (default: 200)")
    add("--max_seconds", type=number_between(0, math.inf), default=600.0,
        help="longest video, in seconds (default: 600)")  # fmt: skip
    add("--backend", choices=("auto", "eager", "paddle", "onnxruntime", "openvino"),
        help="what computes the network, default: the fastest one that is installed")  # fmt: skip
    add("--precision", choices=("auto", "fp32", "bf16"),
        help="numbers that the network is computed with; default: fp32")  # fmt: skip
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

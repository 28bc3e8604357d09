"""Views computed by our backends, and by the build before them, asked for by inference.py.

``openvino``, ``openvino bf16`` and so on are a backend with a precision; ``before`` is eager mode
as it was, with the ``slowfast`` of another folder on the path; ``answer`` reads ``video.mp4`` and
computes one view of it, in the precision that --infer takes, ``answer fp32`` in that one; and
``timeline fp32`` windows along it.
"""

import contextlib
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import BEGINS, WINDOWS
from benchmarks.view_server import NUM_FRAMES, SIDE, Compute, clips, serve
from slowfast.config import Config, load_config


def build(contender: str, network: str, folder: Path) -> tuple[Compute, str]:
    """The function of one contender."""
    if contender == "before":
        return _before(network, folder / "before")
    if contender == "arithmetic":
        return _arithmetic(network, folder)
    if contender.startswith("timeline"):
        return _timeline(contender.partition(" ")[2], network, folder)
    return _backend(contender, network, folder)


class _EnoughError(Exception):
    """The windows that are timed are there."""


def _timeline(precision: str, network: str, folder: Path) -> tuple[Compute, str]:
    """Windows from the middle of a video on, as a timeline that goes on computes them."""
    from slowfast.cli.network import network_of
    from slowfast.data.clips.sliding import VideoTimes
    from slowfast.data.samples import Sample
    from slowfast.predict.long_videos import Part
    from slowfast.predict.runtime.backends import open_backend
    from slowfast.predict.timeline.timelines import timeline_rows

    settings = [f"test.precision={precision}", "timeline.every=1"]
    if precision == "int8":
        settings.append(f"test.calibration_list={_calibrate_on(folder / 'calibration.mp4')}")
    weights, cfg = _weights(network, folder, settings)
    backend = open_backend(network_of(str(weights), cfg, "cpu"), cfg, "prob")

    def rows(number: int) -> Any:
        first, found = BEGINS[number], list[Any]()
        before = Part(
            np.zeros((first, 2)), np.zeros((first, 400), np.float32), VideoTimes(30, 0, 0), False
        )

        def seen(index: int, part: Part) -> None:
            found.extend(part.rows)
            if len(found) >= WINDOWS:
                raise _EnoughError

        samples = [Sample(str(folder / "video.mp4"))]
        with contextlib.suppress(_EnoughError):
            for _ in timeline_rows(backend, samples, cfg, kept={0: [before]}, seen=seen):
                pass
        return np.stack(found[:WINDOWS])

    return rows, backend.about


def _backend(contender: str, network: str, folder: Path) -> tuple[Compute, str]:
    from slowfast.cli.network import network_of
    from slowfast.data.samples import Sample
    from slowfast.predict.runtime.backends import open_backend
    from slowfast.predict.runtime.low_precision import settled
    from slowfast.predict.views import rows_of_videos

    name, _, precision = contender.partition(" ")
    settings = [f"test.backend={'auto' if name == 'answer' else name}"]
    settings += [f"test.precision={precision}"] if precision else []
    if precision == "int8":
        settings.append(f"test.calibration_list={_calibrate_on(folder / 'video.mp4')}")
    if name == "answer":
        settings += ["test.num_clips=1", "test.num_crops=1", "data.num_workers=0"]
        settings += [] if precision else ["test.precision=auto"]  # as --infer has it
    weights, cfg = _weights(network, folder, settings)
    source = network_of(str(weights), cfg, "cpu")
    cfg = settled(source, cfg, "score")
    backend = open_backend(source, cfg, "score")

    def answer(_: int) -> Any:
        [(_, row)] = rows_of_videos(backend, [Sample(str(folder / "video.mp4"))], cfg, what="")
        return row

    def view(number: int) -> Any:
        return backend.run(both[number])

    both = clips()
    return answer if name == "answer" else view, backend.about


def _calibrate_on(video: Path) -> Path:
    """A list of two copies of the video, of which int8 then takes a few clips, whatever comes of
    it: only its time is of interest, and random weights have no classes to keep."""
    from slowfast.predict.runtime import calibration, int8

    calibration.CLIPS, calibration.LEAST_CLIPS, int8.LEAST_AGREEMENT = 4, 1, 0.0
    copies = [video.with_name(f"calibration_{number}.mp4") for number in (0, 1)]
    for copy in copies:
        shutil.copy(video, copy)
    path = video.with_name("calibration.txt")
    path.write_text("".join(f"{copy} 0\n" for copy in copies))
    return path


def _before(network: str, folder: Path) -> tuple[Compute, str]:
    import paddle

    from slowfast.models.pathways import normalize
    from slowfast.models.variants import build_model
    from slowfast.weights.load import load_weights

    weights, cfg = _weights(network, folder, [])
    model = build_model(cfg.model, cfg.data.crop_size)
    load_weights(model, str(weights))
    model.eval()
    both = [paddle.to_tensor(clip) for clip in clips()]

    def view(number: int) -> Any:
        with paddle.no_grad():
            return model(normalize(both[number], cfg.data.mean, cfg.data.std)).numpy()

    return view, f"eager mode before, Paddle {paddle.__version__}"


def _arithmetic(network: str, folder: Path) -> tuple[Compute, str]:
    """The network's multiply-adds and additions, in GFLOP, as a value."""
    import paddle

    from slowfast.models.cost import summarize
    from slowfast.models.variants import build_model

    paddle.set_device("cpu")
    _, cfg = _weights(network, folder, [])
    model = build_model(cfg.model, cfg.data.crop_size)
    macs = sum(row.macs for row in summarize(model, (1, 3, NUM_FRAMES, SIDE, SIDE)))
    return lambda _: 2 * macs / 1e9, f"numpy {np.__version__}"


def _weights(network: str, folder: Path, settings: list[str]) -> tuple[Path, Config]:
    weights = folder / f"{network}.pdparams"
    return weights, load_config(weights.with_suffix(".yaml"), settings)


if __name__ == "__main__":
    sys.exit(serve(build))

"""int8 by quantisation after training, on clips of the user's own videos.

From some of them NNCF finds the ranges of numbers in the network (calibration); on those of other
videos the answers are compared with fp32's. Without these videos nobody knows how many would
change.

Legend: T frames, H x W pixels.
"""

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import logging
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from slowfast import machine
from slowfast.config import Config
from slowfast.data.clips.view_videos import MultiViewVideos, VideoViews
from slowfast.data.find import find_videos
from slowfast.data.samples import Sample
from slowfast.data.shards import state_of
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.files import file_digest, write_json
from slowfast.log import Progress, logger
from slowfast.metrics.accuracy import sigmoid
from slowfast.predict.runtime.built import (
    CHECK,
    IR,
    ONNX,
    Clips,
    Graph,
    built,
    kept_folder,
    key_of,
    write_manifest,
)
from slowfast.predict.runtime.runtimes import PrecisionError, compiled, is_installed

CLIPS = 200
"""Clips to calibrate on, and as many others to compare."""
LEAST_CLIPS = 100
"""With fewer, one answer that changes would decide; and fewer are no sample of the videos."""
LEAST_AGREEMENT = 0.99
"""Share of the compared clips whose answer must be that of fp32, see ``_answer``."""
AGREEMENT = "agreement.json"
"""Beside the graph: of how many clips the answer is fp32's."""


def calibration_digest(cfg: Config) -> str:
    """Tells the videos to calibrate on, and how, from all others."""
    told = [
        (os.path.abspath(sample.path), sample.num_frames, state_of(sample.path))
        for sample in calibration_videos(cfg)
    ]
    return hashlib.sha256(repr((CLIPS, told)).encode()).hexdigest()[:12]


def calibration_videos(cfg: Config) -> list[Sample]:
    """The videos of ``test.calibration_list``, in an order of no meaning.

    Raises:
        PrecisionError: there is none.
        ListError: it cannot be read.
    """
    if not cfg.test.calibration_list:
        raise PrecisionError(
            "test.precision=int8 needs a list of videos like yours to calibrate on: "
            "--calibration LIST"
        )
    videos = find_videos([cfg.test.calibration_list], cfg.data, task=cfg.train.task)
    samples = [video.sample for video in videos]
    np.random.default_rng(0).shuffle(samples)  # lists are by class
    return samples


@contextlib.contextmanager
def quantised(wanted: Graph) -> Iterator[Path]:
    """The folder of a network's int8 graph, ``graph.xml``: from the cache, or made now.

    Raises:
        PrecisionError: NNCF is not installed, there are too few videos, or too many classes are
            not those of fp32.
    """
    cfg = wanted.cfg
    digest = calibration_digest(cfg)
    # Processors differ in how they add products of int8: each has its own graph and agreement.
    data, test = cfg.data, cfg.test
    settings = (
        data.sampling_stride, data.target_fps, data.decoder, test.short_side, test.protocol,
        test.threshold if cfg.train.task == "multi" else None, machine.instruction_sets(),
        file_digest(__file__), *map(_version, ("openvino", "nncf")),
    )  # fmt: skip
    told = hashlib.sha256(repr(settings).encode()).hexdigest()[:8]
    make = functools.partial(_quantise, wanted)
    with kept_folder(f"{key_of(wanted)}-int8-{digest}-{told}", make, "int8 graph") as folder:
        found: dict[str, int] = json.loads((folder / AGREEMENT).read_text())
        said = agreement_line(found, cfg.train.task)
        if found["same"] < LEAST_AGREEMENT * found["compared"]:
            raise PrecisionError(
                f"test.precision=int8 is refused: {said}, where {LEAST_AGREEMENT:.0%} is needed: "
                "take fp32 or bf16"
            )
        logger.info(said)
        yield folder


def _version(package: str) -> str:
    return importlib.metadata.version(package) if is_installed(package) else ""


def agreement_line(found: dict[str, int], task: str = "single") -> str:
    """What the comparison has come to."""
    same, compared = found["same"], found["compared"]
    what = "the class that fp32 gives" if task == "single" else "all the labels that fp32 gives"
    return (
        f"int8, calibrated on {found['calibrated']} clips, gives {same} of {compared} other clips "
        f"{what} them ({same / compared:.1%})"
    )


def _quantise(wanted: Graph, folder: Path) -> None:
    """Writes the int8 graph, and how many answers are those of fp32."""
    openvino = machine.import_openvino()
    first, second = halves(calibration_videos(wanted.cfg))
    calibration, others = Videos(first, wanted.cfg), Videos(second, wanted.cfg)
    others.require()  # calibration takes minutes, and asks for its own
    with built(wanted, "onnx") as original:
        model = quantise(original / ONNX, calibration)
        openvino.save_model(model, folder / IR, compress_to_fp16=False)
        fp32 = compiled(original / ONNX, "fp32")
        int8 = compiled(folder / IR, "int8")
        same = [
            _answer(fp32, clip, wanted) == _answer(int8, clip, wanted)
            for clip in others.clips("int8: comparison")
        ]
        shutil.copy(original / CHECK, folder)
    found = {"same": sum(same), "compared": len(same), "calibrated": calibration.number}
    write_json(folder / AGREEMENT, found)
    write_manifest(folder)


def _answer(network: Any, clip_1THWC: Clips, wanted: Graph) -> list[int]:
    """The best class of a clip; with several labels a video all from ``test.threshold`` on, if
    there are any."""
    (rows,) = network([clip_1THWC]).values()
    best, cfg = [int(rows.argmax())], wanted.cfg
    if cfg.train.task == "single":
        return best
    scores_K = rows[0] if wanted.kind == "prob" else sigmoid(rows[0].astype(np.float64))
    return np.flatnonzero(scores_K >= cfg.test.threshold).tolist() or best


def quantise(graph: Path, videos: "Videos") -> Any:
    """The network of an ONNX file, in int8; an ``openvino.Model``."""
    openvino, nncf = machine.import_openvino(), import_nncf()
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    class Passes:
        """NNCF may read the clips more than once."""

        def __iter__(self) -> Iterator[Clips]:
            return videos.clips("int8: calibration")

    model = openvino.Core().read_model(graph)
    layers = model.get_ordered_ops()
    last = max(i for i, layer in enumerate(layers) if layer.get_type_name() == "Convolution")
    with machine.own_signal_stack():
        return nncf.quantize(
            model, nncf.Dataset(Passes()),
            subset_size=CLIPS + 1,  # more than there are: so it takes all of them to their end
            # The classifier costs next to nothing, and probabilities would be rounded to 1/255.
            ignored_scope=nncf.IgnoredScope(
                names=[layer.get_friendly_name() for layer in layers[last + 1 :]], validate=False
            ),
            # By default it takes the mean of the clips' largest numbers, and cuts off what is
            # above: 82 % of clips had fp32's class with that, 96 % with this (a small network).
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
            ),
        )  # fmt: skip


def import_nncf() -> Any:
    """NNCF, which prints nothing.

    Raises:
        PrecisionError: it is not installed.
    """
    if not is_installed("nncf"):
        raise PrecisionError(
            "test.precision=int8 needs NNCF: pip install 'slowfast-paddle[int8]', or nncf"
        )
    machine.import_openvino()  # first, so that NNCF reports nothing either
    import nncf
    import rich

    nncf.set_log_level(logging.ERROR)
    rich.reconfigure(quiet=True)  # its bars
    return nncf


def halves(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Videos to calibrate on, and others to compare; no file is in both, and none twice."""
    single = list({os.path.realpath(sample.path): sample for sample in samples}.values())
    return single[::2], single[1::2]


class Grid(NamedTuple):
    """The views of a video."""

    num_clips: int
    num_crops: int


def views_of(num_videos: int) -> tuple[Grid, int]:
    """The views of each of so many videos, and how many of them are used: as many as make
    ``CLIPS`` of all, and at most 10 x 3, as more are nearly the same pictures."""
    needed = min(math.ceil(CLIPS / max(num_videos, 1)), 30)
    # The only clip of a grid of 1 is at the video's beginning.
    return (Grid(3, 1) if needed <= 3 else Grid(math.ceil(needed / 3), 3)), needed


class Videos:
    """Clips of videos, up to ``CLIPS``."""

    def __init__(self, samples: list[Sample], cfg: Config) -> None:
        self._samples, self._cfg = samples, cfg
        self.number = 0
        """Of the clips that were read last."""

    def clips(self, what: str) -> Iterator[Clips]:
        """Yields each clip, ``[1, T, H, W, 3]``; shows progress.

        Raises:
            PrecisionError: there are fewer than ``LEAST_CLIPS``.
        """
        cfg, samples, self.number = self._cfg, self._samples[:CLIPS], 0
        grid, share = views_of(len(samples))
        expected, faults = self.require(), []
        test = dataclasses.replace(cfg.test, spatial="crops", **grid._asdict())
        progress = Progress(what, expected)
        with Loader(
            MultiViewVideos(samples, cfg.data, test),
            num_workers=min(cfg.data.num_workers, len(samples)),
            describe=lambda index: samples[index].shown,
            seconds=cfg.data.read_seconds,
        ) as loader:
            for (video,) in loader.run([[index] for index in range(len(samples))]):
                if isinstance(video, VideoError):
                    faults.append(str(video))
                    continue
                for clip in clips_of(video, share)[: CLIPS - self.number]:
                    self.number += 1
                    yield clip
                    progress.update(self.number)
        unread = f"{len(faults)} of {len(samples)} cannot be read: {faults[0]}" if faults else ""
        self._require(self.number, unread)
        progress.finish()
        if unread:
            logger.warning(f"{what}: {unread}")

    def require(self) -> int:
        """The number of clips, if all videos can be read.

        Raises:
            PrecisionError: it is below ``LEAST_CLIPS``.
        """
        number = len(self._samples[:CLIPS])
        expected = min(CLIPS, number * views_of(number)[1])
        self._require(expected)
        return expected

    def _require(self, number: int, unread: str = "") -> None:
        if number < LEAST_CLIPS:
            raise PrecisionError(
                f"{self._cfg.test.calibration_list}: for int8, half of its videos must have "
                f"{LEAST_CLIPS} clips, and have {number}: name 10 different videos or more, "
                f"better {2 * CLIPS}{f'; {unread}' if unread else ''}"
            )


def clips_of(video: VideoViews, most: int) -> list[Clips]:
    """Up to ``most`` views of a video, from the middle one on, ``[1, T, H, W, 3]`` each."""
    num_crops, (height, width) = len(video.crops), video.size
    places = [(clip, crop) for crop in range(num_crops) for clip in range(len(video.clips))]
    middle = len(places) // 2
    found = []
    for clip, (y, x) in ((c, video.crops[k]) for c, k in [*places[middle:], *places[:middle]]):
        clip_THWC = video.frames[video.clips[clip]]
        found.append(clip_THWC[None, :, y : y + height, x : x + width])
        if len(found) == most:
            break
    return found

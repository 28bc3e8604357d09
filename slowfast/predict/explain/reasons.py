"""Why a network answers as it does: what each pathway adds to the logits, and where it looks.

Legend: n views of a video, S pathways, slow before fast, C channels, T frames, H x W pixels,
h x w places of a feature map, K classes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import paddle
import paddle.nn.functional as F
from numpy.typing import NDArray
from paddle import Tensor

from slowfast.config import Config, DataConfig
from slowfast.data.clips.view_videos import VideoViews
from slowfast.metrics.accuracy import average_views
from slowfast.models.freeze import LAYERS, freeze
from slowfast.models.layers.layout import channel_axis
from slowfast.models.pathways import normalize
from slowfast.models.slowfast import VideoClassifier
from slowfast.predict.answer import Predicted, answer_of
from slowfast.predict.runtime.built import Row

LEAST_SIDE = 7
"""Places that a feature map needs along each side to show where something is; res5 has as many of
a picture of 224 pixels."""

Floats = NDArray[np.float32]


class Reasons(NamedTuple):
    """What a clip's logits come from."""

    parts: Floats
    """What is added to the logits ``[S + 1, K]``: by each pathway's features, and by the bias."""
    heat: list[Floats]
    """What speaks for a class, and where: ``[T, h, w]`` of each pathway, at its own frames."""
    stage: int
    """The heat is of the output of this one: 2 is res2."""

    def leads(self, label: int, other: int | None) -> Floats:
        """What is added to a class's lead over another one ``[S + 1]``.

        The lead is what decides between the two. A logit alone says nothing: softmax stays the same
        where the same is added to all. With several labels a video there is no other class (None),
        and it is the logit that decides: a sigmoid is of nothing else.
        """
        return self.parts[:, label] - (0 if other is None else self.parts[:, other])

    def shares(self, label: int, other: int | None) -> Floats:
        """The pathways' shares in that decision ``[S]``: the size of each one's part of the lead,
        whichever way it counts, in the sum of these sizes."""
        sizes = np.abs(self.leads(label, other)[:-1])
        return sizes / max(sizes.sum(), np.finfo(np.float32).tiny)


class Why(NamedTuple):
    """An answer with its reasons."""

    classes: list[int]
    """The best ones, best first, at least two if there are as many."""
    probabilities: list[float]
    """Theirs."""
    predicted: Predicted | None
    """See ``Answer``."""
    num_views: int
    """From which they come."""
    place: tuple[int, int]
    """The view that is explained: which clip, and which crop of it."""
    clip: NDArray[np.uint8]
    """What the network sees there, ``[T, H, W, 3]``."""
    reasons: Reasons


def why_of(
    model: VideoClassifier, video: VideoViews, views: Sequence[int], row_nK: Row, cfg: Config,
    top: int,
) -> Why:  # fmt: skip
    """The answer that a row comes to, and its reasons in the clearest view, which gives the answer
    the highest probability.

    Args:
        views: those of the row, see ``VideoViews``.
        top: number of best classes, at least 2.
    """
    classes, probabilities, _, predicted = answer_of(row_nK, cfg, top)
    kind, task = cfg.test.average_clips, cfg.train.task
    certain = [average_views(scores_K[None], kind, task)[classes[0]] for scores_K in row_nK]
    clip, crop = place = divmod(views[int(np.argmax(certain))], len(video.crops))
    (height, width), (y, x) = video.size, video.crops[crop]
    clip_THWC = video.frames[video.clips[clip]][:, y : y + height, x : x + width]
    reasons = reasons_of(model, clip_THWC, classes[0], cfg.data)
    return Why(classes, probabilities, predicted, len(row_nK), place, clip_THWC, reasons)


def reasons_of(
    model: VideoClassifier, clip_THWC: NDArray[np.uint8], label: int, data: DataConfig
) -> Reasons:
    """The parts of a clip's logits, and the heat of a class.

    The parts add up to the logits: the classifier is linear, and so is the mean over positions.

    The heat is ``relu(sum_c dy/dA_c * A_c)``, of the class's logit y and the feature map A. At res5
    this is Grad-CAM (Selvaraju et al. 2017), where the classifier has one position: then the
    gradients are the same all over the map. Elsewhere Grad-CAM would take their mean over the map;
    here each place has its own (HiResCAM, Draelos and Carin 2020), so that before the relu the heat
    of res5 always adds up to the pathway's part.

    Args:
        model: in evaluation mode; from now on its stages are frozen.
    """
    freeze(model, LAYERS)
    stage = stage_to_show(*clip_THWC.shape[1:3])
    maps: list[Tensor] = []
    axis = 1

    def keep(layer: object, inputs: object, outputs: list[Tensor]) -> list[Tensor]:
        """Gradients go back to here, and no further."""
        nonlocal axis
        axis = channel_axis()
        maps[:] = [x.detach() for x in outputs]
        for x in maps:
            x.stop_gradient = False
        return maps

    hook = getattr(model, f"s{stage}").register_forward_post_hook(keep)
    try:
        clip_NTHWC = paddle.to_tensor(clip_THWC).unsqueeze(0)
        last = model.features(normalize(clip_NTHWC, data.mean, data.std))
    finally:
        hook.remove()
    parts = [part.mean(axis=[0, 1]) for part in model.head.split(last)]
    slopes = paddle.grad([part[label] for part in parts], maps)
    heat = [F.relu((a * slope).sum(axis=axis)) for a, slope in zip(maps, slopes, strict=True)]
    parts.append(model.head.projection.bias)
    return Reasons(np.stack([x.numpy() for x in parts]), [x[0].numpy() for x in heat], stage)


def stage_to_show(height: int, width: int) -> int:
    """The last stage with ``LEAST_SIDE`` places along each side of a picture; res2 if none has."""
    shorter = min(height, width)
    return next((n for n in (5, 4, 3) if -(-shorter // 2**n) >= LEAST_SIDE), 2)

"""Entry points of paddle.hub: ``paddle.hub.load(REPO, "slowfast_r50", source="local")``.

REPO is this folder. The entry points are the functions here without a leading underscore.
paddle.hub checks ``dependencies`` before it calls one, so importing this file must need none of
them but Paddle.
"""

import pathlib
import typing

# Here, as paddle.hub takes this folder off sys.path again before it calls an entry point.
import slowfast

if not any((pathlib.Path(folder) / "zoo" / "hub.py").is_file() for folder in slowfast.__path__):
    raise RuntimeError(
        f"another package of the name slowfast is in use, {list(slowfast.__path__)[0]}: load this "
        "one in a process that does not import that one"
    )

from slowfast.models import published, published_files

dependencies = ["numpy", "paddle", "pooch", "requests", "safetensors", "yaml"]

_SYSTEMS = {
    "paddlevideo": "PaddleVideo",
    "pytorchvideo": "PyTorchVideo",
    "pyslowfast": "PySlowFast",
    "mmaction2": "mmaction2",
}
_DATA = {
    "kinetics400": "Kinetics-400",
    "sthv1": "Something-Something V1",
    "charades": "Charades",
    "ava": "AVA by its system's rule",
}

_HELP = """{about}

    Its official weights are {system}'s, {data}, {metric} {score:.2f}.

    The network takes clips [N, 3, T, H, W], float32: T frames, 1 of {stride} of a video at {fps}
    per second, RGB in [0, 1], less a mean, divided by a deviation. {use}
    It comes in training mode: net.eval() for predictions.

    The mean is 0.45 and the deviation 0.225 for each colour; for weights of mmaction2 they are
    [0.485, 0.456, 0.406] and [0.229, 0.224, 0.225]. Loading published weights prints them. The
    other settings of the weights (slow frames, pooling, lateral batch norm) are set with them.

    Args:
        pretrained: False: fresh weights; True: the official ones, downloaded once to
            $SLOWFAST_HOME, else $XDG_CACHE_HOME/slowfast, else ~/.cache/slowfast; or the name of
            published ones (docs/zoo.md), a URL, or the path of a file of PaddleVideo, PySlowFast,
            PyTorchVideo, mmaction2 or this project (.pdparams, .pth, .pyth, .pkl, .safetensors).
            No code in a file is run. If the file's config lies beside it, NAME.yaml for
            NAME.pdparams, that describes the network.
        num_classes: by default as many as the weights have. With another number the classifier
            stays fresh, which is printed. {classes} with fresh weights.
        given: further arguments of slowfast.models.SlowFast, such as dropout=0.8.

    Raises:
        slowfast.weights.damage.WeightsError: the weights cannot be read or downloaded, or are not
            of this network; one line says why.
    """


_OF_CLIPS = """Crops of 256 x 256 pixels from a
    short side of 256 give the published accuracy. net(clips) gives logits [N, classes],
    net.predict(clips) probabilities."""
_OF_BOXES = """Whole pictures of a
    short side of 256 give the published accuracy. net.predict(clips, boxes) gives, for each clip,
    the probabilities [K, classes] of its boxes [K, 4]: x1, y1, x2, y2 in pixels of the clip."""


def _entry(name: str, variant: published_files.Variant) -> typing.Callable[..., typing.Any]:
    """The entry point of a published network."""

    def load(
        pretrained: bool | str = False, num_classes: int | None = None, **given: typing.Any
    ) -> typing.Any:
        from slowfast.zoo.hub import network  # here: paddle.hub has checked the dependencies by now

        return network(name, pretrained, num_classes, **given)

    load.__name__ = load.__qualname__ = name
    metric, score = next(iter(variant.weights[0].scores.items()))
    load.__doc__ = _HELP.format(
        about=variant.about,
        system=_SYSTEMS[variant.weights[0].name.partition("/")[0]],
        data=_DATA[variant.labels],
        metric=metric,
        score=score,
        stride=variant.sampling_stride,
        use=_OF_BOXES if variant.arguments.get("task") == "detection" else _OF_CLIPS,
        fps=variant.settings.get("data.target_fps", 30),
        classes=variant.num_classes,
    )
    return load


globals().update({name: _entry(name, variant) for name, variant in published.VARIANTS.items()})

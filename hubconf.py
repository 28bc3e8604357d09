"""Entry points of paddle.hub: ``paddle.hub.load(REPO, "slowfast_r50", source="local")``.

REPO is this folder. What is public here without a leading underscore and can be called, paddle.hub
lists; it looks for ``dependencies`` before it calls one.
"""

import pathlib
import typing

# Here, as paddle.hub takes this folder off sys.path again before it calls an entry point. What is
# in the package is imported there: what is missing is then named by the check of dependencies.
import slowfast

dependencies = ["numpy", "paddle", "safetensors", "yaml"]


def _network(constructor: str, *args: typing.Any, **given: typing.Any) -> typing.Any:
    """See ``slowfast.zoo.hub.network``."""
    if not any((pathlib.Path(folder) / "zoo" / "hub.py").is_file() for folder in slowfast.__path__):
        raise RuntimeError(
            f"another package of the name slowfast is in use, {list(slowfast.__path__)[0]}: load "
            "this one in a process that does not import that one"
        )
    from slowfast.zoo.hub import network

    return network(constructor, *args, **given)


def slowfast_r50_4x16(
    pretrained: bool | str = False, num_classes: int | None = None, **given: typing.Any
) -> typing.Any:
    """SlowFast 4x16, R50: clips of 32 frames, of which the slow pathway sees 4. 34.5 M parameters.

    Its official weights are PaddleVideo's, Kinetics-400, top-1 74.35."""
    return _network("slowfast_r50_4x16", pretrained, num_classes, **given)


def slowfast_r50(
    pretrained: bool | str = False, num_classes: int | None = None, **given: typing.Any
) -> typing.Any:
    """SlowFast 8x8, R50: clips of 32 frames, of which the slow pathway sees 8. 34.6 M parameters.

    Its official weights are PyTorchVideo's, Kinetics-400, top-1 76.94."""
    return _network("slowfast_r50", pretrained, num_classes, **given)


def slowfast_r101(
    pretrained: bool | str = False, num_classes: int | None = None, **given: typing.Any
) -> typing.Any:
    """SlowFast 8x8, R101: clips of 32 frames, of which the slow pathway sees 8. 62.8 M parameters.

    Its official weights are PyTorchVideo's, Kinetics-400, top-1 77.90."""
    return _network("slowfast_r101", pretrained, num_classes, **given)


def slowfast_16x8_r101_50_50(
    pretrained: bool | str = False, num_classes: int | None = None, **given: typing.Any
) -> typing.Any:
    """SlowFast 16x8, R101 with temporal kernels in 6 of res4's 23 blocks: clips of 64 frames, of
    which the slow pathway sees 16. 53.8 M parameters.

    Its official weights are PyTorchVideo's, Kinetics-400, top-1 78.70."""
    return _network("slowfast_16x8_r101_50_50", pretrained, num_classes, **given)


def slowfast_r101_r50_4x16(
    pretrained: bool | str = False, num_classes: int | None = None, **given: typing.Any
) -> typing.Any:
    """SlowFast 4x16, a slow R101 and a fast R50: clips of 32 frames, of which the slow pathway sees
    4. 62.4 M parameters.

    Its official weights are mmaction2's, Kinetics-400, top-1 76.69."""
    return _network("slowfast_r101_r50_4x16", pretrained, num_classes, **given)


def slowfast_r152_r50_4x16(
    pretrained: bool | str = False, num_classes: int | None = None, **given: typing.Any
) -> typing.Any:
    """SlowFast 4x16, a slow R152 and a fast R50: clips of 32 frames, of which the slow pathway sees
    4. 84.8 M parameters.

    Its official weights are mmaction2's, Kinetics-400, top-1 77.13."""
    return _network("slowfast_r152_r50_4x16", pretrained, num_classes, **given)


def slowfast_r50_16x8_sthv1(
    pretrained: bool | str = False, num_classes: int | None = None, **given: typing.Any
) -> typing.Any:
    """SlowFast 16x8, R50: clips of 64 frames, of which the slow pathway sees 16. 34.0 M parameters
    with the 174 classes that it has unless told otherwise.

    Its official weights are mmaction2's, Something-Something V1, top-1 49.67."""
    return _network("slowfast_r50_16x8_sthv1", pretrained, num_classes, **given)


_COMMON = """

    The network takes clips [N, 3, T, H, W], float32: T frames, every second one of a video at 30
    per second, RGB in [0, 1], less a mean, divided by a deviation; crops of 256 x 256 pixels from a
    short side of 256 score as published. net(clips) gives logits [N, classes], net.predict(clips)
    probabilities. It comes in training mode: net.eval() for predictions.

    The mean is 0.45 and the deviation 0.225 for each colour; for weights of mmaction2 they are
    [0.485, 0.456, 0.406] and [0.229, 0.224, 0.225]. Loading published weights prints them. Whatever
    else is particular to them (slow frames, pooling, lateral batch norm) is set along with them.

    Args:
        pretrained: False: fresh weights; True: the official ones, downloaded once to
            $SLOWFAST_HOME, else $XDG_CACHE_HOME/slowfast, else ~/.cache/slowfast; or the name of
            published ones (docs/zoo.md), a URL, or the path of a file of PaddleVideo, PySlowFast,
            PyTorchVideo, mmaction2 or this project (.pdparams, .pth, .pyth, .pkl, .safetensors).
            Nothing in a file is run. If the file's config lies beside it, NAME.yaml for
            NAME.pdparams, that describes the network.
        num_classes: as many as the weights have; with another number the classifier stays fresh,
            which is printed. 400, or 174 for Something-Something, with fresh weights.
        given: further arguments of slowfast.models.SlowFast, such as dropout=0.8.

    Raises:
        slowfast.weights.damage.WeightsError: the weights cannot be had, or are not of this network;
            one line says why.
    """

for _entry in (
    slowfast_r50_4x16,
    slowfast_r50,
    slowfast_r101,
    slowfast_16x8_r101_50_50,
    slowfast_r101_r50_4x16,
    slowfast_r152_r50_4x16,
    slowfast_r50_16x8_sthv1,
):
    _entry.__doc__ = f"{_entry.__doc__}{_COMMON}"

"""Networks with weights, by name: what the entry points of hubconf.py do."""

import json
from pathlib import Path
from typing import Any

from slowfast.config import Config, ConfigError, DataConfig, load_config
from slowfast.log import say
from slowfast.models.head import PROBABILITIES
from slowfast.models.published import VARIANTS
from slowfast.models.roi_pooling import pooling_of
from slowfast.models.slowfast import VideoClassifier
from slowfast.models.variants import CONSTRUCTORS, build_model
from slowfast.weights import save
from slowfast.weights.damage import WeightsError
from slowfast.weights.load import Checkpoint, load_pretrained, read_checkpoint
from slowfast.zoo.architecture import Settings
from slowfast.zoo.catalogue import fetch, find
from slowfast.zoo.origin import home_config, published_like

SAME_NAMES = ("num_classes", "slow_frames", "average_positions", "stem_kernel")
"""Arguments of the constructors with the same names as the config's settings."""

LATERAL = ("fusion_kernel", "lateral_norm")
"""Further ones of two pathways."""

IN_WORDS = {"slowfast": "both pathways", "slow_only": "the slow pathway alone",
            "fast_only": "the fast pathway alone"}  # fmt: skip
"""By ``model.name``."""


def network(
    constructor: str, pretrained: bool | str | Path = False, num_classes: int | None = None,
    **given: Any,
) -> VideoClassifier:  # fmt: skip
    """A network in training mode, with fresh weights or a file's; prints which.

    Args:
        constructor: a function of ``slowfast.models``.
        pretrained: False: fresh weights; True: its official ones; else a name in ``CATALOGUE``, a
            URL or a path. If the config of a file lies beside it, that describes the network, and
            not the constructor.
        num_classes: the classifier stays fresh if the file's is of another number; None: as many
            as the file has, or the constructor's own.
        given: further arguments, over the file's and the constructor's own.

    Raises:
        WeightsError: there are no such weights, or they are not of this network (another alpha,
            depth or width; or of boxes, if ``given`` has no task).
        ConfigError: the config in or beside them, or an argument over it, does not fit.
    """
    if num_classes is not None:
        if type(num_classes) is not int or num_classes < 1:
            raise ConfigError(f"num_classes={num_classes!r} is not a whole number from 1 on")
        given["num_classes"] = num_classes
    if (task := given.get("task", "single")) not in PROBABILITIES:
        raise ConfigError(f"task={task!r} is neither {' nor '.join(PROBABILITIES)}")
    build = CONSTRUCTORS[constructor]
    if not pretrained:
        return build(**given)
    names = [weights.name for weights in VARIANTS[constructor].weights]
    source = names[0] if pretrained is True else pretrained
    published = find(source)
    if published is not None and published.constructor != constructor:
        raise WeightsError(
            f"{published.weights.url} is of {published.constructor}; published for {constructor}: "
            f"{', '.join(names)}"
        )
    path = fetch(source)
    checkpoint = read_checkpoint(path)
    if published is None and (config := save.own_config(path)) is not None:
        sections = {name: "train" if name == "task" else "model" for name in given}
        overrides = [f"{sections[key]}.{key}={json.dumps(value)}" for key, value in given.items()]
        cfg = load_config(config, overrides)
        _check_task(path, cfg, constructor, given)
        net = build_model(cfg.model, cfg.data.crop_size, cfg.train.task)
        lines = [f"the network is the one of {config}", clip_line(cfg.data)]
    else:
        default = VARIANTS[constructor].config if published is None else published.settings
        default = default | ({"train.task": given["task"]} if "task" in given else {})
        arguments, lines = _recognised(checkpoint, constructor, default, given)
        net = build(**arguments | given)
        _check_width(net, checkpoint, constructor)
    say(load_pretrained(net, checkpoint), *lines)
    return net


def _check_task(path: Path, cfg: Config, constructor: str, given: Settings) -> None:
    """Raises a WeightsError if one of weights and constructor is of boxes, and the other of clips,
    and no task is given."""
    of_boxes = VARIANTS[constructor].arguments.get("task") == "detection"
    detects = cfg.train.task == "detection"
    if detects == of_boxes or "task" in given:
        return
    if detects:
        fault = f"are a detector's, which classifies boxes, and {constructor} classifies clips: "
        hint = "load them with a constructor whose name ends with _detection"
    else:
        fault = f"classify clips, and {constructor} boxes: load them with another constructor, "
        hint = "or say task='detection' to train a detector from them"
    raise WeightsError(f"weights {path} {fault}{hint}")


def _check_width(net: VideoClassifier, checkpoint: Checkpoint, constructor: str) -> None:
    """Raises a WeightsError if the first tensor that both have is of another number of channels."""
    for name, own in net.state_dict().items():
        if name in checkpoint.found.tensors:
            found = checkpoint.found.tensors[name].shape[:1]
            if found != tuple(own.shape[:1]):
                raise WeightsError(
                    f"weights {checkpoint.path} have {found[0]} channels in the first layer, "
                    f"{constructor} {own.shape[0]}: {_CONVERT}"
                )
            return


_CONVERT = (
    "python -m slowfast.tools.convert_weights makes a file with a config that describes its network"
)


def clip_line(data: DataConfig) -> str:
    """A line about the clips that weights were trained on."""
    return (
        f"its clips: {data.num_frames} frames, 1 of {data.sampling_stride} at {data.target_fps:g} "
        f"per second, RGB / 255, less {[*data.mean]}, divided by {[*data.std]}"
    )


def _recognised(
    checkpoint: Checkpoint, constructor: str, default: Settings, given: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The constructor's arguments for a file of any system, and lines to print.

    A file that does not tell its alpha gets the constructor's. If all published networks with such
    tensors have another alpha, ``given`` must have the lateral kernel, too.
    """
    path, alpha = checkpoint.path, VARIANTS[constructor].alpha
    home, cfg = home_config(checkpoint, {}, default=default)
    kind = "slowfast" if len(VARIANTS[constructor].depths) == 2 else "slow_only"
    if cfg.model.name != kind:
        raise WeightsError(
            f"weights {path} have {IN_WORDS[cfg.model.name]}, {constructor} {IN_WORDS[kind]}: load "
            "them with another constructor"
        )
    if cfg.model.alpha != alpha:
        raise WeightsError(
            f"weights {path} have alpha {cfg.model.alpha}, {constructor} {alpha}: load them with "
            "another constructor"
        )
    ours = VARIANTS[constructor].depths
    depths = (cfg.model.slow_depth, cfg.model.fast_depth)[: len(ours)]
    if depths != ours:
        raise WeightsError(f"weights {path} have depth {depths}, {constructor} {ours}: {_CONVERT}")
    if default["train.task"] != "detection":  # a detector is trained from weights of clips
        _check_task(path, cfg, constructor, given)
    like = dict(published_like(home.settings)) if "model.alpha" not in home.embedded else {}
    alphas = [config["model.alpha"] for config in like.values()]
    if like and "fusion_kernel" not in given and alpha not in alphas:
        raise WeightsError(
            f"weights {path} are like those of {', '.join(like)}, whose alpha is {alphas[0]}, and "
            f"{constructor} has {alpha}: load them with another constructor, or say "
            f"fusion_kernel={cfg.model.fusion_kernel}"
        )
    names = SAME_NAMES + (LATERAL if kind == "slowfast" else ())
    arguments = {name: getattr(cfg.model, name) for name in names} | {"task": cfg.train.task}
    if default["train.task"] == "detection":
        arguments |= _of_boxes(cfg, constructor, checkpoint)
    arguments["temporal_blocks"] = cfg.model.temporal_blocks or None
    if cfg.model.head_pooling == "global":
        arguments["pool_size"] = None
    own, found = VARIANTS[constructor].num_classes, cfg.model.num_classes
    classes = [f"its classes: {found}; those of {constructor} are {own}"] if found != own else []
    return arguments, [clip_line(cfg.data), *classes, *home.notes]


def _of_boxes(cfg: Config, constructor: str, checkpoint: Checkpoint) -> dict[str, Any]:
    """A detector's arguments over those of all networks.

    A file that classifies clips, or tells no system, gives its tensors alone.
    """
    if cfg.train.task != "detection":  # its classifier stays fresh
        return {"task": "detection", "num_classes": VARIANTS[constructor].num_classes}
    arguments: dict[str, Any] = {
        "nonlocal_blocks": cfg.model.nonlocal_blocks, "labels_per_box": cfg.model.labels_per_box
    }  # fmt: skip
    if checkpoint.found.system:
        arguments |= {"dilations": cfg.model.dilations, "pooling": pooling_of(cfg.model)}
    return arguments

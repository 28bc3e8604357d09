"""How the system that trained a checkpoint tests it: the settings for its published accuracy.

Later ones win: the architecture (from the tensors), the system's habits, the config in the file,
the user's settings.
"""

from typing import NamedTuple

from slowfast.config import Config, ConfigError, config_of
from slowfast.models.published import VARIANTS
from slowfast.weights.damage import WeightsError, one_line
from slowfast.weights.load import Checkpoint
from slowfast.zoo.architecture import Settings, model_settings
from slowfast.zoo.file_config import embedded_settings
from slowfast.zoo.source_settings import OF_BOXES, OF_CLIPS

TRAINED_BY_PYSLOWFAST = "model."
"""What the names of PyTorchVideo's tensors have in front if PySlowFast has trained them. It tests
on PyTorchVideo's clips (its data set ptvkinetics), and averages probabilities over positions
(PTVSlowFast in slowfast/models/ptv_model_builder.py)."""

BY_LIGHTNING = "pytorch-lightning_version"
"""A key of Lightning's checkpoints. PyTorchVideo is trained with Lightning, without PySlowFast;
there ``model.`` is the user's own name for the network."""

ASKED = {
    "slowfast": ("model.alpha", "data.num_frames"),
    "slow_only": ("data.num_frames", "data.sampling_stride"),
    "fast_only": ("data.num_frames",),
}
"""By ``model.name``: settings that only the user can know, each with a flag of its name."""


class Kind(NamedTuple):
    """What the tensors of networks that have other settings have in common."""

    slow_depth: int | None
    fast_depth: int | None
    fusion_kernel: int | None
    temporal_blocks: tuple[int, ...] | None
    nonlocal_blocks: tuple[int, ...] = ()
    detects: bool = False


OTHERS = [
    (Kind(101, 101, 5, (3, 4, 6, 3)), ("8x8", {"model.alpha": 4, "data.num_frames": 32})),
]
"""Further networks for ``published_like``, with its result.
PySlowFast's training on AVA starts from this one."""


class Home(NamedTuple):
    """The settings that reproduce a checkpoint's accuracy, and where they come from."""

    settings: Settings
    embedded: Settings
    """Those that are from the config in the file."""
    notes: list[str]
    """What the user should know, a sentence each."""


def home_settings(checkpoint: Checkpoint, given: Settings, default: Settings | None = None) -> Home:
    """The settings that a checkpoint needs, by the config's keys.

    Args:
        given: the user's, which win.
        default: those to use where the config in the file has none.

    Raises:
        WeightsError: this project has no such network; or alpha or the number of frames is
            neither in the file nor given. The message does not name the file.
    """
    told = model_settings(checkpoint.found.tensors)
    embedded, notes = embedded_settings(checkpoint.content)
    asked = {key: value for key, value in (default or {}).items() if key not in embedded} | given
    usual = "single" if embedded else None  # a config says so if it is another
    task = asked.get("train.task", embedded.get("train.task", usual))
    detects, guess = _detects(checkpoint, told, given.get("train.task"), task)
    habits = _of_boxes(checkpoint, told) if detects else _of_clips(checkpoint)
    single = told.get("model.name", "slowfast") != "slowfast"
    one_pathway: Settings = {"model.alpha": 1} if single else {}
    builder = _of_builder(checkpoint, embedded) if detects else {}
    settings = told | habits | embedded | one_pathway | builder | asked
    if detects or task == "detection":
        settings["train.task"] = "detection" if detects else "single"
    _ask(settings)
    says = [
        f"{key}={value}, where its own config has {embedded[key]}"
        for key, value in given.items()
        if embedded.get(key, value) != value
    ]
    return Home(settings, embedded, [*says, *notes, *guess, *checkpoint.found.notes])


def _of_clips(checkpoint: Checkpoint) -> Settings:
    """The habits of a system that classifies clips."""
    found, content = checkpoint.found, checkpoint.content
    settings = dict(OF_CLIPS.get(found.system, {}))
    by_pyslowfast = found.prefix == TRAINED_BY_PYSLOWFAST
    if by_pyslowfast and not (isinstance(content, dict) and BY_LIGHTNING in content):
        settings.pop("model.average_positions", None)
    return settings


def _of_boxes(checkpoint: Checkpoint, told: Settings) -> Settings:
    """The habits of a system that detects; AVA's names if there are as many classes."""
    labels = {"data.labels": "ava"} if told["model.num_classes"] == AVA_CLASSES else {}
    return OF_BOXES.get(checkpoint.found.system, {}) | labels


def _of_builder(checkpoint: Checkpoint, embedded: Settings) -> Settings:
    """How PySlowFast builds PyTorchVideo's detector, whatever its config says: RoIAlign is
    detectron2's, and the fast pathway has the dilation of an earlier stage (ptv_model_builder.py).

    PySlowFast keeps its config in the file, PyTorchVideo's hub has none.
    """
    content = checkpoint.content
    has_config = isinstance(content, dict) and "cfg" in content
    if checkpoint.found.system != "PyTorchVideo" or not has_config:
        return {}
    slow, *_ = embedded.get("model.dilations", [2])
    return {"model.dilations": [slow, 1], "model.roi_aligned": True}


def _detects(
    checkpoint: Checkpoint, told: Settings, given: str | None, task: str | None
) -> tuple[bool, list[str]]:
    """Whether a checkpoint is a detector's, and a note if that is a guess.

    Its names tell it first; then the user or the config in the file; then its classes.

    Args:
        told: what the tensors tell.
        given: the task that the user asks for.
        task: this, or that of the config in the file.

    Raises:
        WeightsError: the user asks for what it is not.
    """
    found = checkpoint.found
    classes, blocks = told["model.num_classes"], told.get("model.nonlocal_blocks")
    by_name = True if told.get("model.roi_context") else found.has_boxes
    if by_name is None and classes in KINETICS:
        by_name = False
    if by_name is not None:
        _require_task(by_name, given)
        return by_name, []
    if task is not None:
        return task == "detection", []
    if not found.system.startswith("PySlowFast") or not (classes == AVA_CLASSES or blocks):
        return False, []
    return True, [
        f"{classes} classes{' and non-local blocks' if blocks else ''}, and no config in the file: "
        "taken for a detector on AVA; if it classifies clips, say --task single"
    ]


def _require_task(detects: bool, given: str | None) -> None:
    """Raises a WeightsError if the user asks for what weights are not."""
    if given is None or detects == (given == "detection"):
        return
    if detects:
        raise WeightsError(f"it is a detector's, which classifies boxes: --task {given} cannot be")
    raise WeightsError(
        "it classifies clips, and no boxes: train a detector from it (model.pretrained), or "
        "convert it without --task detection"
    )


AVA_CLASSES = 80
KINETICS = (400, 600, 700)
"""Classes of files that classify clips, such as those that PySlowFast's detectors start from."""


def home_config(
    checkpoint: Checkpoint, given: Settings, default: Settings | None = None
) -> tuple[Home, Config]:
    """``home_settings``, and the config that they make.

    Raises:
        WeightsError, ConfigError: as there, or they do not fit together; the message names the
            file.
    """
    try:
        home = home_settings(checkpoint, given, default)
        return home, config_of(home.settings)
    except (WeightsError, ConfigError) as error:
        raise type(error)(f"weights {checkpoint.path}: {one_line(error)}") from error


def _ask(settings: Settings) -> None:
    """Raises a WeightsError if a setting that only the user can know is missing."""
    asked = ASKED[settings.get("model.name", "slowfast")]
    missing = [_flag(key) for key in asked if key not in settings]
    if not missing:
        return
    like: dict[str, list[str]] = {}
    for name, config in published_like(settings):
        flags = " ".join(f"{_flag(key)} {config[key]}" for key in asked)
        like.setdefault(flags, []).append(name)
    known = "; ".join(f"{flags} ({', '.join(names)})" for flags, names in like.items())
    hint = f"published ones like it: {known}" if known else "none like it is known"
    if not known and settings.get("train.task") == "detection":
        usual = {
            " ".join(f"{_flag(key)} {variant.config[key]}" for key in asked)
            for variant in VARIANTS.values()
            if variant.arguments.get("task") == "detection"
            and (len(variant.depths) == 1) == (settings.get("model.name") == "slow_only")
        }
        hint += f"; published detectors have {', or '.join(sorted(usual))}"
    raise WeightsError(f"it does not tell its {' and '.join(missing)}: name them; {hint}")


def _flag(key: str) -> str:
    return f"--{key.partition('.')[2]}"


def published_like(settings: Settings) -> list[tuple[str, Settings]]:
    """Each published network with such tensors: its constructor, and what no tensor tells."""
    keys = [f"model.{field}" for field in Kind._fields[:4]]
    blocks = settings.get("model.nonlocal_blocks", ())
    detects = settings.get("train.task") == "detection"
    kind = Kind._make([*map(settings.get, keys), blocks, detects])
    if settings.get("model.name") == "fast_only":
        return []
    found = [row for other, row in OTHERS if other == kind]
    for name, network in VARIANTS.items():
        for given in ({}, *(weights.arguments for weights in network.weights)):
            own = network.arguments | given
            theirs = Kind(
                network.depths[0], network.depths[-1], own.get("fusion_kernel"),
                own.get("temporal_blocks", ()), own.get("nonlocal_blocks", ()),
                own.get("task") == "detection",
            )  # fmt: skip
            if theirs == kind and (row := (name, network.config)) not in found:
                found.append(row)
    return found

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

HABITS: dict[str, Settings] = {
    "mmaction2": {
        "model.slow_frames": "strided",
        "model.head_pooling": "global",
        "data.mean": [0.485, 0.456, 0.406],
        "data.std": [0.229, 0.224, 0.225],
        "test.protocol": "mmaction2",
    },
    "PyTorchVideo": {"model.average_positions": "score", "test.protocol": "pytorchvideo"},
}
"""By system. PySlowFast and PaddleVideo have the defaults. The mean and the deviation of mmaction2
are ImageNet's. All systems train on RGB."""

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

OTHERS = [
    ((101, 101, 5, (3, 4, 6, 3)), ("8x8", {"model.alpha": 4, "data.num_frames": 32})),
]
"""Further networks for ``published_like``: depths, lateral kernel and temporal blocks; its result.
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
    found = checkpoint.found
    settings = model_settings(found.tensors) | dict(HABITS.get(found.system, {}))
    by_pyslowfast = found.prefix == TRAINED_BY_PYSLOWFAST
    content = checkpoint.content
    if by_pyslowfast and not (isinstance(content, dict) and BY_LIGHTNING in content):
        settings.pop("model.average_positions", None)
    embedded, notes = embedded_settings(checkpoint.content)
    single = settings.get("model.name", "slowfast") != "slowfast"
    settings |= embedded | ({"model.alpha": 1} if single else {})
    settings |= {key: value for key, value in (default or {}).items() if key not in embedded}
    settings |= given
    _ask(settings)
    says = [
        f"{key}={value}, where its own config has {embedded[key]}"
        for key, value in given.items()
        if embedded.get(key, value) != value
    ]
    return Home(settings, embedded, [*says, *notes])


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
    raise WeightsError(f"it does not tell its {' and '.join(missing)}: name them; {hint}")


def _flag(key: str) -> str:
    return f"--{key.partition('.')[2]}"


def published_like(settings: Settings) -> list[tuple[str, Settings]]:
    """Each published network with such tensors: its constructor, and what no tensor tells."""
    keys = ("model.slow_depth", "model.fast_depth", "model.fusion_kernel", "model.temporal_blocks")
    kind = tuple(settings.get(key) for key in keys)
    if settings.get("model.name") == "fast_only":
        return []
    found = [row for other, row in OTHERS if other == kind]
    for name, network in VARIANTS.items():
        for given in ({}, *(weights.arguments for weights in network.weights)):
            own = network.arguments | given
            slow, fast = network.depths[0], network.depths[-1]
            lateral, blocks = own.get("fusion_kernel"), own.get("temporal_blocks", ())
            row = (name, network.config)
            if kind == (slow, fast, lateral, blocks) and row not in found:
                found.append(row)
    return found

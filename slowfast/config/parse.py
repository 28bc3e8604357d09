"""A config from YAML and the command line, and back to YAML.

Precedence: the schema's defaults < what the weights that training starts from were trained with <
a YAML file < ``-o section.key=value``. There, the value of a setting that is text is taken as it
stands, but for quotes around all of it; any other is YAML. Unknown keys and values of the wrong
type are refused with the place and what is allowed. The resolved config is written next to every
checkpoint and read back from there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import math
import os
import re
import reprlib
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml

from slowfast.config import ranges
from slowfast.config.check import validate
from slowfast.config.schema import Config, ConfigError


class _Loader(yaml.SafeLoader):
    """Plain YAML, in which a number is what looks like one, and all else is text.

    ``output_dir=2026-05-01`` names a folder, and so do ``2026_05_01``, ``007`` and ``12:30``, which
    YAML 1.1 takes for a date, for 20,260,501, for 7 and for 750.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers
                if not tag.endswith((":timestamp", ":int", ":float"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }  # fmt: skip


_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,19})$")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]*$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))

Section = typing.TypeVar("Section")

_NO_YAML = (yaml.YAMLError, ValueError, RecursionError)
"""What its parser raises: also of ``!!int x``, and of 1,000 brackets."""


_QUOTED = re.compile(r"""\s*('([^']|'')*'|"([^"\\]|\\.)*")\s*""")
_OWN_HEAD = ("num_classes", "dropout", "labels_per_box", "pretrained")
_CLIPS = (
    "num_frames", "sampling_stride", "target_fps", "min_short_side", "max_short_side", "crop_size",
    "mean", "std",
)  # fmt: skip


def load_config(
    path: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    find_config: Callable[[Config], Path | None] | None = None,
) -> Config:
    """Reads a YAML file over the defaults, and ``section.key=value`` overrides over that.

    Args:
        find_config: from a config with ``model.pretrained``, finds that of those weights, or None.
            By default the network but for its head, the size of the clips and the test are then as
            that one says.

    Raises:
        ConfigError: a file is missing or not YAML, a key is unknown, a value does not fit.
    """
    cfg = _over(Config(), path, overrides)
    own = find_config(cfg) if find_config and cfg.model.pretrained else None
    if own is None:
        validate(cfg)
        return cfg
    cfg = _over(_of_weights(own), path, overrides)
    try:
        validate(cfg)
    except ConfigError as error:
        where = f"network, clips and test of {own}, but for -c and -o"
        raise ConfigError(f"{error} ({where})") from error
    return cfg


def _of_weights(path: Path) -> Config:
    """The defaults, but for what ``path`` says of the network, its clips' size and the test."""
    plain, own = Config(), _over(Config(), path)
    head = {key: getattr(plain.model, key) for key in _OWN_HEAD}
    clips = {key: getattr(own.data, key) for key in _CLIPS}
    return dataclasses.replace(
        plain,
        model=dataclasses.replace(own.model, **head),
        data=dataclasses.replace(plain.data, **clips),
        test=own.test,
    )


def _over(cfg: Config, path: str | Path | None, overrides: Sequence[str] = ()) -> Config:
    """``cfg`` with a file's settings over it, and ``overrides`` over those; not validated."""
    if path is not None:
        cfg = _replaced(cfg, _read_yaml(Path(path)), where=f"{path}: ")
    for item in overrides:
        key, equals, text = item.partition("=")
        if not equals or not key:
            raise ConfigError(f"override '{item}' is not of the form section.key=value")
        try:
            is_text = ranges.plain(_settings().get(key)) is str and not _QUOTED.fullmatch(text)
            value = text.strip() if is_text else yaml.load(text, _Loader)
        except _NO_YAML as error:
            raise ConfigError(f"override '{item}': the value is not YAML") from error
        cfg = _with(cfg, key, "" if value is None else value, where="-o ")
    return cfg


def _with(cfg: Config, key: str, value: Any, where: str = "") -> Config:
    """``cfg`` with a value at a key, such as ``model.alpha``, or with those of a section."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return _replaced(cfg, value, where)


def read_settings(path: Path, default: Section) -> Section:
    """A dataclass of settings with the values of a YAML file in place of its own.

    Raises:
        ConfigError: the file is not YAML, a key is unknown, a value does not fit.
    """
    found: Section = _replaced(default, _read_yaml(path), where=f"{path}: ")
    for name, kind in typing.get_type_hints(type(default), include_extras=True).items():
        for fault in ranges.faults(getattr(found, name), kind):
            raise ConfigError(f"{path}: {name}: {fault}")
    return found


def config_of(settings: dict[str, Any]) -> Config:
    """A config from values by key, such as ``model.alpha``, or by section, over the defaults.

    Raises:
        ConfigError: a key is unknown, or a value does not fit.
    """
    cfg = Config()
    for key, value in settings.items():
        cfg = _with(cfg, key, value)
    validate(cfg)
    return cfg


def dump_config(cfg: Config) -> str:
    """The config as YAML text that ``load_config`` reads back to an equal config."""
    return yaml.safe_dump(_tree(cfg), sort_keys=False, allow_unicode=True)


def dump_changes(cfg: Config) -> str:
    """What of a config differs from the defaults, as YAML text."""
    changes = _changes(_tree(cfg), _tree(Config()))
    return yaml.safe_dump(changes, sort_keys=False, allow_unicode=True)


def _tree(cfg: Config) -> dict[str, Any]:
    """The settings by section, tuples as lists, for YAML."""

    def plain(items: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: [*value] if isinstance(value, tuple) else value for key, value in items}

    return dataclasses.asdict(cfg, dict_factory=plain)


def _changes(tree: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
    changes = {}
    for key, value in tree.items():
        if value != default[key]:
            changes[key] = _changes(value, default[key]) if isinstance(value, dict) else value
    return changes


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise ConfigError(f"config {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"config {path} is not UTF-8 text") from error
    except _NO_YAML as error:
        raise ConfigError(f"config {path} is not YAML: {' '.join(str(error).split())}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"config {path} is not a mapping of sections")
    return tree


def _replaced(section: Any, tree: dict[str, Any], where: str, prefix: str = "") -> Any:
    """A section, or all of a config, with the values of ``tree``, by key, in place of its own."""
    if not isinstance(tree, dict):
        raise ConfigError(f"{where}'{prefix.rstrip('.')}' is a section, got {_shown(tree)}")
    hints = typing.get_type_hints(type(section))
    values = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if key not in hints:
            raise ConfigError(f"{where}unknown config key '{name}'{_suggest(name)}")
        if dataclasses.is_dataclass(hints[key]):
            value = {} if value is None else value  # all of the section is commented out
            values[key] = _replaced(getattr(section, key), value, where, f"{name}.")
        else:
            values[key] = _cast(value, hints[key], name, where)
    return dataclasses.replace(section, **values)


def _cast(value: Any, kind: Any, name: str, where: str) -> Any:
    """``value`` as the annotated type ``kind``; PyYAML reads ``1e-4`` as text, so text is tried."""
    origin = typing.get_origin(kind)
    if origin is Literal:
        allowed = typing.get_args(kind)
        if value is False and "off" in allowed:
            return "off"  # which YAML takes for false
        if value in allowed and not isinstance(value, bool):
            return allowed[allowed.index(value)]  # 50 for 50.0
        raise ConfigError(
            f"{where}{name}={_shown(value)} is not one of {', '.join(map(str, allowed))}"
        )
    if origin is tuple:
        if isinstance(value, list | tuple):
            element = typing.get_args(kind)[0]
            return tuple(_cast(item, element, name, where) for item in value)
        raise ConfigError(f"{where}{name}={_shown(value)} is not a list")
    if isinstance(value, bool) == (kind is bool) and isinstance(value, bool | int | float | str):
        if ranges.PATH in ranges.rules_of(_settings().get(name)):
            return os.path.expanduser(str(value))
        if kind in (bool, str) or (kind is int and isinstance(value, int)):
            return kind(value)
        with contextlib.suppress(ValueError, OverflowError):
            number = float(value)
            if math.isfinite(number) and (kind is float or number == int(number)):
                return kind(number)
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[kind]
    raise ConfigError(f"{where}{name}={_shown(value)} is not {wanted}")


def _shown(value: Any) -> str:
    """A value in a message; of a list or a section the beginning, as it may hold one many times."""
    return reprlib.repr(value) if isinstance(value, list | dict) else repr(value)


@functools.cache
def _settings(cls: Any = Config, prefix: str = "") -> dict[str, Any]:
    """The annotated types of all sections and settings, by key."""
    found = {}
    for name, kind in typing.get_type_hints(cls, include_extras=True).items():
        found[f"{prefix}{name}"] = kind
        if dataclasses.is_dataclass(kind):
            found |= _settings(typing.cast(Any, kind), f"{prefix}{name}.")
    return found


def _suggest(name: str) -> str:
    close = difflib.get_close_matches(name, _settings(), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""

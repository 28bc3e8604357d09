"""Finds the network in a checkpoint, and renames other systems' tensors to our names.

A network is where a name ends with one that only its system uses (``System.mark``): in any mapping
of the file, at any depth, behind any prefix, such as ``module.`` or ``student.``; or in a pickled
torch network. The system's tables (``systems``) rename its tensors. What inference does not need is
left out, and the classifier gets our layout. A tensor that is in no table keeps its name, so that
loading says that it is not in the network.
"""

import re
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from slowfast.pickles import LeftOut
from slowfast.weights.background import WEIGHT, drop_background
from slowfast.weights.damage import WeightsError, one_line, shown
from slowfast.weights.systems import OURS, SYSTEMS, WORDS, System, Tensors

PLACES = ("model_state", "state_dict", "model_state_dict", "model", "blobs")
"""The keys under which checkpoints keep the network itself, and not its average: PySlowFast's;
mmaction2's and Lightning's; those of torch's tutorial and of torchvision's training; caffe2's."""

WRAPPERS = re.compile(r"(module\.|_orig_mod\.)+")
"""What torch puts in front of a wrapped network's names: DataParallel, torch.compile."""

LEAST, MOST = 1e-20, 1e20
"""The largest number of a tensor of weights lies between, unless all are 0. Whole numbers up to
7,000 that are taken for the bits of a bfloat16 lie below."""


class Network(NamedTuple):
    """Where a network is in a checkpoint."""

    place: tuple[Any, ...]
    """The keys that lead to the mapping of its tensors."""
    prefix: str
    """What its names have in front: ``model.module.``."""
    system: System
    mapping: dict[str, Any]

    def __str__(self) -> str:
        """Both, as messages have it."""
        return one_line("/".join([*map(str, self.place), self.prefix]).rstrip("/.")) or "the file"


class Translated(NamedTuple):
    """A file's tensors by our names."""

    tensors: Tensors
    system: str = ""
    """The system whose names the file has; empty: ours, or an unknown one's."""
    unused: dict[str, int] = {}
    """How many tensors were left out, by the last part of their names."""
    prefix: str = ""
    """What the names had in front of the system's, less torch's ``WRAPPERS``."""
    others: list[str] = []
    """Where the other networks of the file are, which were left out."""
    has_boxes: bool | None = None
    """Whether the classifier is of boxes or of clips; None: the names do not tell."""
    notes: list[str] = []
    """What was guessed, a sentence each."""


def translate(content: object) -> Translated:
    """The tensors of a checkpoint's network by our names, in our layout.

    Where no system is recognised: the floats of the mapping that has most of them.

    Raises:
        ValueError: two tensors have the same name of ours.
        WeightsError: it has several networks, and none is the main one; or a weight is no tensor
            of floats. The message does not name the file.
    """
    mappings = list(_mappings(content))
    networks = [network for place, found in mappings for network in _networks(place, found)]
    if not networks:
        floats = [{n: x for n, x in found.items() if _is_float(x)} for _, found in mappings]
        return Translated(max(floats, key=len, default={}))
    chosen = _main(networks)
    prefix = WRAPPERS.sub("", chosen.prefix)
    others = [str(network) for network in networks if network is not chosen]
    found = _renamed(chosen)._replace(prefix=prefix, others=others)
    boxes = chosen.system.boxes
    if found.has_boxes and boxes and boxes.has_background:
        note = drop_background(content, found.tensors)
        found = found._replace(notes=[note] if note else [])
    return found


def _mappings(content: object) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """What has a text as key in each mapping of a checkpoint, outer ones first, with its place."""
    seen: set[int] = set()  # a mapping that is in many places is in the first
    waiting: deque[tuple[tuple[Any, ...], Any]] = deque([((), content)])
    while waiting:
        place, thing = waiting.popleft()
        if id(thing) in seen or not isinstance(thing, dict | list | tuple):
            continue
        seen.add(id(thing))
        if isinstance(thing, dict) and {*_PARTS} <= thing.keys():
            yield place, _state_of(thing)
            continue
        pairs = list(thing.items() if isinstance(thing, dict) else enumerate(thing))
        pairs = [pair for pair in pairs if pair[0] != PADDLE_NAMES]
        named = {key: _tensor_of(value) for key, value in pairs if isinstance(key, str)}
        if named:
            yield place, named
        waiting.extend(((*place, key), value) for key, value in pairs)


PADDLE_NAMES = "StructuredToParameterName@@"
"""Where paddle.save keeps its own names of the tensors, by those of the network."""
_PARTS = ("_parameters", "_buffers", "_modules")


def _state_of(network: dict[str, Any]) -> dict[str, Any]:
    """The tensors of a pickled network of torch's, by the names that its ``state_dict`` has."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    waiting = [("", network)]
    while waiting:
        prefix, module = waiting.pop()
        parts = [part for name in _PARTS if isinstance(part := module.get(name), dict)]
        if id(module) in seen or len(parts) < len(_PARTS):
            continue
        seen.add(id(module))
        parameters, buffers, modules = parts
        own = {**parameters, **buffers}
        found |= {f"{prefix}{name}": x for name, x in own.items() if x is not None}
        children = ((name, x) for name, x in modules.items() if isinstance(x, dict))
        waiting += [(f"{prefix}{name}.", child) for name, child in children]
    return found


def _tensor_of(value: Any) -> Any:
    """The array of ``(name, array)``, which is what Paddle saves of a tensor within a mapping."""
    match value:
        case (str(), np.ndarray() as array):
            return array
    return value


def _networks(place: tuple[Any, ...], mapping: dict[str, Any]) -> Iterator[Network]:
    """The networks of a mapping: one for each prefix of a system's mark."""
    for system in (OURS, *SYSTEMS):
        mark = re.compile(rf"(?:^|(?<=\.))(?:{system.mark})\Z")
        found = (match for name in mapping if (match := mark.search(name)))
        for prefix in dict.fromkeys(match.string[: match.start()] for match in found):
            yield Network(place, prefix, system, mapping)


def _main(networks: list[Network]) -> Network:
    """The only network; else the one at the first of ``PLACES``, the least deep one."""

    def rank(network: Network) -> tuple[int, int]:
        key = network.place[-1] if network.place else PLACES[0]
        return PLACES.index(key) if key in PLACES else len(PLACES), len(network.place)

    best = min(map(rank, networks))
    main = [network for network in networks if rank(network) == best]
    if len(networks) > 1 and (len(main) > 1 or best[0] == len(PLACES)):
        raise WeightsError(
            f"it holds {len(networks)} networks, {', '.join(map(str, networks[:4]))}: save the one "
            "to use in a file of its own"
        )
    return main[0]


def _own_name(name: str, network: Network) -> str | None:
    """A tensor's name in the network; None if it is not of the network."""
    if name.startswith(network.prefix):
        return name.removeprefix(network.prefix)
    boxes = network.system.boxes
    if boxes is not None and boxes.beside and network.prefix.endswith(boxes.beside):
        apart = name.removeprefix(network.prefix.removesuffix(boxes.beside))
        return apart if re.match(boxes.layer, apart) else None
    return None


def _renamed(network: Network) -> Translated:
    """A network's tensors by our names."""
    system = network.system
    ours: Tensors = {}
    origin: dict[str, str] = {}
    unused: Counter[str] = Counter()
    for own, value in network.mapping.items():
        name = _own_name(own, network)
        if name is None:
            continue
        kind = name.rpartition(system.separator)[2]
        if kind in system.unused or (kind not in system.kinds and not _is_float(value)):
            unused[kind] += isinstance(value, np.ndarray)
            continue
        new = our_name(name, system)
        if new in ours:
            raise ValueError(f"{origin[new]} and {name} are both {new}")
        ours[new], origin[new] = _weight(name, value), name
    boxes, has_boxes = system.boxes, None
    if WEIGHT in ours:
        turned = system.classifier
        if boxes is not None:
            has_boxes = re.match(boxes.layer, origin[WEIGHT]) is not None
            turned = boxes.classifier if has_boxes else turned
        ours[WEIGHT] = turned(ours[WEIGHT], ours)
    if has_boxes and boxes:
        for name in [name for name in ours if re.fullmatch(boxes.unused, name)]:
            del ours[name]
            unused[f"{name.partition('.')[0]} batch norm"] += 1
    return Translated(ours, system.name, dict(+unused), has_boxes=has_boxes)


def our_name(name: str, system: System) -> str:
    """Our name of a system's tensor; its own if no row of the table fits it."""
    layer, _, kind = name.rpartition(system.separator)
    for pattern, ours in system.layers:
        match = re.fullmatch(pattern, layer)
        if match and kind in system.kinds:
            words = match.groupdict(default="").items()
            parts = {group: WORDS.get(group, {}).get(word, word) for group, word in words}
            if "n" in parts:
                parts["n"] = str(int(parts["n"]) + system.stage)
            return f"{ours.format(**parts)}.{system.kinds[kind]}"
    return name


def _is_float(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _weight(name: str, value: Any) -> np.ndarray[Any, Any]:
    """A weight as floats. Whole numbers of 16 bits are the bits of bfloat16: NumPy has no such
    type, and Paddle does not say so in the file.

    Raises:
        WeightsError: it is of another type, or these bits are no weights.
    """
    if not isinstance(value, np.ndarray):
        what = value.what if isinstance(value, LeftOut) else f"{shown(value)}, no tensor"
        raise WeightsError(f"{one_line(name)} is {what}")
    if value.dtype.kind == "f":
        return value
    if value.dtype != np.uint16:
        raise WeightsError(f"{one_line(name)} is of type {value.dtype}, and no weight is")
    weight = (value.astype(np.uint32) << 16).view(np.float32)
    if np.any(weight) and not LEAST < np.abs(weight).max() < MOST:
        raise WeightsError(f"{one_line(name)} is of type uint16, and not the bits of bfloat16")
    return weight

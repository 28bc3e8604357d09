"""Renames other systems' tensors of SlowFast to our names.

A system is recognised by a name that only it uses. Its tables (``systems``) rename its tensors.
Tensors that inference does not need are left out, and the classifier gets our layout. A tensor
that is in no table keeps its name, so that loading says that it is not in the network.
"""

import re
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from slowfast.weights.systems import SYSTEMS, WORDS, System, Tensors

PLACES = ("model_state", "state_dict", "model_state_dict", "model", "blobs")
"""The keys under which checkpoints keep their tensors: PySlowFast's; mmaction2's and Lightning's;
those of torch's tutorial and of torchvision's training; caffe2's."""

WRAPPERS = re.compile(r"(module\.|_orig_mod\.)+")
"""Prefixes of all names if torch has saved a wrapped network: DataParallel's, torch.compile's."""


class Translated(NamedTuple):
    """A file's tensors by our names."""

    tensors: Tensors
    system: str = ""
    """The system whose names the file has; empty: ours, or an unknown one's."""
    unused: dict[str, int] = {}
    """How many tensors were left out, by the last part of their names."""


def find_tensors(content: object) -> Tensors:
    """A checkpoint's tensors by name, whether they are the whole file or one part of it.

    Empty: there are none. The names are without ``WRAPPERS``.
    """
    tensors: Any = content if isinstance(content, dict) else {}
    tensors = next((tensors[key] for key in PLACES if isinstance(tensors.get(key), dict)), tensors)
    found = {
        name: value
        for name, value in tensors.items()
        if isinstance(name, str) and isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    }
    wrapped = WRAPPERS.match(next(iter(found), ""))
    if wrapped and all(name.startswith(wrapped[0]) for name in found):
        found = {name.removeprefix(wrapped[0]): value for name, value in found.items()}
    return found


def recognise(names: set[str]) -> System | None:
    """The system that uses these names; None: they are ours, or an unknown system's."""
    known = (s for s in SYSTEMS if any(re.fullmatch(s.mark, name) for name in names))
    return next(known, None)


def translate(tensors: Tensors) -> Translated:
    """Any system's tensors by our names, in our layout.

    Raises:
        ValueError: two of them have the same name of ours.
    """
    system = recognise(set(tensors))
    if system is None:
        return Translated(tensors)
    ours: Tensors = {}
    origin: dict[str, str] = {}
    unused: Counter[str] = Counter()
    for name, value in tensors.items():
        kind = name.rpartition(system.separator)[2]
        if kind in system.unused:
            unused[kind] += 1
            continue
        new = our_name(name, system)
        if new in ours:
            raise ValueError(f"{origin[new]} and {name} are both {new}")
        ours[new], origin[new] = value, name
    if "head.projection.weight" in ours:
        ours["head.projection.weight"] = system.classifier(ours["head.projection.weight"], ours)
    return Translated(ours, system.name, dict(unused))


def our_name(name: str, system: System) -> str:
    """Our name of a system's tensor; its own if no row of the table fits it."""
    layer, _, kind = name.rpartition(system.separator)
    for pattern, ours in system.layers:
        match = re.fullmatch(pattern, layer)
        if match and kind in system.kinds:
            words = match.groupdict().items()
            parts = {group: WORDS.get(group, {}).get(word, word) for group, word in words}
            if "n" in parts:
                parts["n"] = str(int(parts["n"]) + system.stage)
            return f"{ours.format(**parts)}.{system.kinds[kind]}"
    return name

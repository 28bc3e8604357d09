"""Samples as bytes, which reader processes share."""

import pickle
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from slowfast.data.samples import Sample


class PackedSamples(Sequence[Sample]):
    """Samples that are made when they are asked for.

    A forked process has its parent's memory until one of the two writes there, and Python counts
    references in each object that it touches. So each reader would come to have a copy of all key
    frames: of AVA's 193,000 with 5 boxes each 450 MB, measured; of their bytes it has none.
    """

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._bytes, ends = bytearray(), [0]
        for sample in samples:
            self._bytes += pickle.dumps(sample, pickle.HIGHEST_PROTOCOL)
            ends.append(len(self._bytes))
        self._ends = np.array(ends)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, place: Any) -> Any:
        chosen = range(len(self))[place]
        if isinstance(chosen, range):
            return [self[each] for each in chosen]
        begin, end = self._ends[chosen : chosen + 2]
        return pickle.loads(memoryview(self._bytes)[begin:end])

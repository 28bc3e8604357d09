"""Samples as bytes."""

import tracemalloc

import pytest

from slowfast.data.packed import PackedSamples
from slowfast.data.samples import Box, KeyFrame, Sample


def test_they_are_the_same_and_few_objects() -> None:
    samples = [
        Sample(f"v{i}.mp4", (1, 3), key=KeyFrame("v", i, i + 0.5, (Box((0, 0.1, 0.2, 1 / 3)),) * i))
        for i in range(5)
    ]
    packed = PackedSamples(samples)
    assert list(packed) == samples and packed[1:3] == samples[1:3]
    assert (len(packed), packed[-1], packed[2].key) == (5, samples[4], samples[2].key)
    with pytest.raises(IndexError):
        packed[5]
    assert list(PackedSamples([])) == []
    tracemalloc.start()
    try:
        many = PackedSamples(samples * 200)
        found = tracemalloc.take_snapshot().statistics("filename")
        assert sum(own.count for own in found) < 100 < len(many)
    finally:
        tracemalloc.stop()

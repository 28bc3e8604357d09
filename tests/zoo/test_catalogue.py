"""Published weights by name, URL or path, and what their files do not tell."""

from pathlib import Path

import pytest

from slowfast.config import load_config
from slowfast.models.published import VARIANTS
from slowfast.weights.damage import WeightsError
from slowfast.zoo.catalogue import CATALOGUE, fetch, find
from slowfast.zoo.download import cached_path


def put(url: str) -> Path:
    """A file where the cache has that of a URL."""
    path = cached_path(url)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    return path


def test_names_urls_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOWFAST_HOME", str(tmp_path))
    row = CATALOGUE["paddlevideo/SlowFast_8x8"]
    path = put(row.weights.url)
    assert find("paddlevideo/SlowFast_8x8") == find(row.weights.url) == row
    assert fetch("paddlevideo/SlowFast_8x8") == fetch(row.weights.url) == path
    other = put("https://a/b.pth")
    assert fetch("https://a/b.pth") == other and find("https://a/b.pth") is None
    assert fetch(path) == path and find(path) is None


def test_a_published_sum_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOWFAST_HOME", str(tmp_path))
    name = "mmaction2/slowfast_r50_8x8x1_256e"
    put(CATALOGUE[name].weights.url)
    with pytest.raises(WeightsError, match="SHA-256 begins with ........, not 73547d2b; delete"):
        fetch(name)


@pytest.mark.parametrize("name", CATALOGUE)
def test_what_a_file_does_not_tell(name: str) -> None:
    row = CATALOGUE[name]
    variant = VARIANTS[row.constructor]
    settings = row.settings
    if ids := settings.get("detection.ids"):
        settings["model.num_classes"] = len(ids)
    cfg = load_config(None, [f"{key}={value}" for key, value in settings.items()])
    frames = row.weights.settings.get("data.num_frames", variant.num_frames)
    assert (cfg.model.alpha, cfg.data.num_frames) == (variant.alpha, frames)
    labels = row.weights.settings.get("data.labels", variant.labels)
    assert (cfg.data.labels, cfg.data.sampling_stride) == (labels, variant.sampling_stride)
    on_charades, on_ava = variant.labels == "charades", variant.labels == "ava"
    assert cfg.train.task == ("multi" if on_charades else "detection" if on_ava else "single")
    assert cfg.test.average_clips == ("max" if on_charades else "prob")
    assert cfg.model.average_positions == "prob"
    is_at_224 = name in ("paddlevideo/SlowFast_8x8",
                         "pyslowfast/SLOWFAST_8x8_R50_stepwise_multigrid")  # fmt: skip
    assert (cfg.test.short_side, cfg.test.crop_size) == ((224,) * 2 if is_at_224 else (256,) * 2)
    assert cfg.test.num_clips == (1 if variant.labels == "sthv1" else 10)

"""Weights in a file, and what lies beside it."""

import pickle
from pathlib import Path

import numpy as np
import paddle
import pytest
from support.full_disk import largest_file

from slowfast.config import config_of, load_config
from slowfast.weights.save import config_beside, own_config, write_config, write_pickles


def test_the_config_and_the_class_names_lie_beside_the_weights(tmp_path: Path) -> None:
    cfg = config_of({"model": {"num_classes": 2}, "output_dir": str(tmp_path / "out")})
    write_config(cfg)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["config.yaml"]
    assert load_config(tmp_path / "out" / "config.yaml") == cfg
    assert "dropout: 0.5" in (tmp_path / "out" / "config.yaml").read_text()  # defaults, too
    write_config(cfg, ["run", "jump high"])
    assert (tmp_path / "out" / "labels.txt").read_text(encoding="utf-8") == "run\njump high\n"


def test_which_config_is_of_which_weights(tmp_path: Path) -> None:
    weights, other = tmp_path / "a.pdparams", tmp_path / "a.pth"
    assert config_beside(weights) == tmp_path / "config.yaml"
    assert own_config(weights) is None
    (tmp_path / "config.yaml").write_text("{}")
    assert own_config(weights) == tmp_path / "config.yaml"
    (tmp_path / "a.yaml").write_text("{}")
    assert config_beside(weights) == own_config(weights) == tmp_path / "a.yaml"
    assert own_config(other) is None  # it may be another system's


def test_paddle_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.pdparams"
    write_pickles({path: {"weight": np.arange(3, dtype=np.float32)}})
    assert paddle.load(str(path))["weight"].numpy().tolist() == [0, 1, 2]


def test_of_several_files_all_appear_or_none(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    write_pickles({first: 1, second: 1})
    with largest_file(1000), pytest.raises(OSError, match="File too large"):
        write_pickles({first: 2, second: np.zeros(5000)})
    assert [pickle.loads(path.read_bytes()) for path in (first, second)] == [1, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]

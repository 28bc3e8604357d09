"""What runs are called, and the settings in which they differ."""

from pathlib import Path

from slowfast.train.finals import differing, names_of, shown_setting
from slowfast.train.past_runs import read_run

ROW = '{"kind": "train", "step": 1, "epoch": 1, "of": 20, "loss": 1.0, "lr": 0.1}\n'
CONFIG = "train: {epochs: 2, task: single}\noptim: {base_lr: 0.1}\nseed: 3\noutput_dir: x\n"


def write_run(folder: Path, rows: str, config: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text(rows)
    if config:
        (folder / "config.yaml").write_text(config)
    return folder


def test_settings_that_differ_and_names(tmp_path: Path) -> None:
    other = CONFIG.replace("0.1", "0.2").replace("output_dir: x", "output_dir: y")
    one = read_run(write_run(tmp_path / "a" / "out", ROW, CONFIG))
    two = read_run(write_run(tmp_path / "b" / "out", ROW, other))
    none = read_run(write_run(tmp_path / "c", ROW))
    assert differing([one, two, none]) == ["optim.base_lr"]
    assert differing([one, none]) == []
    shown = [shown_setting(run.settings, "optim.base_lr") for run in (one, two, none)]
    assert shown == ["0.1", "0.2", "-"]
    assert names_of([one.folder, two.folder]) == ["a/out", "b/out"]
    assert names_of([one.folder, none.folder]) == ["out", "c"]

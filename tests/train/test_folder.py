"""The output folder: which checkpoints are in it, which go, and who may train into it."""

from pathlib import Path

import pytest
from support.tiny_run import tiny_config

from slowfast.files import FolderError
from slowfast.train.folder import check_folder, checkpoints, ema_path, move_aside, remove_old


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        for suffix in (".pdparams", ".pdopt"):
            (folder / f"SlowFast_{name}{suffix}").touch()


def names(folder: Path) -> list[str]:
    return [path.stem.removeprefix("SlowFast_") for path in checkpoints(str(folder))]


def test_checkpoints_the_furthest_first(tmp_path: Path) -> None:
    touch(tmp_path, "epoch_000002", "epoch_000010", "epoch_000003_step_000004", "epoch_000001")
    touch(tmp_path, "epoch_000003_step_000010", "epoch_3", "best", "epoch_000002_ema")
    assert names(tmp_path) == [
        "epoch_000010", "epoch_000003_step_000010", "epoch_000003_step_000004", "epoch_000002",
        "epoch_000001",
    ]  # fmt: skip
    assert names(tmp_path / "nowhere") == []


def test_half_a_checkpoint_does_not_count_and_other_tools_have_five_digits(tmp_path: Path) -> None:
    touch(tmp_path, "epoch_00001", "epoch_000002", "epoch_000003")
    (tmp_path / "SlowFast_epoch_000002.pdopt").unlink()
    (tmp_path / "SlowFast_epoch_000003.pdparams").unlink()
    assert names(tmp_path) == ["epoch_00001"]


def test_the_last_epochs_and_the_furthest_step_stay(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.keep_last=2")
    out = Path(cfg.output_dir)
    touch(out, "epoch_000001", "epoch_000002", "epoch_000003", "epoch_000002_step_000004")
    touch(out, "epoch_000004_step_000002", "epoch_000004_step_000004", "best")
    ema_path(out / "SlowFast_epoch_000001.pdparams").touch()
    ema_path(out / "SlowFast_epoch_000002.pdparams").touch()
    remove_old(cfg)
    assert names(out) == ["epoch_000004_step_000004", "epoch_000003", "epoch_000002"]
    left = {path.name for path in out.glob("*.pdparams")}
    assert left == {
        "SlowFast_epoch_000004_step_000004.pdparams", "SlowFast_epoch_000003.pdparams",
        "SlowFast_epoch_000002.pdparams", "SlowFast_epoch_000002_ema.pdparams",
        "SlowFast_best.pdparams",
    }  # fmt: skip


def test_damaged_ones_are_moved_aside_whole(tmp_path: Path) -> None:
    touch(tmp_path, "epoch_000001", "epoch_000002")
    (tmp_path / "SlowFast_epoch_000002_ema.pdparams").touch()
    move_aside([tmp_path / "SlowFast_epoch_000002.pdparams"])
    assert names(tmp_path) == ["epoch_000001"]
    assert {path.name for path in tmp_path.glob("*.damaged")} == {
        f"SlowFast_epoch_000002{end}.damaged" for end in (".pdparams", ".pdopt", "_ema.pdparams")
    }


def test_a_run_is_only_gone_on_from_where_it_is(tmp_path: Path) -> None:
    folder = str(tmp_path)
    for resume in (None, "auto"):
        check_folder(folder, resume)
        check_folder(f"{folder}/nowhere", resume)
    touch(tmp_path, "epoch_000001", "epoch_000002")
    check_folder(folder, "auto")
    check_folder(folder, f"{folder}/../{tmp_path.name}/SlowFast_epoch_000002.pdparams")
    for resume in (None, f"{folder}/SlowFast_epoch_000001.pdparams", "SlowFast_best.pdparams"):
        with pytest.raises(FolderError) as caught:
            check_folder(folder, resume)
        assert str(caught.value) == (
            f"{folder} already holds a run up to SlowFast_epoch_000002: go on with --resume auto, "
            "or choose another folder with -o output_dir=..."
        )


@pytest.mark.parametrize("resume", [None, "auto"])
def test_weights_without_a_pdopt_are_not_trained_over(tmp_path: Path, resume: str | None) -> None:
    (tmp_path / "SlowFast_best.pdparams").touch()
    with pytest.raises(FolderError, match="holds weights without the .pdopt to go on from: choose"):
        check_folder(str(tmp_path), resume)

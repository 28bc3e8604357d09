"""The line of a run in VisualDL's table of hyper-parameters."""

from slowfast.config import Config, config_of
from slowfast.train.settings_shown import LEFT_OUT, MAIN, final_scalars, flat, shown_settings


def test_the_settings_that_are_named_exist() -> None:
    assert not {*MAIN, *LEFT_OUT} - flat(Config()).keys()
    assert not {*MAIN} & {*LEFT_OUT}


def test_main_settings_and_those_that_differ_are_numbers_or_text() -> None:
    changed = {
        "optim.base_lr": 0.3, "train.freeze": ["stem", "res2"], "train.freeze_bn": True,
        "seed": 2**64 - 1, "output_dir": "elsewhere", "optim.nesterov": True,
    }  # fmt: skip
    shown = shown_settings(config_of(changed), total_batch=64)
    assert shown["optim/base_lr"] == 0.3 and shown["train/batch_size"] == 8
    assert shown["train/freeze"] == "stem, res2" and shown["train/freeze_bn"] == "yes"
    assert shown["seed"] == str(2**64 - 1) and shown["total batch"] == 64
    assert not shown.keys() & {"output_dir", "optim/nesterov", "data/flip"}
    assert not any("." in name for name in shown)  # such a column stays empty


def test_runs_are_compared_by_their_validation() -> None:
    assert final_scalars("single", validates=True)[0] == "val/top1"
    assert final_scalars("detection", validates=True)[0] == "val/mAP"
    assert final_scalars("multi", validates=False) == ["train/loss"]

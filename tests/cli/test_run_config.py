"""From which file, with which flags, the config of a run comes; and the class names."""

from pathlib import Path

import pytest
from support.small_run import SMALL, refusal, touch_videos

from slowfast.cli.flags import parse_args
from slowfast.cli.inputs import read_inputs
from slowfast.cli.run_config import class_names, compare_trained, config_for, starts_anew
from slowfast.config import Config, load_config
from slowfast.config.built_in import DEFAULT_CONFIG
from slowfast.data.lists.read_lists import ListError


@pytest.mark.parametrize("mode", [[], ["--test", "-w", "w.pdparams"], ["--infer", "a", "-w", "w"]])
def test_another_number_of_class_names(mode: list[str]) -> None:
    for name in ("w", "w.pdparams"):  # it ends before they are read
        Path(name).touch()
    Path("train.list").write_text("a.mp4 1\n", encoding="utf-8")
    Path("labels.txt").write_text("walk\nrun\n", encoding="utf-8")
    message = refusal(*mode, "-c", "small.yaml", "-o", "data.labels=labels.txt")
    advice = ("(other names: -o data.labels=FILE; none: data.labels=; as many classes: "
              "model.num_classes=0)")  # fmt: skip
    assert message == f"labels.txt: 2 class names for model.num_classes=5 {advice}"
    wrong = ["model.num_classes=12", "data.train_list=train.list"]
    message = refusal(*mode, "-c", str(DEFAULT_CONFIG), "-o", *wrong)
    assert message.endswith(f"kinetics400.txt: 400 class names for model.num_classes=12 {advice}")
    assert not Path("out").exists() and not Path("output").exists()


def config_of(*flags: str) -> Config:
    """The config that --test comes to use with these flags."""
    return read_inputs(parse_args(["--test", *flags])).cfg


def test_the_config_beside_the_weights_is_used() -> None:
    touch_videos()
    Path("run").mkdir()
    Path("run/w.pdparams").touch()
    Path("val.list").write_text("a.mp4 1\n")
    Path("run/config.yaml").write_text(SMALL.replace("epochs: 2", "epochs: 77"))
    weights = ["-w", "run/w.pdparams"]
    assert config_of(*weights).train.epochs == 77
    cfg = config_of(*weights, "-o", "train.epochs=5", "--seed", "9", "--average-clips", "score")
    assert (cfg.train.epochs, cfg.seed, cfg.test.average_clips) == (5, 9, "score")
    assert cfg.model == config_of(*weights).model
    assert config_of(*weights, "-c", "small.yaml").train.epochs == 2
    Path("run/w.yaml").write_text(SMALL.replace("epochs: 2", "epochs: 78"))
    assert config_of(*weights).train.epochs == 78  # of these very weights


def test_without_a_file_and_weights_it_is_the_default_config() -> None:
    assert config_for(None, [], None) == load_config(DEFAULT_CONFIG)
    classes = ["model.num_classes=0", "data.labels=ucf101"]  # as many as class names
    assert config_for("small.yaml", classes, None).model.num_classes == 101


def test_class_names_may_lie_beside_the_weights() -> None:
    """Where training left them; the file of the config goes before, where it is there."""
    cfg = load_config("small.yaml", ["data.labels=names.txt"])
    Path("run").mkdir()
    Path("run/labels.txt").write_text("a\nb\nc\nd\ne\n", encoding="utf-8")
    assert class_names(cfg, "run/w.pdparams") == list("abcde")
    assert class_names(cfg, None) is None
    Path("names.txt").write_text("v\nw\nx\ny\nz\n", encoding="utf-8")
    assert class_names(cfg, "run/w.pdparams") == list("vwxyz")
    assert class_names(load_config("small.yaml"), "run/w.pdparams") is None


def test_a_detector_of_other_classes_than_in_training_is_told(lines: list[str]) -> None:
    """Their numbers in the annotations, or their names; of its own nothing is said."""
    Path("run").mkdir()
    Path("run/config.yaml").write_text(SMALL.replace("train: {", "train: {task: detection, "))
    Path("run/labels.txt").write_text("a\nb\nc\nd\ne\n", encoding="utf-8")
    cfg = load_config("run/config.yaml")
    assert cfg.train.task == "detection"
    compare_trained(cfg, "run/w.pdparams", list("abcde"))
    same = load_config("run/config.yaml", ["detection.ids=[1,2,3,4,5]"])
    compare_trained(same, "run/w.pdparams", None)
    single = load_config("run/config.yaml", ["train.task=single"])
    compare_trained(single, "run/w.pdparams", list("eabcd"))
    assert lines == []
    other = load_config("run/config.yaml", ["detection.ids=[1,2,4,5,6]"])
    compare_trained(other, "run/w.pdparams", None)
    assert lines.pop() == (
        "class 2 is action 3 in run/config.yaml, and 4 now: the numbers of the annotations must "
        "mean the same (detection.ids, detection.first_id)"
    )
    with pytest.raises(ListError, match=r"class 0 is 'e' in data.labels=.*, 'a' in run/labels.txt"):
        compare_trained(cfg, "run/w.pdparams", list("eabcd"))
    compare_trained(cfg, "run/w.pdparams", list("abcdx"))
    assert "taken for the same class" in lines.pop()
    many = load_config("run/config.yaml", ["model.num_classes=81"])
    compare_trained(many, "run/w.pdparams", None)
    assert lines.pop().startswith("run/w.pdparams has 81 classes: if the first is the background")
    Path("run/w.yaml").write_text(Path("run/config.yaml").read_text())  # names may be of others
    compare_trained(cfg, "run/w.pdparams", list("eabcd"))
    assert lines == []


@pytest.mark.parametrize(
    ("flags", "has_checkpoint", "anew"),
    [([], False, True), (["--resume"], False, True), (["--resume"], True, False),
     (["--resume", "out/x.pdparams"], False, False), (["--test"], False, False),
     (["--summary"], False, False)],
)  # fmt: skip
def test_whether_training_starts_anew(flags: list[str], has_checkpoint: bool, anew: bool) -> None:
    if has_checkpoint:
        Path("out").mkdir()
        for ending in ("pdparams", "pdopt"):
            Path(f"out/SlowFast_epoch_00001.{ending}").touch()
    assert starts_anew(parse_args(flags), load_config("small.yaml")) == anew

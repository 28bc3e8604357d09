"""Fine-tuning: what a run takes over from the weights it starts from, and the three commands."""

import json
from pathlib import Path

import paddle
import pytest
from support.paths import REPOSITORY
from support.tiny_run import tiny_data

from slowfast.cli import main, run_config
from slowfast.cli.flags import parse_args
from slowfast.config import Config, ConfigError, dump_config, load_config
from slowfast.data.lists.read_lists import read_list
from slowfast.data.shapes.moving_shapes import CLASS_NAMES
from slowfast.models.variants import build_model
from slowfast.weights import save

pytestmark = pytest.mark.usefixtures("own_folder")

FINETUNE = str(REPOSITORY / "configs/recognition/slowfast/finetune.yaml")

PRETRAINED = """
model:
  {num_classes: 5, slow_depth: 14, fast_depth: 14, width: 16, alpha: 4, stem_kernel: 3,
   fusion_kernel: 7, head_pooling: global, slow_frames: strided, dropout: 0.0}
data:
  {root: others, train_list: train.list, val_list: val.list, num_frames: 8,
   sampling_stride: 3, target_fps: 25, min_short_side: 32, max_short_side: 36, crop_size: 32,
   mean: [0.4, 0.4, 0.4], std: [0.2, 0.2, 0.2], flip: 0.0, num_workers: 1}
test: {short_side: 32, crop_size: 32, num_clips: 2, average_clips: score}
output_dir: pretrained
"""


def write_pretrained(path: str, *overrides: str, beside: str = "config.yaml") -> Config:
    """Random weights of PRETRAINED's network with 5 classes, and their config ``beside`` them."""
    Path("pretrained.yaml").write_text(PRETRAINED, encoding="utf-8")
    cfg = load_config("pretrained.yaml", list(overrides))
    Path(path).parent.mkdir(exist_ok=True)
    paddle.save(build_model(cfg.model, cfg.data.crop_size).state_dict(), path)
    (Path(path).parent / beside).write_text(dump_config(cfg), encoding="utf-8")
    return cfg


def config_of(*flags: str) -> Config:
    """The config that a training run with these flags has."""
    return run_config.read_config(parse_args(list(flags)), None)


def started_from(path: str, *overrides: str) -> Config:
    """The same for finetune.yaml and 3 classes, from weights."""
    flags = [f"model.pretrained={path}", "data.labels=", "model.num_classes=3", *overrides]
    return config_of("-c", FINETUNE, "-o", *flags)


# ------------------------------------------------------------- what the weights bring with them


def test_the_network_its_clips_and_the_test_are_those_of_the_weights() -> None:
    own = write_pretrained("run/best.pdparams")
    cfg, plain = started_from("run/best.pdparams"), load_config(FINETUNE)
    for key in ("slow_depth", "fast_depth", "width", "alpha", "stem_kernel", "fusion_kernel",
                "head_pooling", "slow_frames"):  # fmt: skip
        assert getattr(cfg.model, key) == getattr(own.model, key) != getattr(plain.model, key)
    for key in ("num_frames", "sampling_stride", "target_fps", "min_short_side", "max_short_side",
                "crop_size", "mean", "std"):  # fmt: skip
        assert getattr(cfg.data, key) == getattr(own.data, key) != getattr(plain.data, key)
    assert cfg.test == own.test != plain.test
    assert cfg.model.num_classes == 3
    assert cfg.model.dropout == plain.model.dropout == 0.5
    for key in ("root", "train_list", "val_list", "flip", "num_workers"):
        assert getattr(cfg.data, key) == getattr(plain.data, key)
    assert (cfg.optim, cfg.train, cfg.output_dir) == (plain.optim, plain.train, plain.output_dir)


def test_the_yaml_and_the_command_line_go_before_the_weights() -> None:
    write_pretrained("run/best.pdparams")
    Path("mine.yaml").write_text(
        "model: {alpha: 8, pretrained: run/best.pdparams}\ntest: {num_clips: 7}\n"
    )
    cfg = config_of("-c", "mine.yaml", "-o", "test.crop_size=24", "data.num_frames=16")
    assert (cfg.model.alpha, cfg.model.width) == (8, 16)
    assert (cfg.test.num_clips, cfg.test.crop_size, cfg.test.short_side) == (7, 24, 32)
    assert (cfg.data.num_frames, cfg.data.crop_size) == (16, 32)


def test_a_config_of_these_very_weights_goes_before_that_of_their_folder() -> None:
    write_pretrained("run/best.pdparams", "model.alpha=2")
    write_pretrained("run/other.pdparams", "model.alpha=8", beside="other.yaml")
    assert started_from("run/best.pdparams").model.alpha == 2
    assert started_from("run/other.pdparams").model.alpha == 8


def test_weights_without_a_config_of_ours_bring_nothing() -> None:
    plain = started_from("nowhere/best.pdparams")
    assert plain.model.width == 64
    write_pretrained("run/best.pyth", beside="best.yaml")  # which may be PySlowFast's
    assert started_from("run/best.pyth").model.width == 64
    write_pretrained("run/best.pdparams")
    assert config_of("-w", "run/best.pdparams", "-c", FINETUNE, "-o", "model.num_classes=3",
                     "model.pretrained=run/best.pdparams").model.width == 64  # fmt: skip


@pytest.mark.parametrize(
    ("config", "overrides", "message"),
    [
        ("model: {alfa: 4}\n", [],
         "run/config.yaml: unknown config key 'model.alfa' (did you mean 'model.alpha'?)"),
        ("", ["data.num_frames=10"],
         "data.num_frames=10 is not divisible by model.alpha=4 (network, clips and test of "
         "run/config.yaml, but for -c and -o)"),
    ],
)  # fmt: skip
def test_a_config_beside_the_weights_that_is_wrong_or_does_not_go_with_the_rest_is_named(
    config: str, overrides: list[str], message: str
) -> None:
    write_pretrained("run/best.pdparams")
    if config:
        Path("run/config.yaml").write_text(config)
    with pytest.raises(ConfigError) as caught:
        started_from("run/best.pdparams", *overrides)
    assert str(caught.value) == message


# ------------------------------------------------------------------------- number of classes


def test_as_many_classes_as_labels() -> None:
    Path("data").mkdir()
    Path("data/labels.txt").write_text("a\nb\nc\n")
    assert config_of("-c", FINETUNE, "-o", "data.root=data").model.num_classes == 3
    assert config_of("-o", "data.labels=sthv2", "model.num_classes=0").model.num_classes == 174
    flips = ["data.labels=data/labels.txt", "model.num_classes=0", "data.flip_pairs=[1, 3]"]
    with pytest.raises(ConfigError, match=r"data.flip_pairs=\[1, 3\] is not two classes of 0..2"):
        config_of("-o", *flips)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--summary", "-o", "data.labels=ucf101"],
         "ucf101.txt: 101 class names for model.num_classes=400"),
        (["-c", FINETUNE],
         "error: data.labels=labels.txt: there is no labels.txt or data/mine/labels.txt, and built "
         "in are ava, charades, kinetics400, kinetics600, kinetics700, sthv1, sthv2, ucf101\n"),
        (["-c", FINETUNE, "-o", "data.labels="],
         "error: model.num_classes=0 takes the number of class names in data.labels, which names "
         "no file\n"),
    ],
)  # fmt: skip
def test_labels_that_do_not_fit_or_cannot_be_counted(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(flags) == 1
    assert message in capsys.readouterr().err


# ------------------------------------------------------------------------------ whole runs


def test_a_step_from_a_tiny_network_and_what_it_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    write_pretrained("run/best.pdparams")
    data = tiny_data()
    flags = [
        "model.pretrained=run/best.pdparams", f"data.root={data}", "data.num_workers=0",
        "train.precise_bn_batches=0",
    ]  # fmt: skip
    assert main.main(["-c", FINETUNE, "--device", "cpu", "--max_iters", "1", "-o", *flags]) == 0
    said = capsys.readouterr().out
    assert "network, clips and test as in run/config.yaml, except for what -c and -o set" in said
    assert "5 classes in the file, 24 in the network" in said

    out = Path("output/finetune")
    cfg = load_config(out / "config.yaml")
    assert (cfg.model.num_classes, cfg.model.width, cfg.model.alpha) == (24, 16, 4)
    assert cfg.data.labels == str(data / "labels.txt")
    assert cfg.data.train_list == str(data / "train.list")

    video = read_list(str(data / "val.list"), str(data), 24)[0].path
    (weights,) = out.glob("SlowFast_epoch_*.pdparams")
    moved = Path("elsewhere") / weights.name
    moved.parent.mkdir()
    for file in (weights, out / "config.yaml", out / "labels.txt"):
        file.rename(moved.parent / file.name)
    gone = ["data.labels=gone.txt", "data.root=gone", "data.num_workers=0"]
    assert main.main(["--infer", video, "-w", str(moved), "--device", "cpu", "-o", *gone]) == 0
    assert "no class names" not in capsys.readouterr().out
    (row,) = json.loads(Path("data/results/result.json").read_text())
    assert row["top1_label"] == CLASS_NAMES[row["top1_indices"]]

    (moved.parent / save.CLASS_NAMES).unlink()
    assert main.main(["--infer", video, "-w", str(moved), "--device", "cpu", "-o", *gone]) == 0
    assert "no class names: there is no data.labels=gone.txt here" in capsys.readouterr().out
    (row,) = json.loads(Path("data/results/result.json").read_text())
    assert "top1_label" not in row


@pytest.mark.parametrize("resume", ["auto", "output/finetune/SlowFast_epoch_000001_step_000001"])
def test_a_run_goes_on_without_the_weights_that_it_began_from(resume: str) -> None:
    """Its network, and how its clips are made, are those of its own config then."""
    write_pretrained("run/best.pdparams")
    flags = [
        "model.pretrained=run/best.pdparams", f"data.root={tiny_data()}", "data.num_workers=0",
        "train.precise_bn_batches=0",
    ]  # fmt: skip
    command = ["-c", FINETUNE, "--device", "cpu", "--max_iters"]
    assert main.main([*command, "1", "-o", *flags]) == 0
    before = load_config("output/finetune/config.yaml")
    Path("run").rename("elsewhere")
    resume = resume if resume == "auto" else f"{resume}.pdparams"
    assert main.main([*command, "2", "--resume", resume, "-o", *flags]) == 0
    assert load_config("output/finetune/config.yaml") == before
    assert Path("output/finetune/SlowFast_epoch_000001_step_000002.pdopt").exists()
    assert main.main([*command, "1", "-o", *flags, "output_dir=new"]) == 1

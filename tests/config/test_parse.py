"""What is read from YAML and the command line: precedence, types, the round trip."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.paths import REPOSITORY

from slowfast.config import Config, ConfigError, dump_config, load_config
from slowfast.config.parse import _settings, config_of, read_settings
from slowfast.config.ranges import plain
from slowfast.config.schema import DataConfig

CONFIGS = sorted((REPOSITORY / "configs").rglob("*.yaml"))


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path | None = None, overrides: Sequence[str] = ()) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


def other_value(value: Any, name: str) -> Any:
    """A legal value that is not the default."""
    special = {
        "name": "slow_only", "slow_depth": 26, "fast_depth": 14, "slow_frames": "strided",
        "temporal_blocks": (1, 2, 3, 4), "head_pooling": "global", "num_crops": 1,
        "average_clips": "score", "max_short_side": 330, "min_short_side": 300, "short_side": 300,
        "dropout": 0.25, "flip": 0.25, "alpha": 16, "num_frames": 48, "width": 80,
        "beta_inv": 10, "stem_kernel": 5, "fusion_kernel": 3,
        "decoder": "pyav", "on_error": "substitute", "flip_pairs": (3, 5, 7, 2),
        "schedule": "step", "steps": (0.0, 10.0), "step_factors": (1.0, 0.5), "freeze": ("stem",),
        "crop_area": (0.25, 1.0), "crop_aspect": (0.5, 2.0), "ema": 0.5, "best_by": "ema",
        "average_positions": "score", "protocol": "mmaction2", "spatial": "whole",
        "backend": "eager", "precision": "bf16", "amp": "O1",
        "smooth": 5, "enter": 0.75, "leave": 0.25, "amp_dtype": "float16",
        "rand_augment_magnitude": 5.0, "spacing": "stride", "task": "multi", "threshold": 0.25,
        "sampling": "balanced", "recompute": "blocks", "nonlocal_blocks": (0, 1),
        "dilations": (1, 3), "roi_time": "max",
        "box_score": 0.5, "match_iou": 0.5, "valid": (900.0, 1700.0), "rule": "mmaction2",
        "ids": (*range(3, 404),), "labels_per_box": "one",
    }  # fmt: skip
    if name in special:
        return special[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value}, ünl\udcefke: 'the default' #"  # a byte that is not UTF-8
    if isinstance(value, tuple):
        return tuple(item + 0.015625 for item in value)
    return value + 1


FILES = [
    "train_boxes", "val_boxes", "train_excluded", "val_excluded", "train_frames", "val_frames",
    "scored",
]  # fmt: skip


NO_FILES: dict[str, Any] = dict.fromkeys(FILES, "")


def all_different() -> Config:
    """A config in which no value is the default, but for head_only, which forbids others, and for
    the files of detection, which others forbid."""

    def changed(section: Any) -> Any:
        values = {}
        for item in dataclasses.fields(section):
            value = getattr(section, item.name)
            nested = dataclasses.is_dataclass(value)
            values[item.name] = changed(value) if nested else other_value(value, item.name)
        return dataclasses.replace(section, **values)

    cfg: Config = changed(Config())
    return dataclasses.replace(
        cfg, train=dataclasses.replace(cfg.train, head_only=False),
        detection=dataclasses.replace(cfg.detection, **NO_FILES),
    )  # fmt: skip


@pytest.mark.parametrize("path", CONFIGS, ids=[path.name for path in CONFIGS])
def test_every_config_of_the_repository_loads(path: Path) -> None:
    cfg = load_config(path)
    for section, values in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        if isinstance(values, dict):
            for key, value in values.items():
                found = getattr(getattr(cfg, section), key)
                assert (list(found) if isinstance(found, tuple) else found) == value
        else:
            assert getattr(cfg, section) == values


def test_overrides_go_before_the_file_and_the_file_before_the_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, "model: {alpha: 4}\ntrain: {epochs: 37, batch_size: 3}\n")
    cfg = load_config(path, ["train.epochs=39", "seed=5", "train.epochs=41"])
    train = dataclasses.replace(Config().train, epochs=41, batch_size=3)
    model = dataclasses.replace(Config().model, alpha=4)
    assert cfg == dataclasses.replace(Config(), model=model, train=train, seed=5)


def test_an_empty_file_or_section_is_the_defaults(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "model:\n  # alpha: 4\n")) == Config()
    assert load_config(write(tmp_path, "# nothing\n")) == Config()


def test_dump_and_load_give_the_same_config_back(tmp_path: Path) -> None:
    cfg = all_different()
    for section in ("model", "data", "test", "detection", "timeline", "optim", "train"):
        for item in dataclasses.fields(getattr(cfg, section)):
            found = getattr(getattr(cfg, section), item.name)
            default = getattr(getattr(Config(), section), item.name)
            assert found != default or item.name in ("head_only", *FILES), item.name
    again = load_config(write(tmp_path, dump_config(cfg)))
    assert again == cfg
    assert repr(again) == repr(cfg)  # the types too: 1 == 1.0 == True


@pytest.mark.parametrize(("override", "expected"), [
    ("optim.weight_decay=1e-4", 1e-4),  # YAML 1.1 reads 1e-4 as text
    ("optim.weight_decay='1E-4'", 1e-4), ("optim.weight_decay=.5", 0.5),
    ("optim.weight_decay=1", 1.0),
    ("train.epochs=40", 40), ("train.epochs='40'", 40), ("train.epochs=4e1", 40),
    ("train.epochs=40.0", 40),
    ("optim.nesterov=false", False), ("optim.nesterov=True", True),
    ("data.test_list=", ""),
    ("data.mean=[0, 0.5, 5e-1]", (0.0, 0.5, 0.5)),
    ("model.temporal_blocks=[1, 2, 3, 4]", (1, 2, 3, 4)), ("model.temporal_blocks=[]", ()),
    ("model.name=fast_only", "fast_only"),
    ("model.slow_depth=101", 101), ("model.slow_depth=101.0", 101), ("test.num_crops=1", 1),
    ("seed=9007199254740993", 2**53 + 1),  # no float has this value
    ("train.amp=off", "off"),  # which YAML takes for false
])  # fmt: skip
def test_values_are_cast_by_annotation(override: str, expected: object) -> None:
    cfg: Any = load_config(None, [override])
    for part in override.partition("=")[0].split("."):
        cfg = getattr(cfg, part)
    assert cfg == expected
    assert repr(cfg) == repr(expected)


@pytest.mark.parametrize(("override", "complaint"), [
    *((f"train.epochs={text}", f"train.epochs={value} is not a whole number")
      for text, value in (("ten", "'ten'"), ("1.5", 1.5), ("true", True), ("[1]", [1]),
                          ("", "''"), (".inf", "'.inf'"))),
    *((f"optim.base_lr={text}", f"optim.base_lr={value} is not a number")
      for text, value in (("fast", "'fast'"), ("no", False), (".nan", "'.nan'"),
                          ("inf", "'inf'"))),
    ("optim.nesterov=1", "optim.nesterov=1 is not true or false"),
    ("optim.nesterov=0", "optim.nesterov=0 is not true or false"),
    ("optim.nesterov='true'", "optim.nesterov='true' is not true or false"),
    ("data.mean=0.45", "data.mean=0.45 is not a list"),
    ("data.mean=[1, x, 1]", "data.mean='x' is not a number"),
    ("model.temporal_blocks=[1, 2, 3, true]", "model.temporal_blocks=True is not a whole"),
    ("model.name=slow", "model.name='slow' is not one of slowfast, slow_only, fast_only"),
    ("model.slow_depth=51", "model.slow_depth=51 is not one of 14, 26, 50, 101, 152"),
    ("model.slow_depth='50'", "model.slow_depth='50' is not one of 14, 26, 50, 101, 152"),
    ("test.num_crops=true", "test.num_crops=True is not one of 1, 3"),
    ("model=3", "'model' is a section, got 3"),
    ("seed.x=1", "seed={'x': 1} is not a whole number"),
])  # fmt: skip
def test_values_of_a_wrong_type_are_refused(override: str, complaint: str) -> None:
    assert refusal(overrides=[override]).startswith(f"-o {complaint}")


@pytest.mark.parametrize(("text", "root"), [
    # YAML 1.1 takes most of these for numbers, dates and times.
    *((text, text) for text in ("2024", "2024_05", "2026_05_01", "2026-05-01", "007", "1e3",
                                "0x10", "0x_", "1.50", "12:30", "")),
    *((text, text) for text in ("videos #1", "my videos 视频", "it's", "a=b", "/a b=c")),
    *((text, text) for text in ("[x]", "[x", "{:06d}.jpg", "a: b", "@x", "null", "#x", "yes", "!x",
                                "- x", "*x", "'x' y", "caf\udce9")),
    ("'a: b # c'", "a: b # c"), ('"a #1"', "a #1"), (" a ", "a"),
])  # fmt: skip
def test_text_on_the_command_line_is_taken_as_it_stands(text: str, root: str) -> None:
    assert load_config(overrides=[f"data.root={text}"]).data.root == root


def test_a_pattern_of_frames_needs_no_quotes() -> None:
    for text in ("{:06d}.jpg", "~{}", "@{}.png", "[{:d}]: #"):
        found = load_config(overrides=[f"data.frame_pattern={text}"]).data.frame_pattern
        assert found == text


def test_paths_may_begin_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every setting that is text, but for the pattern of file names; from a file, too."""
    monkeypatch.setenv("HOME", "/home/me")
    keys = [key for key, kind in _settings().items() if plain(kind) is str]
    keys.remove("data.frame_pattern")
    given = config_of({**dict.fromkeys(keys, "~/a"), "train.task": "detection"})
    overrides = [f"{key}=~/a" for key in keys]
    assert given == load_config(overrides=["train.task=detection", *overrides])
    assert given.output_dir == given.data.labels == "/home/me/a"
    assert dump_config(given).count(": /home/me/a\n") == len(keys)
    path = write(tmp_path, "output_dir: ~/a\ndata: {root: a/~/b, labels: ~none/x}\n")
    cfg = load_config(path, ["data.train_list=~"])
    assert (cfg.output_dir, cfg.data.train_list) == ("/home/me/a", "/home/me")
    assert (cfg.data.root, cfg.data.labels) == ("a/~/b", "~none/x")


def test_a_number_too_large_for_any_type_is_refused() -> None:
    assert refusal(overrides=["optim.base_lr=1" + 400 * "0"]).endswith("is not a number")


def test_the_file_is_named_with_the_value(tmp_path: Path) -> None:
    path = write(tmp_path, "train:\n  epochs: ten\n")
    assert refusal(path) == f"{path}: train.epochs='ten' is not a whole number"


@pytest.mark.parametrize(("text", "complaint"), [
    ("optim: {base_lrr: 1}", "unknown config key 'optim.base_lrr' (did you mean 'optim.base_lr'?)"),
    ("modle: {alpha: 4}", "unknown config key 'modle' (did you mean 'model'?)"),
    ("optim: {xyzzyxyzzyxyzzy: 1}", "unknown config key 'optim.xyzzyxyzzyxyzzy'"),
    ("7: 1", "unknown config key '7'"),
    ("model: 50", "'model' is a section, got 50"),
    ("model: [alpha]", "'model' is a section, got ['alpha']"),
])  # fmt: skip
def test_keys_that_do_not_exist_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, text)
    assert refusal(path) == f"{path}: {complaint}"


@pytest.mark.parametrize("override", ["train.epochs", "=3", ""])
def test_an_override_without_key_and_value_is_refused(override: str) -> None:
    message = refusal(overrides=[override])
    assert message == f"override '{override}' is not of the form section.key=value"


@pytest.mark.parametrize("value", ["[1, 2", "!!int x", "[" * 999])
def test_an_override_that_is_not_yaml_is_refused(value: str) -> None:
    message = refusal(overrides=[f"data.mean={value}"])
    assert message == f"override 'data.mean={value}': the value is not YAML"


def test_a_message_shows_the_beginning_of_a_large_value(tmp_path: Path) -> None:
    """Here of 2^40 numbers."""
    twice = ", ".join(f"&a{i + 1} [*a{i}, *a{i}]" for i in range(40))
    message = refusal(write(tmp_path, f"output_dir: [&a0 [1], {twice}]"))
    assert message.endswith("...] is not text")
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"model: {alpha: 4", "is not YAML: "),
        (b"model:\n\talpha: 4\n", "is not YAML: "),
        ("output_dir: Größe".encode("latin-1"), "is not UTF-8 text"),
        (b"just some words", "is not a mapping of sections"),
        (b"[" * 999, "is not YAML: "),
        (b"- model\n- data\n", "is not a mapping of sections"),
    ],
    ids=["missing", "open brace", "tab", "latin-1", "scalar", "brackets", "list"],
)
def test_files_that_are_no_config_are_refused(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"config {path} {complaint}")
    assert "\n" not in message


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"config {tmp_path} cannot be read: Is a directory"


def test_yaml_tags_run_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = write(tmp_path, f"output_dir: !!python/object/apply:os.mkdir ['{mark}']\n")
    assert "is not YAML" in refusal(path)
    assert not mark.exists()


def test_settings_of_a_part_go_over_what_is_given(tmp_path: Path) -> None:
    given = DataConfig(num_frames=8, mean=(0.1, 0.2, 0.3))
    found = read_settings(write(tmp_path, "flip: 0\nmean: [1, 2, 3]\n"), given)
    assert (found.num_frames, found.flip, found.mean) == (8, 0.0, (1.0, 2.0, 3.0))
    with pytest.raises(ConfigError, match=r"config.yaml: flip: 2\.0 must be between 0 and 1"):
        read_settings(write(tmp_path, "flip: 2"), given)

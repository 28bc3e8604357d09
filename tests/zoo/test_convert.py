"""Another system's file becomes ours with its config, and scores as at home."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pooch
import pytest
from support.checkpoints import shapes_of, tiny
from support.foreign_files import CONFIG_OF_MMACTION2, converted, tensors, write_torch
from support.foreign_names import (
    FILES,
    caffe2,
    mmaction2_boxes,
    paddlevideo,
    paddlevideo_boxes,
    pyslowfast,
    pytorchvideo,
    pytorchvideo_boxes,
)
from support.videos import numbered_picture, write_mpeg4

from slowfast.cli import main
from slowfast.config import Config, dump_changes, load_config
from slowfast.data.lists.read_lists import ListError
from slowfast.evaluate.scores import read_scores
from slowfast.weights.damage import WeightsError
from slowfast.weights.load import Checkpoint
from slowfast.weights.names import Translated
from slowfast.zoo.architecture import Settings
from slowfast.zoo.catalogue import CATALOGUE
from slowfast.zoo.convert import convert, describe
from slowfast.zoo.download import cached_path
from slowfast.zoo.origin import Home

ASKED: Settings = {"model.alpha": 4, "data.num_frames": 8}

pytestmark = pytest.mark.usefixtures("own_folder")


def run(
    src: str, dst: str = "new.pdparams", given: Settings | None = None, *, force: bool = False
) -> list[str]:
    """The lines; alpha and the number of frames are said."""
    return convert(src, Path(dst), ASKED | (given or {}), force=force)


PROTOCOLS = {"mmaction2": ("mmaction2", "strided"), "PyTorchVideo": ("pytorchvideo", "linspace")}


@pytest.mark.parametrize("system", [*FILES, "ours"])
def test_every_system_is_converted(system: str) -> None:
    data = FILES[system][0](tensors()) if system in FILES else pickle.dumps(tensors())
    Path("a.weights").write_bytes(data)
    *_, loaded, written, command = run("a.weights", "a folder/new.pdparams")
    expected = f"{len(tensors())} of {len(tensors())} tensors loaded from a.weights"
    assert loaded.partition(" (")[0] == expected
    assert written == "written: a folder/new.pdparams, a folder/new.yaml"
    assert "python -m slowfast --test -w 'a folder/new.pdparams' -o" in command
    cfg = converted("a folder/new.pdparams")
    assert (cfg.model.alpha, cfg.data.num_frames, cfg.model.width) == (4, 8, 8)
    name = system.partition(",")[0]
    found = cfg.test.protocol, cfg.model.slow_frames
    assert found == PROTOCOLS.get(name, ("pyslowfast", "linspace"))
    assert {path.name for path in Path("a folder").iterdir()} == {"new.pdparams", "new.yaml"}


def test_the_converted_weights_score_as_the_foreign_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_LOGLEVEL", "-8")
    for name, first in (("a", 0), ("b", 900)):
        pictures = [numbered_picture(first + 7 * i, (64, 40)) for i in range(12)]
        write_mpeg4(Path(f"{name}.mp4"), pictures)
    Path("val.list").write_text("a.mp4 1\nb.mp4 3\n", encoding="utf-8")
    write_torch("a.pth", inside="state_dict", config=CONFIG_OF_MMACTION2)
    convert("a.pth", Path("new.pdparams"), {}, force=False)
    here = ["-o", "data.root=.", "data.test_list=val.list", "data.num_workers=0"]
    assert main.main(["--test", "-w", "new.pdparams", "--out", "new.npz", *here]) == 0
    Path("by_hand.yaml").write_text(
        "model: {slow_depth: 14, fast_depth: 14, width: 8, num_classes: 5, alpha: 4, lateral_norm: "
        "false, slow_frames: strided, head_pooling: global}\n"
        "data: {num_frames: 8, sampling_stride: 1, mean: [0.485, 0.456, 0.406], "
        "std: [0.229, 0.224, 0.225]}\n"
        "test: {num_clips: 2, short_side: 36, crop_size: 36, protocol: mmaction2}\n",
        encoding="utf-8",
    )
    by_hand = ["--test", "-c", "by_hand.yaml", "-w", "a.pth", "--out", "direct.npz", *here]
    assert main.main(by_hand) == 0
    new, direct = (read_scores(Path(f"{name}.npz")).scores for name in ("new", "direct"))
    assert new.shape == (2, 6, 5)
    np.testing.assert_array_equal(new, direct)
    assert np.abs(new[0] - new[1]).max() > 1e-3


def test_labels_belong_to_the_config() -> None:
    write_torch("a.pyth")
    names = {"data.labels": "names.txt"}
    Path("names.txt").write_text("a\nb\nc\nd\ne\n", encoding="utf-8")
    run("a.pyth", given=names)
    assert converted().data.labels == "names.txt"
    Path("names.txt").write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(ListError, match="^names.txt: 2 class names for model.num_classes=5$"):
        run("a.pyth", "other.pdparams", names)
    with pytest.raises(ListError, match="^data.labels=nowhere.txt: there is no "):
        run("a.pyth", "other.pdparams", {"data.labels": "nowhere.txt"})
    assert not Path("other.pdparams").exists()


@pytest.mark.parametrize(("dst", "force", "message"), [
    ("new.pth", False, "new.pth does not end with .pdparams"),
    ("one.pdparams", False, "one.pdparams is there already: name another file, or say --force"),
    ("two.pdparams", False, "two.yaml is there already: name another file, or say --force"),
    ("link.pdparams", True, "link.pdparams is what is to be converted: name another file"),
    ("folder.pdparams", True, "folder.pdparams is a folder: name another file"),
    ("other.pdparams", True, "other.yaml is a folder: name another file"),
])  # fmt: skip
def test_where_nothing_is_written(dst: str, force: bool, message: str) -> None:
    write_torch("a.pyth")
    for name in ("one.pdparams", "two.yaml"):
        Path(name).write_text("mine", encoding="utf-8")
    for name in ("folder.pdparams", "other.yaml"):
        Path(name).mkdir()
    Path("link.pdparams").symlink_to("a.pyth")
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    with pytest.raises(WeightsError, match=f"^{message}$"):
        run("a.pyth", dst, force=force)
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before


def test_what_is_there_is_overwritten_by_force() -> None:
    write_torch("a.pyth")
    for alpha in (4, 2):
        run("a.pyth", given={"model.alpha": alpha}, force=True)
        assert converted().model.alpha == alpha


def test_published_weights_are_converted_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no tensor tells is known of them; what the user says wins."""
    monkeypatch.setenv("SLOWFAST_HOME", str(tmp_path / "cache"))
    name = "paddlevideo/SlowFast_8x8"
    url = CATALOGUE[name].weights.url
    cached = cached_path(url)
    cached.parent.mkdir(parents=True)
    cached.write_bytes(pickle.dumps(paddlevideo(shapes_of(tiny(num_classes=400))), 4))
    path = Path("k400.pdparams")
    assert "PaddleVideo" in convert(name, path, {}, force=False)[0]
    cfg = load_config(path.with_suffix(".yaml"))
    assert (cfg.model.alpha, cfg.data.num_frames, cfg.model.width) == (4, 32, 8)
    assert cfg.data.labels == "kinetics400"
    assert (cfg.test.short_side, cfg.test.crop_size) == (224, 224)
    convert(url, path, {"model.alpha": 2}, force=True)
    assert load_config(path.with_suffix(".yaml")).model.alpha == 2
    with pytest.raises(WeightsError, match="did you mean paddlevideo/SlowFast_8x8?"):
        convert("paddlevideo/SlowFast_9x9", path, {}, force=True)


def test_files_for_charades_convert_with_their_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PySlowFast's of caffe2, and PyTorchVideo's, whose accuracy is also PySlowFast's."""
    monkeypatch.setenv("SLOWFAST_HOME", str(tmp_path / "cache"))
    alone = tiny(num_classes=157, name="slow_only", alpha=1)
    for name, state in {
        "pyslowfast/Charades/SLOWFAST_16x8_R50": caffe2(shapes_of(tiny(num_classes=157))),
        "pytorchvideo/charades/SLOW_8x8_R50": pytorchvideo(shapes_of(alone)),
    }.items():
        cached = cached_path(CATALOGUE[name].weights.url)
        cached.parent.mkdir(parents=True)
        cached.write_bytes(pickle.dumps(state, 4))
        lines = convert(name, Path("new.pdparams"), {}, force=True)
        assert "classes     157, any number of them in a video, dense pooling" in lines
        averaged = "averaged    probabilities over positions, the largest probability over views"
        assert averaged in lines
        cfg = load_config(Path("new.yaml"))
        assert (cfg.train.task, cfg.model.average_positions) == ("multi", "prob")
        assert (cfg.test.average_clips, cfg.test.protocol) == ("max", "charades")
        assert (cfg.test.num_clips, cfg.test.num_crops, cfg.test.crop_size) == (10, 3, 256)
        assert (cfg.data.labels, cfg.data.spacing) == ("charades", "stride")
        assert (cfg.data.target_fps, cfg.data.frame_fps) == (24, 24)
        both = "clip        64 frames, 1 of 2 at 24 fps; alpha 4, linspace slow frames"
        assert (both if "FAST" in name else "clip        8 frames, 1 of 8 at 24 fps") in lines
        assert ("lateral" in str(lines)) == ("FAST" in name)


NO_LATERAL_NORM = {"lateral_norm": False}


@pytest.mark.parametrize(("name", "names", "model", "boxes"), [
    ("pyslowfast/ava/SLOWFAST_64x2_R101_50_50", pyslowfast, {"nonlocal_blocks": (0,)},
     "RoIAlign 7 x 7, not aligned, of the mean over time; res5 dilated by 2 and 2; non-local "
     "blocks after 0 of res4"),
    ("pyslowfast/ava/SLOWFAST_32x2_R101_50_50_v2.1", caffe2, {"nonlocal_blocks": (0,)},
     "RoIAlign 7 x 7, not aligned, of the mean over time; res5 dilated by 2 and 2; non-local "
     "blocks after 0 of res4"),
    ("pytorchvideo/ava/SLOWFAST_8x8_R50_DETECTION", pytorchvideo_boxes, {},
     "RoIAlign 7 x 7, not aligned, of the mean over time; res5 dilated by 2 and 2"),
    ("paddlevideo/SlowFastRCNN_AVA", paddlevideo_boxes, NO_LATERAL_NORM,
     "RoIAlign 8 x 8, aligned, of the mean over time; res5 dilated by 1 and 1"),
    ("mmaction2/slowfast_kinetics400-pretrained-r50-temporal-max_8xb6-8x8x1-cosine-10e_ava22-rgb",
     mmaction2_boxes, NO_LATERAL_NORM,
     "RoIAlign 8 x 8, aligned, of the largest over time; res5 dilated by 1 and 1"),
    ("mmaction2/slowfast_context_kinetics_pretrained_r50_4x16x1_20e_ava_rgb", mmaction2_boxes,
     NO_LATERAL_NORM | {"roi_context": True},
     "RoIAlign 8 x 8, aligned, of the mean over time, and the whole picture; res5 dilated by 1 and "
     "1"),
    ("mmaction2/slowfast_kinetics_pretrained_r50_4x16x1_20e_ava_rgb_custom_classes",
     mmaction2_boxes, NO_LATERAL_NORM | {"num_classes": 16},
     "RoIAlign 8 x 8, aligned, of the mean over time; res5 dilated by 1 and 1"),
    ("mmaction2/slowfast_kinetics400-pretrained-r50_8xb16-4x16x1-8e_multisports-rgb",
     mmaction2_boxes, NO_LATERAL_NORM | {"num_classes": 65},
     "RoIAlign 8 x 8, aligned, of the mean over time; res5 dilated by 1 and 1"),
])  # fmt: skip
def test_files_for_ava_convert_with_their_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, names: Any, model: Any, boxes: str
) -> None:
    monkeypatch.setenv("SLOWFAST_HOME", str(tmp_path / "cache"))
    row = CATALOGUE[name]
    cached = cached_path(row.weights.url)
    cached.parent.mkdir(parents=True)
    state = names(shapes_of(tiny(**{"num_classes": 80} | model), "detection"))
    cached.write_bytes(pickle.dumps({"state_dict": state}, 4))
    digits = pooch.file_hash(str(cached))[:8]
    own = row.weights._replace(sha256=digits if row.weights.sha256 else "")
    monkeypatch.setitem(CATALOGUE, name, row._replace(weights=own))
    lines = convert(name, Path("new.pdparams"), {}, force=True)
    assert f"boxes       {boxes}" in lines
    cfg = load_config(Path("new.yaml"))
    system, sports, some = name.partition("/")[0], "multisports" in name, "custom" in name
    one_later = "kinetics400" in name and not sports
    protocol = {"mmaction2": "mmaction2-1.2" if one_later else "mmaction2",
                "paddlevideo": "mmaction2"}.get(system, "pyslowfast")  # fmt: skip
    rule = protocol.removesuffix("-1.2")
    assert (cfg.train.task, cfg.test.protocol, cfg.detection.rule) == ("detection", protocol, rule)
    assert cfg.detection.box_score == (0.9 if rule == "mmaction2" else 0.8)
    assert cfg.data.num_frames == (64 if "64x2" in name else 32)
    assert cfg.model.alpha == (8 if "4x16" in name else 4)
    assert cfg.data.labels == ("" if sports or some else "ava")
    assert (cfg.detection.first_id, cfg.detection.rate) == ((0, 25) if sports else (1, 1))
    assert cfg.data.target_fps == (25 if sports else 30)
    assert cfg.detection.jitter == (system in ("mmaction2", "paddlevideo"))
    assert len(cfg.detection.ids) == (16 if some else 0)
    # Of MultiSports' 66 outputs, none is the background.
    assert cfg.model.num_classes == (66 if sports else model.get("num_classes", 80))


def test_what_differs_from_the_defaults_is_written() -> None:
    write_torch("a.pth", inside="state_dict", config=CONFIG_OF_MMACTION2)
    convert("a.pth", Path("new.pdparams"), {}, force=False)
    text = Path("new.yaml").read_text(encoding="utf-8")
    assert "width: 8" in text
    assert "dropout" not in text
    assert dump_changes(Config()) == "{}\n"
    Path("b.yaml").write_text("# nothing\n{}\n", encoding="utf-8")
    assert load_config(Path("b.yaml")) == Config()


@pytest.mark.parametrize(
    ("number", "files"),
    [(400, "kinetics400 or FILE"), (157, "charades or FILE"), (5, "FILE")],
)
def test_the_class_names_that_are_proposed_fit_the_number_of_classes(
    number: int, files: str
) -> None:
    cfg = load_config(None, [f"model.num_classes={number}"])
    checkpoint = Checkpoint(Path("a.pyth"), {}, Translated({}, "PySlowFast"))
    rows = describe(checkpoint, cfg, Home({}, {}, []), {})
    assert f"class names none: --labels {files}" in rows

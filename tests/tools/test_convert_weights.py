"""Another system's file becomes ours with its config, and scores as at home; or one clear line."""

import functools
import hashlib
import logging
import pickle
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from support import torch_bytes as tb
from support.foreign_names import (
    caffe2,
    mmaction2,
    older_paddle,
    paddlevideo,
    pyslowfast,
    pytorchvideo,
)
from support.videos import numbered_picture, write_mpeg4

from slowfast.cli import main
from slowfast.config import Config, ModelConfig, config_of, load_config
from slowfast.evaluate.scores import read_scores
from slowfast.models.variants import build_model
from slowfast.tools.convert_weights import main
from slowfast.weights.load import read_weights
from slowfast.weights.systems import Tensors

MODEL: dict[str, Any] = {"slow_depth": 14, "fast_depth": 14, "width": 8, "num_classes": 5}
MMACTION2 = {"slow_frames": "strided", "head_pooling": "global", "lateral_norm": False}
ASKED = ["--alpha", "4", "--num_frames", "8"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs in ``tmp_path``, and leaves logging as it was."""
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("slowfast")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before


@functools.lru_cache
def tensors(lateral_norm: bool = True) -> Tensors:
    """A tiny network's, drawn so that classes differ."""
    rng = np.random.default_rng(0)
    model = ModelConfig(**MODEL | {"lateral_norm": lateral_norm})
    return {
        name: np.asarray(
            rng.uniform(0.5, 1.5, x.shape)
            if name.endswith("_variance")
            else rng.normal(0, 0.3, x.shape),
            np.float32,
        )
        for name, x in build_model(model, 32).state_dict().items()
    }


def write_torch(path: str, inside: str = "model_state", **beside: str) -> Path:
    """A PySlowFast file (``model_state``) or an mmaction2 one (``state_dict``)."""
    names = pyslowfast if inside == "model_state" else mmaction2
    state = names(tensors(lateral_norm=inside == "model_state"))
    parts, storages = {}, {}
    for i, (name, value) in enumerate(state.items()):
        parts[name] = tb.whole(str(i), value, False)
        storages[str(i)] = value.tobytes()
    texts = {name: tb.text(value) for name, value in beside.items()}
    content = {inside: tb.dict_of(parts)}
    content |= {"meta": tb.dict_of(texts)} if inside == "state_dict" else texts
    Path(path).write_bytes(tb.zip_file(tb.dict_of(content), storages))
    return Path(path)


def converted(path: str = "new.pdparams") -> Config:
    """What was written: its tensors are the network's, and its config reads back."""
    file = Path(path)
    with file.open("rb") as opened:
        ours = pickle.load(opened)
    lateral_norm = "s1_fuse.bn.bias" in ours
    assert {*ours} == {*tensors(lateral_norm)}
    for name, value in ours.items():
        np.testing.assert_array_equal(value, tensors(lateral_norm)[name], err_msg=name)
    return load_config(file.with_suffix(".yaml"))


WRITERS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "PaddleVideo": (
        "PaddleVideo's", lambda: pickle.dumps(paddlevideo(tensors()), 2)
    ),
    "older Paddle": (
        "PaddleVideo's", lambda: pickle.dumps(older_paddle(tensors()), 2)
    ),
    "PySlowFast": (
        "PySlowFast's",
        lambda: tb.save(pyslowfast(tensors()), legacy=False, inside="model_state"),
    ),
    "PySlowFast, legacy": (
        "PySlowFast's",
        lambda: tb.save(pyslowfast(tensors()), legacy=True, inside="model_state"),
    ),
    "PyTorchVideo, safetensors": (
        "PyTorchVideo's", lambda: safetensors.numpy.save(pytorchvideo(tensors()))
    ),
    "mmaction2": (
        "mmaction2's", lambda: tb.save(mmaction2(tensors()), legacy=False, inside="state_dict")
    ),
    "caffe2": (
        "PySlowFast (caffe2)'s", lambda: pickle.dumps({"blobs": caffe2(tensors())}, 2)
    ),
    "ours": ("", lambda: pickle.dumps(tensors(), 4)),
}  # fmt: skip


@pytest.mark.parametrize("system", WRITERS)
def test_every_system_is_converted(system: str, capsys: pytest.CaptureFixture[str]) -> None:
    origin, write = WRITERS[system]
    Path("a.weights").write_bytes(write())
    assert main(["a.weights", "sub/new.pdparams", *ASKED]) == 0
    said = capsys.readouterr()
    count = len(tensors())
    loaded = f"{count} of {count} tensors loaded from a.weights"
    assert (f"{loaded} ({origin}" if origin else f"{loaded}\n") in said.out
    assert "written: sub/new.pdparams, sub/new.yaml\n" in said.out
    assert said.err == ""
    cfg = converted("sub/new.pdparams")
    assert (cfg.model.alpha, cfg.data.num_frames, cfg.model.width) == (4, 8, 8)
    assert (cfg.test.protocol, cfg.model.slow_frames) == {
        "mmaction2": ("mmaction2", "strided"),
        "PyTorchVideo, safetensors": ("pytorchvideo", "linspace"),
    }.get(system, ("pyslowfast", "linspace"))
    assert {path.name for path in Path("sub").iterdir()} == {"new.pdparams", "new.yaml"}


CONFIG_OF_MMACTION2 = """
model = dict(backbone=dict(resample_rate=4, speed_ratio=4))
test_pipeline = [
    dict(type='SampleFrames', clip_len=8, frame_interval=1, num_clips=2, test_mode=True),
    dict(type='Resize', scale=(-1, 36)), dict(type='ThreeCrop', crop_size=36)]
"""


def test_what_is_said_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    src = write_torch("a\nb.pth", inside="state_dict", config=CONFIG_OF_MMACTION2)
    assert main([str(src), "new.pdparams", "--sampling_stride", "2"]) == 0
    rows = [
        "system      mmaction2",
        "pathways    slow R14, 8 channels; fast R14, 1 channels",
        "lateral     kernel 5, no batch norm",
        "classes     5, global pooling",
        "class names none: --labels kinetics400, or a file, names them",
        "clip        8 frames, 1 of 2 at 30 fps; alpha 4, strided slow frames",
        "colours     mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]",
        "test        2 x 3 crops of 36 pixels, short side 36, as mmaction2",
        "averaged    probabilities over positions, probabilities over views",
        "its config  model.alpha, data.num_frames, data.sampling_stride, test.num_clips, "
        "test.num_crops, test.short_side, test.crop_size",
        "given       data.sampling_stride=2",
        "note: data.sampling_stride=2, where its own config has 1",
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(rows)] == rows
    assert lines[-1] == (
        "next: python main.py --test -w new.pdparams -o data.root=... data.test_list=..."
    )
    header = [
        "new.pdparams, by python -m slowfast.tools.convert_weights",
        f"source      a b.pth, SHA-256 {hashlib.sha256(src.read_bytes()).hexdigest()}",
        *rows,
    ]
    text = Path("new.yaml").read_text(encoding="utf-8")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments == [f"# {line}" for line in header]
    assert converted() == config_of({
        "model": MODEL | MMACTION2 | {"alpha": 4},
        "data": {"num_frames": 8, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        "test": {"num_clips": 2, "short_side": 36, "crop_size": 36, "protocol": "mmaction2"},
    })  # fmt: skip


def test_the_converted_weights_score_as_the_foreign_ones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_LOGLEVEL", "-8")
    for name, first in (("a", 0), ("b", 900)):
        pictures = [numbered_picture(first + 7 * i, (64, 40)) for i in range(12)]
        write_mpeg4(Path(f"{name}.mp4"), pictures)
    Path("val.list").write_text("a.mp4 1\nb.mp4 3\n", encoding="utf-8")
    write_torch("a.pth", inside="state_dict", config=CONFIG_OF_MMACTION2)
    assert main(["a.pth", "new.pdparams"]) == 0
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


def test_labels_belong_to_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    write_torch("a.pyth")
    Path("names.txt").write_text("a\nb\nc\nd\ne\n", encoding="utf-8")
    assert main(["a.pyth", "new.pdparams", *ASKED, "--labels", "names.txt"]) == 0
    assert converted().data.labels == "names.txt"
    Path("names.txt").write_text("a\nb\n", encoding="utf-8")
    again = ["a.pyth", "other.pdparams", *ASKED, "--labels"]
    assert refusal([*again, "names.txt"], capsys) == (
        "names.txt: 2 class names for model.num_classes=5"
    )
    assert refusal([*again, "nowhere.txt"], capsys).startswith(
        "data.labels=nowhere.txt: there is no "
    )


def refusal(flags: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr; nothing is written."""
    before = {path: path.stat().st_mtime_ns for path in Path(".").rglob("*")}
    capsys.readouterr()
    assert main(flags) == 1
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert {path: path.stat().st_mtime_ns for path in Path(".").rglob("*")} == before
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def test_what_is_there_is_overwritten_only_by_force(capsys: pytest.CaptureFixture[str]) -> None:
    write_torch("a.pyth")
    for there in ("new.pdparams", "new.yaml"):
        Path(there).write_text("mine", encoding="utf-8")
        assert refusal(["a.pyth", "new.pdparams", *ASKED], capsys) == (
            f"{there} is there already: name another file, or say --force"
        )
        Path(there).unlink()
    for alpha in ("4", "2"):
        flags = ["a.pyth", "new.pdparams", "--alpha", alpha, "--num_frames", "8", "--force"]
        assert main(flags) == 0
        assert converted().model.alpha == int(alpha)


def make_link() -> None:
    Path("link.pdparams").symlink_to("a.pyth")


def make_folders() -> None:
    Path("new.pdparams").mkdir()
    Path("other.yaml").mkdir()


def make_text() -> None:
    Path("b.pyth").write_text("hello", encoding="utf-8")


def make_cut() -> None:
    whole = Path("a.pyth").read_bytes()
    Path("b.pyth").write_bytes(whole[: len(whole) // 2])


def make_resnet() -> None:
    Path("b.pyth").write_bytes(pickle.dumps({"layer1.0.conv1.weight": np.zeros((4, 4, 1, 1))}))


def make_payload() -> None:
    state = pickle.dumps({"blobs": {}}, 2)
    Path("b.pyth").write_bytes(state[:-1] + b"cos\nsystem\n(X\x05\x00\x00\x00false1R.")


def make_unlike() -> None:
    state = dict(tensors())
    state["s3.pathway0_res0.branch2.b.weight"] = np.zeros((1, 2, 3, 4, 5), np.float32)
    Path("b.pyth").write_bytes(pickle.dumps(state))


def make_mmaction2() -> None:
    text = CONFIG_OF_MMACTION2.replace("ThreeCrop", "CenterCrop").replace("=36)]", "='x')]")
    write_torch("b.pyth", inside="state_dict", config=text)


def make_nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("make", "flags", "message"),
    [
        (make_nothing, ["no.pyth", "new.pdparams"],
         "weights no.pyth cannot be read: No such file or directory"),
        (make_nothing, [".", "new.pdparams"], "weights . cannot be read: Is a directory"),
        (make_nothing, ["a.pyth", "new.pth"], "new.pth does not end with .pdparams"),
        (make_link, ["a.pyth", "link.pdparams", "--force"],
         "link.pdparams is what is to be converted: name another file"),
        (make_folders, ["a.pyth", "new.pdparams", "--force"],
         "new.pdparams is a folder: name another file"),
        (make_folders, ["a.pyth", "other.pdparams", "--force"],
         "other.yaml is a folder: name another file"),
        (make_nothing, ["a.pyth", "a.pyth/new.pdparams", *ASKED], "a.pyth: File exists"),
        (make_text, ["b.pyth", "new.pdparams"],
         "weights b.pyth is damaged or not a weights file: "),
        (make_cut, ["b.pyth", "new.pdparams"],
         "weights b.pyth is damaged or not a weights file: a zip archive whose end is missing"),
        (make_payload, ["b.pyth", "new.pdparams"],
         "weights b.pyth refused: it names os.system, which is not numpy data"),
        (make_resnet, ["b.pyth", "new.pdparams"],
         "weights b.pyth: it has no SlowFast stem by the name that PaddleVideo, "),
        (make_unlike, ["b.pyth", "new.pdparams", *ASKED],
         "weights b.pyth do not fit the network: s3.pathway0_res0.branch2.b.weight is [1, 2, 3, 4"),
        (make_nothing, ["a.pyth", "new.pdparams"],
         "weights a.pyth: it does not tell its --alpha and --num_frames: name them; none like it"),
        (make_nothing, ["a.pyth", "new.pdparams", "--alpha", "3", "--num_frames", "8"],
         "weights a.pyth: data.num_frames=8 is not divisible by model.alpha=3"),
        (make_mmaction2, ["b.pyth", "new.pdparams"],
         "weights b.pyth: test.crop_size='x' is not a whole number"),
    ],
)  # fmt: skip
def test_bad_input(
    make: Callable[[], None],
    flags: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_torch("a.pyth")
    make()
    assert refusal(flags, capsys).startswith(message)


@pytest.mark.parametrize("most", [400, 50_000])
def test_a_full_disk_leaves_what_was_there(most: int, capsys: pytest.CaptureFixture[str]) -> None:
    write_torch("a.pyth")
    assert main(["a.pyth", "new.pdparams", *ASKED]) == 0
    before = {path: path.read_bytes() for path in Path(".").glob("new.*")}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))  # fails as a full disk does
    try:
        flags = ["a.pyth", "new.pdparams", "--alpha", "2", "--num_frames", "8", "--force"]
        message = refusal(flags, capsys)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert message == f"{'new.yaml' if most == 400 else 'new.pdparams'}: File too large"
    assert {path: path.read_bytes() for path in Path(".").glob("new.*")} == before


def test_a_network_that_does_not_fit_into_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*args: object) -> None:
        raise MemoryError("(ResourceExhausted) Fail to alloc memory\n[Hint: ...]")

    write_torch("a.pyth")
    monkeypatch.setattr("slowfast.zoo.convert.build_model", full)
    assert main(["a.pyth", "new.pdparams", *ASKED]) == 1
    assert capsys.readouterr().err == "error: weights a.pyth do not fit into memory\n"
    assert not Path("new.pdparams").exists()


def test_the_next_command_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    write_torch("a.pyth")
    assert main(["a.pyth", "a folder/new.pdparams", *ASKED]) == 0
    assert "main.py --test -w 'a folder/new.pdparams' -o" in capsys.readouterr().out


@pytest.mark.parametrize("number", ["0", "-4", "two", "²"])
def test_numbers_are_positive(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a.pyth", "new.pdparams", f"--alpha={number}"])
    assert f"{number!r} is not a positive number" in capsys.readouterr().err


def test_foreign_weights_without_a_config_are_told_of_the_tool(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_torch("a.pyth")
    assert main.main(["--test", "-w", "a.pyth"]) == 1
    assert capsys.readouterr().err == (
        "error: there is no config.yaml beside the weights: name a config with -c; another "
        "system's weights get theirs from python -m slowfast.tools.convert_weights a.pyth "
        "NEW.pdparams\n"
    )


def test_a_converted_file_is_read_as_ours() -> None:
    write_torch("a.pyth")
    assert main(["a.pyth", "new.pdparams", *ASKED]) == 0
    assert {*read_weights("new.pdparams")} == {*tensors()}

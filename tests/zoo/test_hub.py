"""paddle.hub's entry points, from this folder, with published weights and files of others.

Published weights come from a folder that stands for the cache, where users may put them by hand.
"""

import hashlib
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from support.foreign_names import mmaction2, mmaction2_boxes, pyslowfast, pytorchvideo
from support.paths import REPOSITORY
from support.small_nets import tensors_of

import slowfast
from slowfast.config import ConfigError, ModelConfig, load_config
from slowfast.models import slow_r50, slowfast_r50, slowfast_r50_detection, variants
from slowfast.models.head import sigmoid, softmax
from slowfast.models.published import VARIANTS
from slowfast.models.variants import build_model, fast_pathway, slow_pathway
from slowfast.weights.damage import WeightsError
from slowfast.weights.systems import Tensors
from slowfast.zoo.catalogue import CATALOGUE
from slowfast.zoo.download import cached_path

CONSTRUCTORS = sorted(VARIANTS)
ELSEWHERE = """
import sys
sys.modules |= {"visualdl": None, "matplotlib": None}  # as if they were not installed
import paddle
repository = sys.argv[1]
sys.modules["yaml"] = None
names = paddle.hub.list(repository, source="local")
try:
    paddle.hub.load(repository, "slowfast_r50", source="local")
except RuntimeError as error:
    print(error)
del sys.modules["yaml"]
text = paddle.hub.help(repository, "slowfast_r50_4x16", source="local")
with paddle.LazyGuard():
    net = paddle.hub.load(repository, "slowfast_r50_4x16", source="local", num_classes=7)
assert repository not in sys.path
print(*names, text.split(":")[0], list(net.head.projection.weight.shape), sep="|")
"""


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published networks with an eighth of their channels."""
    monkeypatch.setattr(variants, "slow_pathway", lambda depth, width=8: slow_pathway(depth, width))
    monkeypatch.setattr(variants, "fast_pathway", lambda depth, width=1: fast_pathway(depth, width))


def load(name: str, **given: Any) -> Any:
    return paddle.hub.load(str(REPOSITORY), name, source="local", **given)


def r50_tensors(build: Callable[..., Any] = slowfast_r50, **given: Any) -> Tensors:
    """As many different numbers as an R50 has tensors, by our names."""
    with paddle.LazyGuard():  # of which the shapes alone are needed
        state = build(**given).state_dict()
    return {
        name: np.full(x.shape, 0.01 * i, np.float32) for i, (name, x) in enumerate(state.items())
    }


def write(path: Path, tensors: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(tensors, protocol=4))
    return path


def same(net: Any, expected: Tensors) -> bool:
    """Whether a network holds these numbers; what has another shape is left out."""
    ours = tensors_of(net)
    kept = {name: x for name, x in ours.items() if x.shape == expected[name].shape}
    return list(ours) == list(expected) and all(
        np.array_equal(x, expected[name]) for name, x in kept.items()
    )


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_help_tells_what_a_user_needs(name: str) -> None:
    text = " ".join(paddle.hub.help(str(REPOSITORY), name, source="local").split())
    variant, official = VARIANTS[name], VARIANTS[name].weights[0]
    assert text.startswith(f"{variant.about} Its official weights are ")
    assert official.name.partition("/")[0] in text.lower()
    metric, score = next(iter(official.scores.items()))
    assert f"{metric} {score:.2f}." in text
    fps = 24 if name.endswith("charades") else 30
    assert f"1 of {variant.sampling_stride} of a video at {fps} per second" in text
    assert f"{variant.num_classes} with fresh weights." in text
    for word in ("[N, 3, T, H, W]", "pretrained:", "num_classes:", "net.eval()", "0.225", "0.406"):
        assert word in text


def test_from_another_folder(tmp_path: Path) -> None:
    """As a user does who has the repository, and has not installed it."""
    (tmp_path / "hubconf.py").write_text("raise ImportError('not this one')")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(REPOSITORY)],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = [*CONSTRUCTORS, "SlowFast 4x16, R50", "[2304, 7]"]
    assert done.stdout.splitlines() == ["Missing dependencies: yaml", "|".join(expected)]


def test_what_is_in_the_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing library; or PySlowFast, whose package is called slowfast, too."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "safetensors", None)
        with pytest.raises(RuntimeError, match="^Missing dependencies: safetensors$"):
            load("slowfast_r50")
    monkeypatch.setattr(slowfast, "__path__", [str(tmp_path)])
    with pytest.raises(RuntimeError, match=f"another package of the name slowfast .*{tmp_path}"):
        load("slowfast_r50")


def published(name: str, tensors: Tensors, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts tensors where the cache has a published file, and says that they are it."""
    monkeypatch.setenv("SLOWFAST_HOME", str(folder))
    row = CATALOGUE[name]
    path = write(cached_path(row.weights.url), tensors)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()[: len(row.weights.sha256)]
    monkeypatch.setitem(CATALOGUE, name, row._replace(weights=row.weights._replace(sha256=sha256)))


@pytest.mark.usefixtures("narrow")
def test_the_official_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, tensors = "pytorchvideo/SLOWFAST_8x8_R50", r50_tensors()
    published(name, pytorchvideo(tensors), tmp_path, monkeypatch)
    loaded = load("slowfast_r50", pretrained=True)
    assert same(loaded, tensors)
    assert loaded.average_positions == "score"
    assert capsys.readouterr().out.splitlines() == [
        f"552 of 552 tensors loaded from {cached_path(CATALOGUE[name].weights.url)} "
        "(PyTorchVideo's; 110 num_batches_tracked left out)",
        "its clips: 32 frames, 1 of 2 at 30 per second, RGB / 255, less [0.45, 0.45, 0.45], "
        "divided by [0.225, 0.225, 0.225]",
    ]
    loaded = load("slowfast_r50", pretrained=name, num_classes=24, dropout=0.8)
    assert same(loaded, tensors)
    assert (loaded.head.projection.weight.shape, loaded.head.dropout.p) == ([288, 24], 0.8)
    assert "400 classes in the file, 24 in the network" in capsys.readouterr().out


def test_published_weights_of_another_network() -> None:
    with pytest.raises(WeightsError) as error:
        load("slowfast_r101", pretrained="pytorchvideo/SLOWFAST_8x8_R50")
    assert str(error.value).endswith(
        "SLOWFAST_8x8_R50.pyth is of slowfast_r50; published for slowfast_r101: "
        "pytorchvideo/SLOWFAST_8x8_R101, mmaction2/slowfast_r101_8x8x1_256e"
    )


@pytest.mark.usefixtures("narrow")
def test_a_file_of_another_system(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is particular to mmaction2 is set: its frames, pooling and lateral connections."""
    tensors = r50_tensors(num_classes=5, lateral_norm=False)
    path = write(tmp_path / "net.pth", {"state_dict": mmaction2(tensors)})
    loaded = load("slowfast_r50", pretrained=str(path))
    assert same(loaded, tensors) and loaded.head.projection.weight.shape[1] == 5
    assert (loaded.slow_frames, loaded.head.pool_size) == ("strided", None)
    said = capsys.readouterr().out
    assert "less [0.485, 0.456, 0.406], divided by [0.229, 0.224, 0.225]" in said
    assert "its classes: 5; those of slowfast_r50 are 400\n" in said


@pytest.mark.usefixtures("narrow")
def test_a_slow_pathway_of_each_system(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = r50_tensors(slow_r50, num_classes=5)
    for system in (pyslowfast, pytorchvideo, mmaction2):
        path = write(tmp_path / "slow.pth", {"state_dict": system(tensors)})
        loaded = load("slow_r50", pretrained=str(path))
        assert same(loaded, tensors) and loaded.head.projection.weight.shape == [256, 5]
        assert "its clips: 8 frames, 1 of 8 at 30 per second" in capsys.readouterr().out
    assert loaded.head.pool_size is None  # mmaction2's
    load("slow_r50_4x16", pretrained=str(path))
    assert "its clips: 4 frames, 1 of 16 at 30 per second" in capsys.readouterr().out
    message = f"{path} have the slow pathway alone, slowfast_r50 both pathways: load them with"
    with pytest.raises(WeightsError, match=re.escape(message)):
        load("slowfast_r50", pretrained=str(path))
    path = write(tmp_path / "both.pth", pytorchvideo(r50_tensors()))
    message = f"{path} have both pathways, slow_r50 the slow pathway alone: load them with another"
    with pytest.raises(WeightsError, match=re.escape(message)):
        load("slow_r50", pretrained=str(path))
    with pytest.raises(TypeError, match="unexpected keyword argument 'lateral_norm'"):
        load("slow_r50", lateral_norm=False)


@pytest.mark.usefixtures("narrow")
def test_several_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of published weights, of a config in the file or beside it, or as the user says."""
    name, tensors = "pytorchvideo/charades/SLOWFAST_8x8_R50", r50_tensors(num_classes=157)
    published(name, pytorchvideo(tensors), tmp_path, monkeypatch)
    loaded = load("slowfast_r50_charades", pretrained=True)
    assert same(loaded, tensors)
    assert (loaded.probabilities, loaded.average_positions) == (sigmoid, "prob")
    said = capsys.readouterr().out
    assert "its clips: 32 frames, 1 of 2 at 24 per second" in said and "its classes" not in said
    content = {"cfg": "MODEL: {HEAD_ACT: sigmoid}", "model_state": pyslowfast(tensors)}
    path = str(write(tmp_path / "mine.pyth", content))
    assert load("slowfast_r50", pretrained=path).probabilities is sigmoid
    assert load("slowfast_r50", pretrained=path, task="single").probabilities is softmax
    assert load("slowfast_r50", task="multi").probabilities is sigmoid
    cfg_net = build_model(ModelConfig(slow_depth=14, fast_depth=14, width=16), 224)
    path = str(write(tmp_path / "own.pdparams", tensors_of(cfg_net)))
    text = "model: {slow_depth: 14, fast_depth: 14, width: 16}\ntrain: {task: multi}"
    (tmp_path / "own.yaml").write_text(text)
    assert load("slowfast_r50", pretrained=path).probabilities is sigmoid
    assert load("slowfast_r50", pretrained=path, task="single").probabilities is softmax


@pytest.mark.usefixtures("narrow")
def test_detectors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As their system has them; a file that classifies clips starts one."""
    tensors = r50_tensors(slowfast_r50_detection, lateral_norm=False)
    path = write(tmp_path / "net.pth", {"state_dict": mmaction2_boxes(tensors)})
    loaded = load("slowfast_r50_detection", pretrained=str(path))
    assert same(loaded, tensors) and loaded.has_boxes
    assert (loaded.head.pooling.size, loaded.head.pooling.aligned) == (8, True)
    assert loaded.s5.pathway0_res1.branch2.b._dilation == [1, 1, 1]
    assert "less [0.485, 0.456, 0.406], divided" in capsys.readouterr().out
    path = write(tmp_path / "plain.pth", pytorchvideo(r50_tensors()))
    loaded = load("slowfast_r50_detection", pretrained=str(path))
    assert loaded.head.projection.weight.shape == [288, 80]
    assert (loaded.head.pooling.size, loaded.head.pooling.aligned) == (7, False)
    assert loaded.s5.pathway1_res1.branch2.b._dilation == [1, 2, 2]
    assert "the network classifies boxes, and the file does not" in capsys.readouterr().out
    path = write(tmp_path / "own.pth", tensors)  # by our names alone
    loaded = load("slowfast_r50_detection", pretrained=str(path))
    assert same(loaded, tensors) and not loaded.head.pooling.aligned


@pytest.mark.usefixtures("narrow")
def test_weights_of_the_other_task_are_refused(tmp_path: Path) -> None:
    """Unless the task is given, or a file of another system starts a detector."""
    detector = r50_tensors(slowfast_r50_detection, lateral_norm=False)
    path = str(write(tmp_path / "box.pth", {"state_dict": mmaction2_boxes(detector)}))
    with pytest.raises(
        WeightsError, match="box.pth are a detector's, .* slowfast_r50 .*_detection"
    ):
        load("slowfast_r50", pretrained=path)
    ours = ModelConfig(slow_depth=14, fast_depth=14, width=16)
    for task, name in (("single", "slowfast_r50_detection"), ("detection", "slowfast_r50")):
        net = build_model(ours, 224, task)
        path = str(write(tmp_path / f"{task}.pdparams", tensors_of(net)))
        text = f"model: {{slow_depth: 14, fast_depth: 14, width: 16}}\ntrain: {{task: {task}}}"
        (tmp_path / f"{task}.yaml").write_text(text)
        with pytest.raises(WeightsError, match=f"{task}.pdparams .* {name} "):
            load(name, pretrained=path)
        assert load(name, pretrained=path, task=task).has_boxes == (task == "detection")
    path = str(tmp_path / "single.pdparams")
    assert load("slowfast_r50_detection", pretrained=path, task="detection").has_boxes
    text = "model: {slow_depth: 14, fast_depth: 14, width: 16, labels_per_box: one}\n"
    (tmp_path / "detection.yaml").write_text(text + "train: {task: detection}")
    path = str(tmp_path / "detection.pdparams")
    assert load("slowfast_r50_detection", pretrained=path).probabilities is softmax


def test_another_depth_or_width_is_told(tmp_path: Path) -> None:
    for depth, fault in (
        (26, r"have depth \(26, 26\), slowfast_r50_detection \(50, 50\)"),
        (50, "have 8 channels in the first layer, slowfast_r50_detection 64"),
    ):
        depths: Any = {"slow_depth": depth, "fast_depth": depth}
        cfg = ModelConfig(**depths, width=8, num_classes=80)
        tensors = mmaction2_boxes(tensors_of(build_model(cfg, 32, "detection")))
        path = write(tmp_path / f"{depth}.pth", {"state_dict": tensors})
        with pytest.raises(WeightsError, match=f"{fault}: .*convert_weights"):
            load("slowfast_r50_detection", pretrained=str(path))


def test_alpha_is_the_constructors(tmp_path: Path) -> None:
    """Which no tensor tells, but perhaps the config in the file."""
    tensors = tensors_of(build_model(ModelConfig(slow_depth=14, fast_depth=14, width=8), 32))
    content = {"cfg": "SLOWFAST: {ALPHA: 8}", "model_state": pyslowfast(tensors)}
    path = write(tmp_path / "net.pyth", content)
    with pytest.raises(WeightsError, match="net.pyth have alpha 8, slowfast_r50 4: load them with"):
        load("slowfast_r50", pretrained=str(path))


@pytest.mark.usefixtures("narrow")
def test_a_network_with_another_alpha_is_told_by_its_lateral_kernel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """4x16 has kernels of 5 and 8x8 of 7; but for alpha, each constructor could hold the other."""
    path = write(tmp_path / "a.pdparams", r50_tensors(fusion_kernel=5))
    message = (
        f"weights {path} are like those of slowfast_r50_4x16, whose alpha is 8, and slowfast_r50 "
        "has 4: load them with another constructor, or say fusion_kernel=5"
    )
    with pytest.raises(WeightsError, match=f"^{re.escape(message)}$"):
        load("slowfast_r50", pretrained=str(path))
    load("slowfast_r50", pretrained=str(path), fusion_kernel=5)
    assert capsys.readouterr().out.startswith("552 of 552 tensors loaded")


def test_a_config_beside_the_file_describes_the_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also if it is another one than the entry point's."""
    config = "{slow_depth: 14, fast_depth: 14, width: 16, num_classes: %d, alpha: 2}"
    for name, number in (("best.yaml", 3), ("config.yaml", 4)):
        folder = tmp_path / str(number)
        folder.mkdir()
        text = f"model: {config % number}\ndata: {{num_frames: 16, mean: [0, 0, 0]}}"
        (folder / name).write_text(text)
        cfg_net = build_model(load_config(folder / name).model, 224)
        path = write(folder / "best.pdparams", tensors_of(cfg_net))
        loaded = load("slowfast_r50", pretrained=str(path))
        assert same(loaded, tensors_of(cfg_net))
        assert loaded.head.projection.weight.shape[1] == number
        assert capsys.readouterr().out.splitlines()[1:] == [
            f"the network is the one of {folder / name}",
            "its clips: 16 frames, 1 of 2 at 30 per second, RGB / 255, less [0.0, 0.0, 0.0], "
            "divided by [0.225, 0.225, 0.225]",
        ]
    loaded = load("slowfast_r50", pretrained=str(path), num_classes=9, slow_frames="strided")
    assert (loaded.head.projection.weight.shape[1], loaded.slow_frames) == (9, "strided")
    with pytest.raises(ConfigError, match="unknown config key 'model.pool_size'"):
        load("slowfast_r50", pretrained=str(path), pool_size=None)


@pytest.mark.parametrize(
    ("source", "hint"),
    [("pytorchvideo/SLOWFAST_8x8_R5", "did you mean pytorchvideo/SLOWFAST_8x8_R50?"),
     ("nowhere.pth", "docs/zoo.md names the published ones")],
)  # fmt: skip
def test_weights_that_are_not_there(source: str, hint: str) -> None:
    message = f"weights {source} cannot be read: No such file or directory ({hint})"
    with pytest.raises(WeightsError, match=f"^{re.escape(message)}$"):
        load("slowfast_r50", pretrained=source)


@pytest.mark.parametrize("number", [0, -3, "7", 2.0, True])
def test_a_number_of_classes_that_cannot_be(number: Any) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"num_classes={number!r} is not a whole")):
        load("slowfast_r50", num_classes=number)


def test_a_task_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="task='both' is neither single nor multi"):
        load("slow_r50", task="both", pretrained=True)
    with pytest.raises(ValueError, match="task='both' is neither single nor multi"):
        slowfast_r50(task="both")

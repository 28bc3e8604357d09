"""Each system's own preprocessing and test, and what only the user can know."""

from typing import Any

import pytest
from support.checkpoints import ALPHA_AND_FRAMES, checkpoint, home_of, shapes_of, tiny
from support.foreign_names import (
    caffe2,
    mmaction2,
    mmaction2_boxes,
    older_paddle,
    paddlevideo,
    paddlevideo_boxes,
    pyslowfast,
    pytorchvideo,
    pytorchvideo_boxes,
    pytorchvideo_trained,
)

from slowfast.config import ConfigError, ModelConfig, config_of
from slowfast.models.published import VARIANTS
from slowfast.weights.damage import WeightsError
from slowfast.zoo.architecture import Settings, model_settings
from slowfast.zoo.origin import home_config, home_settings, published_like
from slowfast.zoo.source_settings import OF_BOXES

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


@pytest.mark.parametrize(("system", "differs"), [
    *((system, {}) for system in (paddlevideo, older_paddle, pyslowfast, caffe2)),
    (pytorchvideo, {"model": {"average_positions": "score"},
                    "test": {"protocol": "pytorchvideo"}}),
    (pytorchvideo_trained, {"test": {"protocol": "pytorchvideo"}}),
    (mmaction2, {"model": {"slow_frames": "strided", "head_pooling": "global"},
                 "data": IMAGENET, "test": {"protocol": "mmaction2"}}),
])  # fmt: skip
def test_each_systems_habits(system: Any, differs: dict[str, Any]) -> None:
    model = tiny(alpha=4)
    home = home_settings(checkpoint(system(shapes_of(model))), ALPHA_AND_FRAMES)
    of_tiny = {"alpha": 4, "slow_depth": 14, "fast_depth": 14, "width": 8, "num_classes": 3}
    expected = {**differs, "model": of_tiny | differs.get("model", {})}
    assert config_of(home.settings) == config_of(expected)
    assert (home.notes, home.embedded) == ([], {})


def test_what_lightning_has_trained_is_pytorchvideos_own() -> None:
    """It calls tensors as PySlowFast does, which averages probabilities."""
    state = pytorchvideo_trained(shapes_of(tiny(alpha=4)))
    file = checkpoint(state, **{"pytorch-lightning_version": "1.9.0"})
    home = home_settings(file, ALPHA_AND_FRAMES)
    assert home.settings["model.average_positions"] == "score"


@pytest.mark.parametrize(("given", "message"), [
    ({}, "it does not tell its --alpha and --num_frames: name them; published ones like it: "
         "--alpha 8 --num_frames 32 (slowfast_r50_4x16)"),
    ({"model.alpha": 8}, "it does not tell its --num_frames: name them; "),
    ({"data.num_frames": 32}, "it does not tell its --alpha: name them; "),
])  # fmt: skip
def test_alpha_and_frames_are_asked_for(given: Settings, message: str) -> None:
    tensors = shapes_of(ModelConfig(width=8))
    with pytest.raises(WeightsError) as caught:
        home_settings(checkpoint(pyslowfast(tensors)), given)
    assert str(caught.value).startswith(message)


SLOW = ("slow_r50", "slow_r50_4x16", "slow_r50_charades", "slow_r50_detection")


def like(name: str, **given: Any) -> ModelConfig:
    """The network of a constructor, of few channels."""
    variant = VARIANTS[name]
    slow, fast = variant.depths[0], variant.depths[-1]
    few: dict[str, Any] = {
        "slow_depth": slow,
        "fast_depth": fast,
        "width": 8,
        "beta_inv": 4,
        "num_classes": 3,
    }
    few |= {"name": "slow_only", "alpha": 1} if name in SLOW else {}
    own = variant.arguments | given
    own = {key: value for key, value in own.items() if key not in ("task", "pooling")}
    return ModelConfig(**few | own)


NETWORKS = {
    (name, *weights.arguments.items()): (name, weights.arguments)
    for name, variant in VARIANTS.items()
    for weights in variant.weights
}


@pytest.mark.parametrize(("name", "given"), NETWORKS.values())
def test_the_published_networks_are_told_where_alpha_is_asked_for(
    name: str, given: dict[str, Any]
) -> None:
    variant = VARIANTS[name]
    task = variant.arguments.get("task", "single")
    with pytest.raises(WeightsError) as caught:
        home_settings(checkpoint(shapes_of(like(name, **given), task)), {"train.task": task})
    flags = f"--alpha {variant.alpha} --num_frames {variant.num_frames} ("
    if name in SLOW:
        flags = f"--num_frames {variant.num_frames} --sampling_stride {variant.sampling_stride} ("
    _, _, names = str(caught.value).partition(flags)
    assert name in names.partition(")")[0].split(", ")


def test_networks_with_the_same_tensors_are_all_told() -> None:
    assert found_like("slowfast_r50") == [
        ("slowfast_r50", 4, 32, 2), ("slowfast_r50_16x8_sthv1", 4, 64, 2),
        ("slowfast_r50_16x8_charades", 4, 64, 2), ("slowfast_r50_charades", 4, 32, 2),
    ]  # fmt: skip
    assert found_like("slowfast_16x8_r101_50_50") == [
        ("8x8", 4, 32, None), ("slowfast_16x8_r101_50_50", 4, 64, 2)
    ]  # fmt: skip
    slow = [("slow_r50", 1, 8, 8), ("slow_r50_4x16", 1, 4, 16), ("slow_r50_charades", 1, 8, 8)]
    assert found_like("slow_r50_4x16") == slow
    fast = ModelConfig(name="fast_only", alpha=1)
    for model in (tiny(), tiny(name="slow_only"), fast):
        assert published_like(model_settings(shapes_of(model))) == []


def found_like(name: str) -> list[tuple[Any, ...]]:
    """The networks with such tensors: name, alpha, frames, stride."""
    keys = ("model.alpha", "data.num_frames", "data.sampling_stride")
    found = published_like(model_settings(shapes_of(like(name))))
    return [(constructor, *map(config.get, keys)) for constructor, config in found]


def test_the_message_where_nothing_published_is_alike() -> None:
    with pytest.raises(WeightsError, match="none like it is known"):
        home_settings(checkpoint(shapes_of(tiny())), {})
    alone = checkpoint(shapes_of(tiny(name="slow_only")))
    message = "not tell its --num_frames and --sampling_stride: name them; none like it is known"
    with pytest.raises(WeightsError, match=message):
        home_settings(alone, {})
    with pytest.raises(WeightsError, match="not tell its --sampling_stride: name them; none"):
        home_settings(alone, {"model.alpha": 4, "data.num_frames": 32})
    with pytest.raises(WeightsError, match="not tell its --num_frames: name them; none like it"):
        home_settings(checkpoint(shapes_of(tiny(name="fast_only", width=16))), {})


def test_a_detector_like_no_published_one_is_told_what_those_have() -> None:
    for name, usual in (
        ("slowfast", "--alpha 4 --num_frames 32, or --alpha 8 --num_frames 32"),
        ("slow_only", "--num_frames 4 --sampling_stride 16$"),
    ):
        with pytest.raises(WeightsError, match=f"published detectors have {usual}"):
            home_settings(checkpoint(shapes_of(tiny(name=name))), {"train.task": "detection"})


def test_published_slow_pathways_are_named_by_their_flags() -> None:
    with pytest.raises(WeightsError) as caught:
        home_settings(checkpoint(pytorchvideo(shapes_of(like("slow_r50")))), {})
    assert str(caught.value) == (
        "it does not tell its --num_frames and --sampling_stride: name them; published ones like "
        "it: --num_frames 8 --sampling_stride 8 (slow_r50, slow_r50_charades); --num_frames 4 "
        "--sampling_stride 16 (slow_r50_4x16)"
    )


def test_what_is_given_wins_and_is_said() -> None:
    given = {"model.alpha": 4, "data.num_frames": 16, "data.sampling_stride": 2}
    text = "{SLOWFAST: {ALPHA: 2}, DATA: {NUM_FRAMES: 16, SAMPLING_RATE: 3}}"
    cfg, notes = home_of(pyslowfast, given, cfg=text)
    assert (cfg.model.alpha, cfg.data.num_frames, cfg.data.sampling_stride) == (4, 16, 2)
    assert notes == [
        "model.alpha=4, where its own config has 2",
        "data.sampling_stride=2, where its own config has 3",
    ]


def test_a_default_goes_behind_the_config_in_the_file() -> None:
    file = checkpoint(pyslowfast(shapes_of(tiny())), cfg="SLOWFAST: {ALPHA: 2}")
    home, cfg = home_config(file, {}, default={"model.alpha": 4, "data.num_frames": 16})
    assert (cfg.model.alpha, cfg.data.num_frames) == (2, 16)
    assert (home.embedded, home.notes) == ({"model.alpha": 2}, [])


def test_what_does_not_fit_together_names_the_file() -> None:
    file = checkpoint(shapes_of(tiny()))
    with pytest.raises(ConfigError, match="^weights a.pth: data.num_frames=32 is not divisible by"):
        home_config(file, {"model.alpha": 3, "data.num_frames": 32})
    with pytest.raises(WeightsError, match="^weights a.pth: it does not tell its --alpha and"):
        home_config(file, {})


BOXES = {"PySlowFast": pyslowfast, "PySlowFast (caffe2)": caffe2,
         "PyTorchVideo": pytorchvideo_boxes, "mmaction2": mmaction2_boxes,
         "PaddleVideo": paddlevideo_boxes}  # fmt: skip


@pytest.mark.parametrize("system", BOXES)
def test_each_systems_detector(system: str) -> None:
    """Its habits, and the names of AVA for as many classes."""
    for classes, labels in ((80, "ava"), (5, "")):
        model = tiny(alpha=4, num_classes=classes, lateral_norm=system != "PaddleVideo")
        file = checkpoint(BOXES[system](shapes_of(model, "detection")))
        home = home_settings(file, ALPHA_AND_FRAMES | {"train.task": "detection"})
        told = {key: getattr(model, key) for key in
                ("slow_depth", "fast_depth", "width", "num_classes", "lateral_norm")}  # fmt: skip
        settings = {f"model.{key}": value for key, value in told.items()}
        expected = OF_BOXES[system] | settings | ALPHA_AND_FRAMES | {"data.labels": labels}
        assert config_of(home.settings) == config_of(expected)
        background = system in ("mmaction2", "PaddleVideo")
        said = f"the first of {classes + 1} outputs is left out, the background: no config in the"
        assert [note.startswith(said) for note in home.notes] == [True] * background


@pytest.mark.parametrize(("classes", "blocks"), [(80, ()), (5, (0,))], ids=str)
def test_a_detector_of_pyslowfast_is_guessed_and_the_guess_is_told(
    classes: int, blocks: tuple[int, ...]
) -> None:
    """Neither a name nor a config tells it."""
    model = tiny(num_classes=classes, nonlocal_blocks=blocks)
    file = checkpoint(pyslowfast(shapes_of(model, "detection")))
    home = home_settings(file, ALPHA_AND_FRAMES)
    assert home.settings["train.task"] == "detection"
    (note,) = home.notes
    assert note.startswith(f"{classes} classes") and "taken for a detector on AVA; if" in note
    home = home_settings(file, ALPHA_AND_FRAMES | {"train.task": "single"})
    assert (config_of(home.settings).train.task, home.notes) == ("single", [])
    plain = pyslowfast(shapes_of(tiny()))
    with_config = checkpoint(pyslowfast(shapes_of(model)), cfg="SLOWFAST: {ALPHA: 4}")
    for other in (checkpoint(plain), with_config):
        home = home_settings(other, ALPHA_AND_FRAMES)
        assert (config_of(home.settings).train.task, home.notes) == ("single", [])


def test_a_task_that_the_names_rule_out() -> None:
    file = checkpoint(mmaction2_boxes(shapes_of(tiny(), "detection")))
    message = "a.pth: it is a detector's, which classifies boxes: --task multi cannot be"
    with pytest.raises(WeightsError, match=message):
        home_config(file, ALPHA_AND_FRAMES | {"train.task": "multi"})
    file = checkpoint(pytorchvideo(shapes_of(tiny())))
    with pytest.raises(WeightsError, match="a.pth: it classifies clips, and no boxes: train a det"):
        home_config(file, ALPHA_AND_FRAMES | {"train.task": "detection"})
    kinetics = checkpoint(pyslowfast(shapes_of(tiny(num_classes=600))))
    with pytest.raises(WeightsError, match="a.pth: it classifies clips, and no boxes: train a det"):
        home_config(kinetics, ALPHA_AND_FRAMES | {"train.task": "detection"})

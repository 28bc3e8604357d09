"""The networks answer as PyTorchVideo's do to the same weights and clips.

The fixture and how it was made: golden/make_pytorchvideo_logits.py. The weights come from the
tensors' names (golden/name_seeded.py), so this also pins every name and layout of our state dict.
"""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from golden.name_seeded import name_seeded, seeded_clip
from support.filled import fill
from support.paths import GOLDEN

import slowfast.models
from slowfast.config import load_config
from slowfast.models import build_model
from slowfast.models import slowfast as network
from slowfast.models.cost import count_parameters
from slowfast.models.published_ava import OF_MMACTION2, WITH_CONTEXT
from slowfast.models.roi_head import joined
from slowfast.models.slowfast import VideoClassifier
from slowfast.weights.load import load_weights
from slowfast.zoo.convert import convert

FIXTURE = json.loads((GOLDEN / "pytorchvideo_logits.json").read_text())
# Logits have a standard deviation of 1.4 to 2.0. With another rule for the slow frames they move
# by 0.03 and more, with a batch-norm epsilon of 1e-3 by 0.016, with another clip by 0.09.
TOLERANCE = 1e-4
# 10 to 30 s each on two CPU cores.
SLOW = ("slowfast_r101", "slowfast_16x8_r101_50_50")
CASES = [
    pytest.param(
        case,
        id=f"{case['constructor']}-{case['clip_shape'][-1]}",
        marks=[pytest.mark.slow] if case["constructor"] in SLOW else [],
    )
    for case in FIXTURE["cases"]
]


@pytest.mark.parametrize("probe", FIXTURE["probes"], ids=lambda probe: probe["name"])
def test_name_seeded_draws_what_the_fixture_was_made_with(probe: dict[str, Any]) -> None:
    """If this fails, NumPy draws other numbers: remake the fixture, do not doubt the network."""
    values = name_seeded(probe["name"], probe["shape"])
    assert values.dtype == np.float32
    np.testing.assert_allclose(values.ravel()[:4], probe["values"], rtol=1e-6)


@functools.lru_cache(maxsize=1)
def filled(constructor: str) -> VideoClassifier:
    """A network with the weights of its tensors' names; the last one is kept for the next case."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "initialize", lambda model: None)  # all of it is overwritten
        model: VideoClassifier = getattr(slowfast.models, constructor)()
    model.eval()
    fill(model)
    return model


@pytest.mark.parametrize("case", CASES)
def test_logits_are_those_of_pytorchvideo(case: dict[str, Any]) -> None:
    model = filled(case["constructor"])
    trainable = [parameter for parameter in model.parameters() if not parameter.stop_gradient]
    assert sum(parameter.size for parameter in trainable) == case["trainable_params"]
    clip_NCTHW = paddle.to_tensor(seeded_clip(case["clip_seed"], case["clip_shape"]))
    with paddle.no_grad():
        logits_NK = model(clip_NCTHW).numpy()

    assert logits_NK.shape == (1, 400)
    np.testing.assert_allclose(logits_NK[0], case["logits"], rtol=0, atol=TOLERANCE)


ANSWERS: dict[str, Any] = json.loads((GOLDEN / "slow_answers.json").read_text())
"""Of small networks of PyTorchVideo and mmaction2, by golden/make_slow_files.py."""


@pytest.mark.parametrize(("name", "constructor", "classes"), [
    ("slow_r50", "slow_r50", 400), ("slowonly_r50", "slow_r50_4x16", 400),
    ("slow_r50_charades", "slow_r50_charades", 157),
    ("slowfast_r50_charades", "slowfast_r50_charades", 157),
])  # fmt: skip
def test_parameters_are_as_many_as_in_the_systems_own(
    name: str, constructor: str, classes: int
) -> None:
    with paddle.LazyGuard():
        net = getattr(slowfast.models, constructor)()
    assert count_parameters(net) == ANSWERS["parameters"][name]
    assert net.head.projection.weight.shape[1] == classes


DETECTORS: dict[str, Any] = json.loads((GOLDEN / "detection_answers.json").read_text())
"""Of PyTorchVideo and mmaction2, by golden/make_detection_files.py."""
OF_8X8 = {"model.alpha": 4, "data.num_frames": 32}
OF_4X16 = {"model.alpha": 8, "data.num_frames": 32}


@pytest.mark.parametrize(("file", "answer", "given"), [
    ("detection_pytorchvideo.pyth", "pytorchvideo 2 7 False", OF_8X8),
    ("detection_pytorchvideo.pyth", "pytorchvideo 1 7 True",
     OF_8X8 | {"model.dilations": [2, 1], "model.roi_aligned": True}),
    ("detection_pytorchvideo.pyth", "pytorchvideo 2 8 False", OF_8X8 | {"model.roi_size": 8}),
    ("detection_mmaction2.pth", "mmaction2 avg False", OF_4X16),
    ("detection_mmaction2.pth", "mmaction2 max False", OF_4X16 | {"model.roi_time": "max"}),
    ("detection_mmaction2_context.pth", "mmaction2 avg True", OF_4X16),
])  # fmt: skip
def test_a_systems_own_detector_converts_and_answers_as_there(
    tmp_path: Path, file: str, answer: str, given: dict[str, Any]
) -> None:
    """Dilations, grids, alignment, time and context; without mmaction2's background."""
    convert(GOLDEN / file, tmp_path / "net.pdparams", given, force=False)
    cfg = load_config(tmp_path / "net.yaml")
    net = build_model(cfg.model, cfg.data.crop_size, cfg.train.task)
    load_weights(net, tmp_path / "net.pdparams")
    net.eval()
    clip_NCTHW = paddle.to_tensor(seeded_clip(*DETECTORS["clip"]))
    boxes = np.array(DETECTORS["boxes"], np.float32)
    per_clip = joined([boxes[boxes[:, 0] == clip, 1:] for clip in (0, 1)])
    with paddle.no_grad():
        found_KA = net(clip_NCTHW, *per_clip).numpy()
    expected = np.array(DETECTORS["logits"][answer])[:, -cfg.model.num_classes :]
    assert np.abs(found_KA - expected).max() < 1e-5 * np.abs(expected).max()
    others = [
        np.array(rows)[:, -6:] for name, rows in DETECTORS["logits"].items() if name != answer
    ]
    assert min(np.abs(other - expected).max() for other in others) > 0.1


@pytest.mark.parametrize(("name", "constructor", "given"), [
    ("slowfast_r50_detection", "slowfast_r50_detection", {}),
    ("slow_r50_detection", "slow_r50_detection", {}),
    ("mmaction2 8 False", "slowfast_r50_4x16_detection", OF_MMACTION2),
    ("mmaction2 4 False", "slowfast_r50_detection", OF_MMACTION2),
    ("mmaction2 8 True", "slowfast_r50_4x16_detection", WITH_CONTEXT),
], ids=str)  # fmt: skip
def test_a_detector_has_as_many_parameters_as_in_the_systems_own(
    name: str, constructor: str, given: dict[str, Any]
) -> None:
    """And as many tensors, but for the counters of batch norms. mmaction2 has the background."""
    background = "mmaction2" in name
    with paddle.LazyGuard():
        net = getattr(slowfast.models, constructor)(num_classes=80 + background, **given)
    norms = sum(name.endswith("._mean") for name in net.state_dict())
    assert [count_parameters(net), len(net.state_dict()) + norms] == DETECTORS["sizes"][name]


SIGMOID = {"train.task": "multi", "model.average_positions": "prob"}
"""A head of PyTorchVideo that has an activation averages over positions after it."""


@pytest.mark.parametrize(("file", "answer", "given"), [
    ("pytorchvideo_slow_small.pyth", "pytorchvideo", {}),
    ("mmaction2_slow_small.pth", "mmaction2", {}),
    ("pytorchvideo_slow_small.pyth", "pytorchvideo, sigmoid", SIGMOID),
    ("pytorchvideo_small.pyth", "pytorchvideo, both, sigmoid", SIGMOID),
], ids=["PyTorchVideo", "mmaction2", "sigmoid", "both pathways, sigmoid"])  # fmt: skip
def test_a_systems_own_file_converts_and_answers_as_there(
    tmp_path: Path, file: str, answer: str, given: dict[str, Any]
) -> None:
    both = "both" in answer
    clips = {"model.alpha": 4, "data.num_frames": 32} if both else {"data.num_frames": 8}
    clips |= {"data.sampling_stride": 2 if both else 8, "data.crop_size": 64}
    convert(GOLDEN / file, tmp_path / "net.pdparams", clips | given, force=False)
    cfg = load_config(tmp_path / "net.yaml")
    net = build_model(cfg.model, cfg.data.crop_size, cfg.train.task)
    load_weights(net, tmp_path / "net.pdparams")
    net.eval()
    clip_NCTHW = paddle.to_tensor(seeded_clip(*ANSWERS["both" if both else "clip"]))
    with paddle.no_grad():
        found_NK = (net.predict if given else net)(clip_NCTHW).numpy()
    expected = np.array(ANSWERS[answer])
    np.testing.assert_allclose(found_NK, expected, rtol=0, atol=1e-5)
    if given:  # there are 2 x 2 positions: the sigmoid of their mean logit is another number
        with paddle.no_grad():
            of_mean = net.probabilities(net(clip_NCTHW)).numpy()
        assert np.abs(of_mean - expected).max() > 0.01

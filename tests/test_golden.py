"""The networks answer as PyTorchVideo's do to the same weights and clips.

The fixture and how it was made: golden/make_pytorchvideo_logits.py. The weights come from the
tensors' names (golden/name_seeded.py), so this also pins every name and layout of our state dict.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from golden.name_seeded import name_seeded, seeded_clip

import slowfast.models

FIXTURE = json.loads((Path(__file__).parent / "golden" / "pytorchvideo_logits.json").read_text())
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


def fill(model: paddle.nn.Layer) -> None:
    """Gives every entry of the state dict the values of its name."""
    linear_weights = {
        f"{name}.weight"
        for name, layer in model.named_sublayers()
        if isinstance(layer, paddle.nn.Linear)
    }
    values = {}
    for name, tensor in model.state_dict().items():
        if name in linear_weights:  # Paddle [in, out], canonical [out, in]
            values[name] = np.ascontiguousarray(name_seeded(name, tensor.shape[::-1]).T)
        else:
            values[name] = name_seeded(name, tensor.shape)
    state = {name: paddle.to_tensor(value) for name, value in values.items()}
    missing, unexpected = model.set_state_dict(state)
    assert not missing
    assert not unexpected
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), values[name], err_msg=name)


@pytest.mark.parametrize("probe", FIXTURE["probes"], ids=lambda probe: probe["name"])
def test_name_seeded_draws_what_the_fixture_was_made_with(probe: dict[str, Any]) -> None:
    """If this fails, NumPy draws other numbers: remake the fixture, do not doubt the network."""
    values = name_seeded(probe["name"], probe["shape"])
    assert values.dtype == np.float32
    np.testing.assert_allclose(values.ravel()[:4], probe["values"], rtol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_logits_are_those_of_pytorchvideo(case: dict[str, Any]) -> None:
    model = getattr(slowfast.models, case["constructor"])()
    model.eval()
    trainable = [parameter for parameter in model.parameters() if not parameter.stop_gradient]
    assert sum(parameter.size for parameter in trainable) == case["trainable_params"]

    fill(model)
    clip_NCTHW = paddle.to_tensor(seeded_clip(case["clip_seed"], case["clip_shape"]))
    with paddle.no_grad():
        logits_NK = model(clip_NCTHW).numpy()

    assert logits_NK.shape == (1, 400)
    np.testing.assert_allclose(logits_NK[0], case["logits"], rtol=0, atol=TOLERANCE)

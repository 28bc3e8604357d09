"""The non-local block, against PyTorchVideo's (golden/make_detection_files.py)."""

import json
from unittest import mock

import numpy as np
import paddle
from golden.name_seeded import name_seeded, seeded_clip
from paddle import nn
from support.paths import GOLDEN
from support.small_nets import random_clip

from slowfast.models.nonlocal_block import NonLocal

ANSWER = json.loads((GOLDEN / "detection_answers.json").read_text())["nonlocal"]


def test_it_is_pytorchvideos_with_the_gradient_of_the_convolutions_of_paddle() -> None:
    clip = paddle.to_tensor(seeded_clip(*ANSWER["clip"]))
    block = NonLocal(clip.shape[1])
    for name, tensor in block.state_dict().items():
        tensor.set_value(name_seeded(name, tuple(tensor.shape)))
    block.eval()
    expected = np.array(ANSWER["output"]).reshape(clip.shape)
    found = block(clip)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-5)
    assert np.abs(expected - clip.numpy()).max() > 1
    parameters = [p for p in block.parameters() if not p.stop_gradient]
    ours = paddle.grad(found.square().sum(), parameters)
    with mock.patch.object(type(block.conv_g), "forward", nn.Conv3D.forward):
        theirs = paddle.grad(block(clip).square().sum(), parameters)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-3, atol=1e-3)


def test_with_its_norm_at_0_it_is_the_identity() -> None:
    block = NonLocal(4)
    nn.initializer.Constant(0.0)(block.bn.weight)
    block.eval()
    clip = random_clip(1, 4, 2, 5, 4)
    np.testing.assert_array_equal(block(clip).numpy(), clip.numpy())

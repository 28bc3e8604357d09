"""Other systems' checkpoints load as ours, every tensor accounted for.

golden/foreign_names.json holds the layers of PyTorchVideo's and mmaction2's own networks:
golden/make_foreign_files.py. Their logits after loading: golden/check_foreign_files.py.
"""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from support.foreign_names import (
    FILES,
    caffe2,
    mmaction2_boxes,
    paddlevideo_boxes,
    pyslowfast,
    pytorchvideo_boxes,
)
from support.paths import GOLDEN
from support.small_nets import scrambled, small, tensors_of

import slowfast.models
from slowfast.weights.load import load_weights
from slowfast.weights.names import translate
from slowfast.weights.systems import Tensors

REAL = json.loads((GOLDEN / "foreign_names.json").read_text())


@pytest.mark.parametrize("system", FILES)
@pytest.mark.parametrize("lateral_norm", [True, False])
def test_every_tensor_is_loaded(path: Path, system: str, lateral_norm: bool) -> None:
    write, origin = FILES[system]
    net = small(slow_depth=26, lateral_norm=lateral_norm)
    ours = scrambled(net)
    path.write_bytes(write(ours))
    count, norms = len(ours), sum(name.endswith("_mean") for name in ours)
    origin = origin.format(norms=norms, momenta=count - 2 * norms)
    assert load_weights(net, path) == f"{count} of {count} tensors loaded from {path} ({origin})"
    for name, value in tensors_of(net).items():
        np.testing.assert_array_equal(value, ours[name], err_msg=name)


NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


@pytest.mark.parametrize(
    ("system", "constructor"),
    [("PyTorchVideo", "slowfast_r50"), ("mmaction2", "slowfast_r50_4x16"),
     ("mmaction2_norm", "slowfast_r50"), ("PyTorchVideo, slow", "slow_r50"),
     ("mmaction2, slow", "slow_r50")],
)  # fmt: skip
def test_the_real_names_and_shapes_are_those_of_our_network(system: str, constructor: str) -> None:
    theirs: Tensors = {}
    for layer, shape in REAL[system].items():
        kinds = NORM if len(shape) == 1 else ("weight", "bias") if len(shape) == 2 else ("weight",)
        for kind in kinds:
            of_kind = shape[:1] if kind == "bias" else [] if kind == NORM[-1] else shape
            theirs[f"{layer}.{kind}"] = np.broadcast_to(np.float32(1), of_kind)
    found = translate(theirs)
    assert found.system == system.removesuffix("_norm").removesuffix(", slow")
    slow = system.endswith("slow")
    assert len(theirs) == (320 if slow else 642 if system == "mmaction2" else 662)
    assert len(theirs) == len(found.tensors) + found.unused["num_batches_tracked"]
    with paddle.LazyGuard():  # of which the shapes alone are needed
        lateral = {} if slow else {"lateral_norm": system != "mmaction2"}
        net = getattr(slowfast.models, constructor)(**lateral)
    expected = {name: list(tensor.shape) for name, tensor in net.state_dict().items()}
    assert {name: list(value.shape) for name, value in found.tensors.items()} == expected


@pytest.mark.parametrize("context", [False, True], ids=["boxes", "and the picture"])
@pytest.mark.parametrize(("names", "has_boxes", "blocks"), [
    (pyslowfast, None, ()), (pyslowfast, None, (0,)), (caffe2, None, (0,)),
    (pytorchvideo_boxes, True, ()), (mmaction2_boxes, True, ()), (paddlevideo_boxes, True, ()),
])  # fmt: skip
def test_detectors_of_every_system_are_ours(
    path: Path, names: Any, has_boxes: bool | None, blocks: Any, context: bool
) -> None:
    """Without the background, the columns in their order, and PaddleVideo's unused norms."""
    of_paddle = names is paddlevideo_boxes
    given: Any = dict(task="detection", nonlocal_blocks=blocks, roi_context=context)
    net = small(lateral_norm=not of_paddle, **given)
    ours = scrambled(net)
    content = {"blobs" if names is caffe2 else "state_dict": names(ours)}
    path.write_bytes(pickle.dumps(content, protocol=2))
    found = translate(content)
    assert found.has_boxes is has_boxes
    assert f"{len(ours)} of {len(ours)} tensors loaded" in (said := load_weights(net, path))
    assert ("4 s1_fuse batch norm" in said) == of_paddle
    for name, value in tensors_of(net).items():
        np.testing.assert_array_equal(value, ours[name], err_msg=name)


def test_a_classifier_as_a_convolution_is_turned_too(path: Path) -> None:
    net = small()
    ours = scrambled(net)
    blobs = caffe2(ours)
    blobs["pred_w"] = blobs["pred_w"][:, :, None, None, None]
    path.write_bytes(pickle.dumps({"blobs": blobs}, protocol=2))
    load_weights(net, path)
    found, expected = (state["head.projection.weight"] for state in (tensors_of(net), ours))
    np.testing.assert_array_equal(found, expected)

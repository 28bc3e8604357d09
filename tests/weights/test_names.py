"""Where tensors are in a checkpoint, and whose names they have."""

import functools
from typing import Any

import numpy as np
import pytest
from support.foreign_names import mmaction2, pyslowfast, pytorchvideo, pytorchvideo_trained
from support.small_nets import scrambled, small

from slowfast.weights.names import translate
from slowfast.weights.systems import SYSTEMS, Tensors


@functools.cache
def ours() -> Tensors:
    """A small network's tensors."""
    return scrambled(small())


def test_two_tensors_for_one_are_refused() -> None:
    both = pytorchvideo(ours()) | pytorchvideo_trained(ours())
    message = (
        "^blocks.0.multipathway_blocks.0.conv.weight and "
        "model.blocks.0.multipathway_blocks.0.conv.weight are both s1.pathway0_stem.conv.weight$"
    )
    with pytest.raises(ValueError, match=message):
        translate(both)


def test_our_own_names_stay() -> None:
    found = translate(ours())
    assert (found.system, found.unused) == ("", {})
    assert found.tensors is ours()


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_a_system_is_known_by_its_slow_stem_alone(system: Any) -> None:
    name = system.mark.replace("(backbone\\.)?", "").replace("(model\\.)?", "").replace("\\", "")
    assert recognise({"other", name}) is system
    assert recognise({f"{name}s"}) is None


@pytest.mark.parametrize("place", ["state_dict", "model_state_dict", "model", "model_state"])
@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod."])
@pytest.mark.parametrize("names", [pyslowfast, pytorchvideo, pytorchvideo_trained, mmaction2])
def test_wrapped_networks_are_known(names: Any, wrapper: str, place: str) -> None:
    """DataParallel, DistributedDataParallel and torch.compile put a name in front of all others."""
    state = {f"{wrapper}{name}": value for name, value in names(ours()).items()}
    found = translate(find_tensors({place: state, "epoch": 3, "optimizer": {"state": {}}}))
    assert found.tensors.keys() == ours().keys()
    for name, value in found.tensors.items():
        np.testing.assert_array_equal(value, ours()[name], err_msg=name)


def test_what_is_a_tensor_by_name() -> None:
    wrapped_in_part = {"s1.weight": np.zeros(2), "module.head.projection.bias": np.zeros(5)}
    assert list(find_tensors(wrapped_in_part)) == list(wrapped_in_part)
    content = {"a": np.array(["x"]), "b": np.ones(2, complex), "c": np.ones(2, np.float16), "d": 1}
    assert list(find_tensors(content)) == ["c"]

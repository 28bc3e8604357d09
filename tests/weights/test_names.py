"""Where the network is in a checkpoint, and whose names it has."""

import functools
import re
from typing import Any

import numpy as np
import pytest
from support.foreign_names import (
    caffe2,
    mmaction2,
    older_paddle,
    paddlevideo,
    pyslowfast,
    pytorchvideo,
)
from support.small_nets import scrambled, small

from slowfast.pickles import LeftOut
from slowfast.weights.damage import WeightsError
from slowfast.weights.names import PLACES, translate
from slowfast.weights.systems import SYSTEMS, Tensors


@functools.cache
def ours() -> Tensors:
    """A small network's tensors."""
    return scrambled(small())


@functools.cache
def slow() -> Tensors:
    """A small slow pathway's."""
    return scrambled(small(name="slow_only", alpha=1))


def own(tensors: Tensors) -> Tensors:
    return tensors


NAMES = (own, older_paddle, paddlevideo, pyslowfast, pytorchvideo, mmaction2, caffe2)


def assert_ours(found: Tensors) -> None:
    assert found.keys() == ours().keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, ours()[name], err_msg=name)


def test_two_tensors_for_one_are_refused() -> None:
    message = "^s1.pathway0_stem._conv.weight and backbone.s1.pathway0_stem._conv.weight are both "
    with pytest.raises(ValueError, match=f"{message}s1.pathway0_stem.conv.weight$"):
        translate(older_paddle(ours()) | paddlevideo(ours()))


def test_our_own_names_stay() -> None:
    found = translate(ours())
    assert (found.system, found.unused, found.prefix, found.others) == ("", {}, "", [])
    assert_ours(found.tensors)


OPTIONAL = re.compile(r"\(([^()]+)\)\?")  # what a pathway alone does not have


@pytest.mark.parametrize("in_full", [r"\1", ""], ids=["in full", "in short"])
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_a_system_is_known_by_its_slow_stem_alone(system: Any, in_full: str) -> None:
    mark = system.mark.replace("(backbone\\.)?", "")
    name = OPTIONAL.sub(in_full, mark).replace("\\", "")
    weight = np.ones(2, np.float32)
    assert translate({"other.weight": weight, name: weight}).system == system.name
    assert translate({f"net.{name}": weight}).system == system.name
    for other in (f"{name}s", f"my{name}"):
        assert translate({other: weight}) == ({other: weight}, "", {}, "", [], None, [])


WRAPPED = ("", "module.", "_orig_mod.", "module._orig_mod.", "net.", "model._orig_mod.", "student.")
CONTAINED: list[tuple[Any, ...]] = [
    (), *((place,) for place in PLACES), ("ema",), ("epoch", "net"), ("a", "state_dict", 0, "x"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "prefix"), [
    *((("state_dict",), prefix) for prefix in WRAPPED), *((place, "net.") for place in CONTAINED)
])  # fmt: skip
@pytest.mark.parametrize("names", NAMES)
def test_a_network_is_found_behind_any_prefix_at_any_depth(
    names: Any, place: tuple[Any, ...], prefix: str
) -> None:
    """Whatever is beside it: torch's AveragedModel has a counter there."""
    state = {f"{prefix}{name}": value for name, value in names(ours()).items()}
    if prefix:
        state |= {"n_averaged": np.array(7), "loss.weight": np.ones(2, np.float32)}
    content: Any = state
    for key in reversed(place):
        content = [content] if key == 0 else {"epoch": 3, "optimizer": {0: state}, key: content}
    assert_ours(translate(content).tensors)


@pytest.mark.parametrize("names", NAMES)
def test_a_slow_pathway_alone_is_found(names: Any) -> None:
    found = translate({"state_dict": {f"net.{name}": x for name, x in names(slow()).items()}})
    assert found.tensors.keys() == slow().keys()
    for name, value in found.tensors.items():
        np.testing.assert_array_equal(value, slow()[name], err_msg=name)
    assert found.prefix == "net." and "pathway1" not in str([*found.tensors])


def test_what_paddle_saves_within_a_mapping() -> None:
    assert_ours(translate({"model": {name: (name, x) for name, x in ours().items()}}).tensors)


def pickled(state: Tensors) -> dict[str, Any]:
    """The parts of a torch network with these tensors, as its pickle holds them."""
    root: dict[str, Any] = {"_parameters": {"bias": None}, "_buffers": {}, "_modules": {}}
    for name, value in state.items():
        *path, last = name.split(".")
        module = root
        for part in path:
            empty = {"training": True, "_parameters": {}, "_buffers": {}, "_modules": {}}
            module = module["_modules"].setdefault(part, empty)
        module["_buffers" if "running" in last else "_parameters"][last] = value
    return root


@pytest.mark.parametrize("names", [pyslowfast, pytorchvideo, mmaction2])
def test_a_whole_network_of_torch_is_found(names: Any) -> None:
    whole = pickled({f"module.{name}": value for name, value in names(ours()).items()})
    assert_ours(translate(whole).tensors)
    whole["_modules"]["again"] = whole["_modules"]["module"]
    whole["_modules"]["own"] = whole
    assert_ours(translate({"net": whole}).tensors)
    whole["_modules"]["odd"] = {"_parameters": 3}
    assert_ours(translate([whole]).tensors)


def test_the_prefix_is_told_without_torchs_wrappers() -> None:
    for prefix, told in (("model.", "model."), ("module.model._orig_mod.", "model."), ("", "")):
        state = {f"{prefix}{name}": x for name, x in pytorchvideo(ours()).items()}
        assert translate({"model": state}).prefix == told


OTHER = {name: -x for name, x in ours().items()}


@pytest.mark.parametrize(("content", "others"), [
    ({"ema": OTHER, "model": ours()}, ["ema"]),
    ({"model_ema": OTHER, "state_dict": ours(), "teacher": {"net": {**OTHER}}},
     ["model_ema", "teacher/net"]),
    ({"hooks": {"state_dict": OTHER}, "state_dict": ours()}, ["hooks/state_dict"]),
    (ours() | {"average": {f"module.{name}": x for name, x in OTHER.items()}},
     ["average/module"]),
])  # fmt: skip
def test_the_main_network_is_chosen_and_the_others_are_told(
    content: dict[str, Any], others: list[str]
) -> None:
    found = translate(content)
    assert_ours(found.tensors)
    assert found.others == others


def prefixed(*prefixes: str) -> Tensors:
    return {f"{prefix}{name}": x for prefix in prefixes for name, x in ours().items()}


@pytest.mark.parametrize(("content", "where"), [
    (prefixed("student.", "teacher."), "2 networks, student, teacher"),
    ({"state_dict": prefixed("", "ema.")}, "2 networks, state_dict, state_dict/ema"),
    ({"student": ours(), "teacher": OTHER}, "2 networks, student, teacher"),
    ([ours(), OTHER], "2 networks, 0, 1"),
    ({str(i): OTHER | {"n": i} for i in range(9)}, "9 networks, 0, 1, 2, 3"),
])  # fmt: skip
def test_which_of_several_networks_is_not_guessed(content: object, where: str) -> None:
    with pytest.raises(WeightsError) as caught:
        translate(content)
    message = f"it holds {where}: save the one to use in a file of its own"
    assert str(caught.value) == message


def test_a_small_file_of_mappings_in_each_other_takes_no_time() -> None:
    """2^60 paths lead to the network."""
    content: object = {"net": ours()}
    for _ in range(60):
        content = {"a": content, "b": content}
    assert_ours(translate(content).tensors)


def test_the_floats_of_the_largest_mapping_where_nothing_is_known() -> None:
    content = {"a": np.array(["x"]), "b": np.ones(2, complex), "c": np.ones(2, np.float16), "d": 1}
    content |= {"optimizer": {"state": np.array(1), "rate": 1.0}}
    assert list(translate(content).tensors) == ["c"]


FLOATS = np.array([1.5, -2.0, 0.0, 3e-9], np.float32)
BITS = (FLOATS.view(np.uint32) >> 16).astype(np.uint16)
AS_BFLOAT16 = (BITS.astype(np.uint32) << 16).view(np.float32)
BIAS = "head.projection.bias"


def test_bfloat16_of_paddle_is_read() -> None:
    for bits, floats in ((BITS, AS_BFLOAT16), (BITS * 0, FLOATS * 0), (BITS[:0], FLOATS[:0])):
        weight = translate(ours() | {BIAS: bits}).tensors[BIAS]
        assert weight.dtype == np.float32
        np.testing.assert_array_equal(weight, floats)


@pytest.mark.parametrize(("value", "fault"), [
    *((np.ones(3, kind), f"of type {np.dtype(kind)}, and no weight is")
      for kind in ("i1", "u1", "i2", "i4", "u4", "i8", "?", "c8", "S1")),
    # What is no weight as a bfloat16: small whole numbers, large ones, nan.
    *((np.array(whole, np.uint16), "of type uint16, and not the bits of bfloat16")
      for whole in ([0, 1, 255], [7000], [1, 0x7F00], [0x7FC0])),
    (LeftOut("made by os.mkdir"), "made by os.mkdir"),
    (3, "3, no tensor"),
], ids=repr)  # fmt: skip
@pytest.mark.parametrize("names", [own, pyslowfast, mmaction2])
def test_a_weight_of_another_type_is_refused_by_name(value: Any, fault: str, names: Any) -> None:
    state = names(ours())
    name = next(name for name in state if name.endswith("bias") and "fc" in name or name == BIAS)
    with pytest.raises(WeightsError) as caught:
        translate({"state_dict": state | {name: value}})
    assert str(caught.value) == f"{name} is {fault}"


def test_whole_numbers_that_are_no_weights_are_left_out() -> None:
    counter = {"s1.num_batches_tracked": np.array(3), "step": np.array(1), "extra": LeftOut("a b")}
    found = translate(ours() | counter)
    assert_ours(found.tensors)
    assert found.unused == {"num_batches_tracked": 1, "step": 1}

"""What does oneDNN's work; and who does it where Paddle's wheel does not have it."""

import ctypes
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import paddle
import pytest
from support.small_nets import random_clip, small, wake_up

from slowfast.models.layers import layout
from slowfast.models.layers.cpu import onednn
from slowfast.models.layers.cpu.onednn import MemoryDesc, Reorder, last, plain

with_library = pytest.mark.skipif(onednn.library() is None, reason="the wheel has no oneDNN 3")


@pytest.fixture
def asked_anew() -> Iterator[None]:
    """For the library: as if nobody had, and without a trace afterwards."""
    before = onednn.library.__wrapped__
    with mock.patch.object(onednn, "library", cache(before)):
        yield


def network_works() -> bool:
    net = small(train_crop=32, width=8)
    with mock.patch.object(onednn, "_call", side_effect=AssertionError("oneDNN")):
        net(random_clip(2, 3, 8, 32, 32)).sum().backward()
    return bool(np.isfinite(net.s1.pathway0_stem.conv.weight.grad.numpy()).all())


def test_a_wheel_without_it_is_told_of_once(
    tmp_path: Path, lines: list[str], asked_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paddle, "__file__", str(tmp_path / "__init__.py"))
    assert network_works() and network_works()
    (line,) = lines
    assert line.startswith(
        "computing on the CPU with Paddle's own kernels, which are slower, since"
    )
    assert line.count("\n") == 0 and f"{tmp_path}/libs/libdnnl.so.3: cannot open" in line


@pytest.mark.parametrize("major", [2, 4])
def test_a_library_of_another_version_is_not_called(
    major: int, lines: list[str], asked_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = SimpleNamespace(contents=SimpleNamespace(major=major))
    other = mock.Mock(spec=["dnnl_version"])
    other.dnnl_version.return_value = version
    monkeypatch.setattr(onednn, "ctypes", mock.Mock(wraps=ctypes, CDLL=lambda file: other))
    assert network_works() and network_works()
    (line,) = lines
    assert line.endswith(f"libs/libdnnl.so.3 is of version {major}")


def test_of_another_system_none_is_known(
    lines: list[str], asked_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert onednn.library() is None
    (line,) = lines
    assert line.endswith("has no oneDNN 3: none is known for Darwin")


@with_library
def test_a_tensor_in_another_layout_has_the_same_numbers() -> None:
    x = random_clip(2, 3, 4, 5, 6)
    there, back = Reorder(plain(x.shape), last(x.shape)), Reorder(last(x.shape), plain(x.shape))
    assert not there.is_none
    moved = there(x)
    assert moved.view("float32").tolist() == layout.to_last(x).flatten().tolist()
    target = paddle.empty(x.shape)
    assert back(moved, target) is target
    np.testing.assert_array_equal(target.numpy(), x.numpy())


@with_library
def test_what_lies_right_is_not_moved() -> None:
    reorder, x = Reorder(plain([2, 3, 4]), MemoryDesc([2, 3, 4], [0, 1, 2])), random_clip(2, 3, 4)
    assert reorder.is_none and reorder(x) is x


@with_library
def test_what_it_refuses_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="oneDNN: memory_desc_create_with_strides ended with"):
        plain([1] * 99)


class Trained:
    """A network, and what its training gives: gradients and statistics."""

    def __init__(self, seed: int, **changes: Any) -> None:
        paddle.seed(seed)
        self.net = small(train_crop=32, width=8, dropout=0.0, **changes)
        wake_up(self.net)

    def steps(self, number: int) -> list[Any]:
        for _ in range(number):
            self.net(random_clip(2, 3, 8, 32, 32)).square().sum().backward()
        found = [p.grad for p in self.net.parameters() if not p.stop_gradient]
        return [x.numpy() for x in (*found, *self.net.state_dict().values())]


@with_library
def test_two_threads_train_two_networks_at_once() -> None:
    """Of the same shapes: each kernel is created by one of the threads, and run by both."""
    kinds: list[Any] = [dict(seed=1), dict(seed=2, fusion_kernel=5)]
    alone = [Trained(**kind).steps(2) for kind in kinds]
    nets, found = [Trained(**kind) for kind in kinds], [list[Any]() for _ in kinds]

    def work(number: int) -> None:
        found[number] += nets[number].steps(2)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(kinds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for wanted, values in zip(alone, found, strict=True):
        for a, b in zip(wanted, values, strict=True):
            np.testing.assert_array_equal(a, b)


@with_library
def test_two_threads_that_begin_at_once_have_one_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what one compiles the other cannot run."""
    call, waits = onednn._call, threading.Barrier(2)

    def slow_call(name: str, *arguments: Any) -> None:
        if name == "engine_create" and made:
            pytest.fail("a second engine")
        made.append(name)
        threading.Event().wait(0.05)
        call(name, *arguments)

    def begin() -> None:
        waits.wait()
        engines.append(onednn._engine().value)

    made: list[str] = []
    engines: list[int | None] = []
    monkeypatch.setattr(onednn, "_call", slow_call)
    monkeypatch.setattr(onednn, "_the_engine", cache(onednn._the_engine.__wrapped__))
    threads = [threading.Thread(target=begin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and engines[0] == engines[1]

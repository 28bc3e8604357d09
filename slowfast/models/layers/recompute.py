"""Activations that are computed again in backward, and not kept until then (Chen et al. 2016)."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import paddle
from paddle import Tensor
from paddle.distributed.fleet.utils import recompute

from slowfast.models.layers import layout

_CALL = ContextVar("call_of_a_recomputed_function", default=0)


def is_again() -> bool:
    """Whether a recomputed function is called for the second time."""
    return _CALL.get() > 1


def may_overwrite() -> bool:
    """Whether operations may overwrite their input: neither where a graph is traced, nor in a
    recomputed function, where Paddle (3.3) loses their outputs."""
    return paddle.in_dynamic_mode() and _CALL.get() == 0


def recomputed(function: Callable[..., Any], *inputs: Any) -> Any:
    """``function(*inputs)``, of which backward needs the inputs alone: it calls the function again.

    The function draws no random numbers. Its batch norms follow the first call alone.
    """
    if not paddle.in_dynamic_mode() or not paddle.is_grad_enabled():
        return function(*inputs)
    is_last, calls, kept = layout.is_channels_last(), 0, [inputs]

    def call(_: Tensor) -> Any:
        nonlocal calls
        calls += 1
        # Paddle holds the function until the whole graph ends; so the inputs end before.
        given = kept[0] if calls == 1 else kept.pop()
        token = _CALL.set(calls)
        try:
            with layout.channels_last(is_last):
                return function(*given)
        finally:
            _CALL.reset(token)

    wanted = paddle.empty([1])
    wanted.stop_gradient = False  # else Paddle warns, each time, that there is nothing to do
    return recompute(call, wanted, use_reentrant=False, preserve_rng_state=False)

"""An exponential moving average (EMA) of the weights."""

import contextlib
from collections.abc import Iterator

import paddle
from paddle import Tensor, nn

from slowfast.weights.systems import Tensors


class Ema:
    """The moving average of the trained weights.

    After every step ``average = decay * average + (1 - decay) * weight``. In the first steps the
    decay, below 1, is lower, ``(1 + n) / (10 + n)`` after n steps, so that the random start is soon
    forgotten (TensorFlow's ``ExponentialMovingAverage``). Batch norm's statistics are running
    averages already. They are taken from the model, or from precise batch norm if it has computed
    them for the averaged weights.
    """

    def __init__(self, model: nn.Layer, decay: float) -> None:
        self._model, self._decay = model, decay
        self.steps = 0
        self._averages = {n: p.detach().clone() for n, p in self._trained().items()}
        self._statistics: dict[str, Tensor] = {}

    @paddle.no_grad()
    def update(self) -> None:
        """Updates the average after a step."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        for name, weight in self._trained().items():
            self._averages[name].lerp_(weight.detach(), 1.0 - decay)
        self._statistics = {}

    @contextlib.contextmanager
    def applied(self, *, keep_statistics: bool = False) -> Iterator[None]:
        """Gives the model the averaged weights inside the context, and its own afterwards.

        Args:
            keep_statistics: the average keeps batch norm's statistics at the end of the context,
                until the next step.
        """
        own = {name: value.clone() for name, value in self._model.state_dict().items()}
        self._set({**self._averages, **self._statistics})
        try:
            yield
            if keep_statistics:
                now = self._model.state_dict()
                self._statistics = {n: now[n].clone() for n in now if n not in self._averages}
        finally:
            self._set(own)

    def weights(self) -> Tensors:
        """All weights by name, averaged where there is an average."""
        values = {**self._model.state_dict(), **self._averages, **self._statistics}
        return {name: value.numpy() for name, value in values.items()}

    def set_weights(self, weights: Tensors, steps: int) -> None:
        """Continues from ``weights``.

        Raises:
            KeyError, ValueError: a weight is missing or has another shape.
        """
        self.steps = steps
        for name, average in self._averages.items():
            if list(weights[name].shape) != list(average.shape):
                raise ValueError(f"the average of {name} is {list(weights[name].shape)}")
            average.set_value(paddle.to_tensor(weights[name]))

    def _trained(self) -> dict[str, Tensor]:
        return {n: p for n, p in self._model.named_parameters() if not p.stop_gradient}

    @paddle.no_grad()
    def _set(self, values: dict[str, Tensor]) -> None:
        own = self._model.state_dict()
        for name, value in values.items():
            own[name].set_value(value)

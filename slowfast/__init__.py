"""SlowFast networks for video recognition on PaddlePaddle's dynamic graph."""

__version__ = "0.1.0"

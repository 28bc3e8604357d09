"""The batch norm of all layers. Legend: N clips, C channels, T frames, H x W pixels."""

from paddle import nn


class BatchNorm3D(nn.BatchNorm3D):
    """Paddle's, with its parameters and their names."""

"""The convolution of all layers. Legend: N clips, C channels, T frames, H x W pixels."""

from paddle import nn


class Conv3D(nn.Conv3D):
    """Paddle's, with its parameters and their names."""

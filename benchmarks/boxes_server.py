"""What the processes of benchmarks/detection.py share."""

import numpy as np

BOXES = np.array(
    [
        [20.5, 30, 120, 200], [100, 16, 180, 250], [0, 0, 255, 255], [150, 60, 240, 190],
        [10, 100, 90, 240], [64, 64, 96, 128], [200, 20, 250, 80], [120, 120, 136, 144],
    ],
    np.float32,
)  # fmt: skip
"""x1, y1, x2, y2 in pixels of a picture of 256 x 256."""

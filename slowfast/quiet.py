"""Keeps Paddle's remarks on import off the screen; to be called before Paddle is imported."""

import os
import warnings


def quiet_paddle() -> None:
    """Hides that there is no ccache, batch norm's note in training, and notes of the C++ part."""
    warnings.filterwarnings("ignore", message="No ccache found")
    warnings.filterwarnings("ignore", message="When training, we now always track global mean")
    os.environ.setdefault("GLOG_minloglevel", "2")

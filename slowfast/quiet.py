"""Keeps the libraries' remarks off the screen; to be called before they are imported."""

import os
import warnings


def quiet_libraries() -> None:
    """Hides what a user can do nothing about; our own messages name the file and the remedy.

    Paddle's: that there is no ccache, batch norm's note in training, notes of its C++ part.
    OpenCV's and FFmpeg's: why a file cannot be opened.
    """
    warnings.filterwarnings("ignore", message="No ccache found")
    warnings.filterwarnings("ignore", message="When training, we now always track global mean")
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

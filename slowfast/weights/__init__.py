"""Weights files of every system that has SlowFast networks: read, translated, loaded.

A file's bytes become plain data (``formats``, with ``pickles``, ``torch_files`` and
``safetensors_file`` for what they are written in), its tensors get our names (``names``; both:
``checkpoint``), and they are matched strictly against a network (``load``). ``architecture`` tells
the network from the tensors, and ``protocol`` the rest of what a config needs. Nothing in a file is
ever run.
"""

from slowfast.weights.architecture import Settings, model_settings
from slowfast.weights.checkpoint import Checkpoint, read_checkpoint
from slowfast.weights.errors import DamagedError, WeightsError
from slowfast.weights.formats import read_content, read_pickle
from slowfast.weights.load import load_checkpoint, load_pretrained, load_weights, read_weights
from slowfast.weights.names import Translated, find_tensors, translate
from slowfast.weights.protocol import Home, home_settings
from slowfast.weights.systems import Tensors

__all__ = [
    "Checkpoint",
    "DamagedError",
    "Home",
    "Settings",
    "Tensors",
    "Translated",
    "WeightsError",
    "find_tensors",
    "home_settings",
    "load_checkpoint",
    "load_pretrained",
    "load_weights",
    "model_settings",
    "read_checkpoint",
    "read_content",
    "read_pickle",
    "read_weights",
    "translate",
]

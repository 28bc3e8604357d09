"""Weights files of every system that has SlowFast networks: read, translated, loaded.

A file's bytes become plain data (``formats``, with ``pickles``, ``torch_files`` and
``safetensors_file`` for what they are written in), its tensors get our names (``names``), and they
are matched strictly against a network (``load``). Nothing in a file is ever run.
"""

from slowfast.weights.errors import DamagedError, WeightsError
from slowfast.weights.formats import read_content, read_pickle
from slowfast.weights.load import load_pretrained, load_weights, read_weights
from slowfast.weights.names import Translated, find_tensors, translate
from slowfast.weights.systems import Tensors

__all__ = [
    "DamagedError",
    "Tensors",
    "Translated",
    "WeightsError",
    "find_tensors",
    "load_pretrained",
    "load_weights",
    "read_content",
    "read_pickle",
    "read_weights",
    "translate",
]

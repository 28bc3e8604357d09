"""The network that a command computes with: its weights are loaded when Paddle has to compute."""

import functools
from typing import TYPE_CHECKING

from slowfast import distributed, machine
from slowfast.config import Config
from slowfast.files import file_digest
from slowfast.log import logger
from slowfast.predict.runtime.built import Weighted

if TYPE_CHECKING:
    from slowfast.models.slowfast import VideoClassifier


def network_of(
    weights: str,
    cfg: Config,
    device: str,
    *,
    deterministic: bool = False,
    any_classes: bool = False,
) -> Weighted:
    """The network of a weights file.

    Paddle starts at once where there are other processes or may be a GPU, else only for what no
    graph in the cache can compute.

    Args:
        any_classes: the classifier is not needed, see ``load_pretrained``.

    Raises:
        WeightsError, DeviceError: the file does not fit, or there is no such device; at once, or
            when the network is asked for.
    """

    @functools.cache
    def model() -> "VideoClassifier":
        machine.import_paddle()
        from slowfast.models.variants import build_model
        from slowfast.weights.load import load_pretrained, load_weights

        distributed.start(device, seed=cfg.seed, deterministic=deterministic)
        network = build_model(cfg.model, cfg.data.crop_size, cfg.train.task)
        logger.info((load_pretrained if any_classes else load_weights)(network, weights))
        network.eval()
        return network

    if distributed.world_size() > 1 or device == "gpu" or distributed.has_gpu_wheel():
        model()
    return Weighted(model, file_digest(weights))

"""What is known of a published network and of a file of its weights, and where each system has its
files."""

from typing import Any, NamedTuple

OPENMMLAB = "https://github.com/open-mmlab/mmaction2/blob/0.x/configs/recognition"
OPENMMLAB_AVA = "https://github.com/open-mmlab/mmaction2/blob/{}/configs/detection/{}/README.md"
_FAIR = "https://dl.fbaipublicfiles.com/"

Cost = tuple[float, float]
"""Trainable parameters in millions; multiply-adds in thousand millions, of one clip of 256 x 256
pixels."""


class Weights(NamedTuple):
    """A published file. Its accuracies are those of its page, in per cent."""

    name: str
    """The system, and what its page calls the network."""
    url: str
    page: str
    """Where it is published."""
    scores: dict[str, float]
    """``top-1`` and ``top-5``, or ``mAP``."""
    arguments: dict[str, Any] = {}
    """Of the constructor, over the network's own; a system's are in ``zoo/origin.py``."""
    cost: Cost | None = None
    """The network's with these arguments, if they change it."""
    settings: dict[str, Any] = {}
    """The config's for its test, over the network's and 10 x 3 views of 256 pixels."""
    sha256: str = ""
    """First digits of its SHA-256, as far as they are published."""


class Variant(NamedTuple):
    """A published network."""

    text: str
    """What papers call it."""
    depths: tuple[int, ...]
    """Of the ResNets of the slow and the fast pathway, or of the slow one alone."""
    alpha: int
    """Fast frames per slow frame; the tensors do not tell it."""
    arguments: dict[str, Any]
    """Further ones of ``SlowFast`` or ``SinglePathway``."""
    cost: Cost
    weights: list[Weights]
    """The first is the official one."""
    num_frames: int = 32
    """Frames of a clip."""
    sampling_stride: int = 2
    """The clip takes every so many frames of a video at 30 per second."""
    num_classes: int = 400
    labels: str = "kinetics400"
    """Class names, built in."""
    settings: dict[str, Any] = {}
    """Further ones of the config, which its data set needs."""

    @property
    def config(self) -> dict[str, Any]:
        """Settings, by the config's keys, that no tensor tells."""
        return {
            "model.alpha": self.alpha,
            "data.num_frames": self.num_frames,
            "data.sampling_stride": self.sampling_stride,
            "data.labels": self.labels,
            "train.task": self.arguments.get("task", "single"),
            **self.settings,
        }

    @property
    def about(self) -> str:
        """What it is, in two sentences."""
        both = f", of which the slow pathway sees {self.num_frames // self.alpha}"
        place = {"multi": "video", "detection": "box"}.get(self.arguments.get("task", ""))
        several = f", any number of them in a {place}" if place else ""
        return (
            f"{self.text}: clips of {self.num_frames} frames{both if self.alpha > 1 else ''}. "
            f"{self.cost[0]:.1f} M parameters with {self.num_classes} classes{several}."
        )


def _scores(values: tuple[float, ...]) -> dict[str, float]:
    """From top-1 and top-5, or mAP."""
    return dict(zip(("mAP",) if len(values) == 1 else ("top-1", "top-5"), values, strict=True))


def paddlevideo(name: str, file: str, *scores: float, **rest: Any) -> Weights:
    """A file of PaddleVideo."""
    url = f"https://videotag.bj.bcebos.com/PaddleVideo/SlowFast/{file}.pdparams"
    docs = "https://github.com/PaddlePaddle/PaddleVideo/blob/develop/docs/en/model_zoo"
    page = f"{docs}/recognition/slowfast.md"
    if name == "SlowFastRCNN_AVA":
        url = f"https://videotag.bj.bcebos.com/PaddleVideo-release2.2/{file}.pdparams"
        page = f"{docs}/detection/SlowFast_FasterRCNN_en.md"
    return Weights(f"paddlevideo/{name}", url, page, _scores(scores), **rest)


def pytorchvideo(name: str, *scores: float, hub: str = "", **rest: Any) -> Weights:
    """A file of PyTorchVideo. ``hub``: what its page of torch.hub is called, if it has one."""
    page = "https://github.com/facebookresearch/pytorchvideo/blob/main/docs/source/model_zoo.md"
    if hub:
        page = f"https://pytorch.org/hub/facebookresearch_pytorchvideo_{hub}/"
    file = name if "/" in name else f"kinetics/{name}"
    url = f"{_FAIR}pytorchvideo/model_zoo/{file}.pyth"
    return Weights(f"pytorchvideo/{name}", url, page, _scores(scores), **rest)


def pyslowfast(name: str, *scores: float, **rest: Any) -> Weights:
    """A file of PySlowFast."""
    page = "https://github.com/facebookresearch/SlowFast/blob/main/MODEL_ZOO.md"
    file = f"model_zoo/kinetics400/{name}"
    if name.startswith("ava/"):
        file = f"model_zoo/{name}"
    elif "stepwise" in name or "/" in name:
        folder = "" if "/" in name else "Kinetics/"
        file = f"pyslowfast/model_zoo/multigrid/model_zoo/{folder}{name}"
    url = f"{_FAIR}pyslowfast/{file}.pkl"
    return Weights(f"pyslowfast/{name}", url, page, _scores(scores), **rest)


def mmaction2(name: str, file: str, *scores: float, **rest: Any) -> Weights:
    """A file of mmaction2. ``file``: its name, with ``{name}`` for ``name``.

    At its end are the first 8 digits of its SHA-256 (tools/deployment/publish_model.py). It lies in
    a folder of the same name, less these digits and the date.
    """
    file = file.format(name=name)
    stem, _, sha256 = file.rpartition("-")
    head, _, date = stem.rpartition("_")
    folder = head if date.isdecimal() else stem
    kind = name.partition("_")[0]
    url = f"https://download.openmmlab.com/mmaction/recognition/{kind}/{folder}/{file}.pth"
    page = f"{OPENMMLAB}/{kind}/README.md"
    return Weights(f"mmaction2/{name}", url, page, _scores(scores), sha256=sha256, **rest)


def mmaction2_ava(name: str, end: str, score: float, **rest: Any) -> Weights:
    """A detector of mmaction2, of 1.x if its configs lie in a folder for each network.

    ``end``: what follows the name in the file's; after its last hyphen are the first 8 digits of
    its SHA-256.
    """
    in_1x = end.startswith(("_20220906", "_20230320"))
    kind = name.partition("_")[0]
    folder = f"v1.0/detection/{kind}" if in_1x else "detection/ava"
    url = f"https://download.openmmlab.com/mmaction/{folder}/{name}/{name}{end}.pth"
    page = OPENMMLAB_AVA.format("main" if in_1x else "0.x", kind if in_1x else "ava")
    sha256 = end.rpartition("-")[2]
    if in_1x:
        rest["settings"] = {"test.protocol": "mmaction2-1.2"} | rest.get("settings", {})
    return Weights(f"mmaction2/{name}", url, page, _scores((score,)), sha256=sha256, **rest)

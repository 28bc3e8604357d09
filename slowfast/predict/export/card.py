"""The card of an exported network: what it is, where it is from, and how to use it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import slowfast
from slowfast.config import Config
from slowfast.errors import one_line

TEMPLATE = """\
# {title}

A network for video recognition, by SlowFast on PaddlePaddle {version}. It takes {takes}

| | |
|---|---|
| network | {network} |
| parameters | {parameters:,} |
| weights | {source}, SHA-256 `{digest}` |
| classes | {classes} |

## In and out

{in_out}
`preprocessing.json` says the same as data.

## Checked

Beside Paddle's eager mode, with N clips of noise: the largest difference of probabilities or of
their logarithms, as a share of the largest of these.

{checks}

## Use

{use}`docs/deploy.md` of the project has whole programs, from a video to its five best classes.

Every file is as it was written if this ends without an error:

    import hashlib, json, pathlib
    for name, digest in json.loads(pathlib.Path("manifest.json").read_bytes())["files"].items():
        assert hashlib.sha256(pathlib.Path(name).read_bytes()).hexdigest() == digest, name

## Licence

The project's code, which the graph is made by, has the licence Apache-2.0. The numbers in the graph
are the weights: they have the licence that their publisher gave them.
"""
CLIPS_IN = """clips of a video,
and gives the probability of each of {num_classes} classes."""
CLIPS_IN_OUT = """\
- In: `clips`, uint8 `[N, {frames}, H, W, 3]`: N clips of {frames} frames, RGB, H and W from {size}
  on. Normalisation (mean {mean}, deviation {std}) and the choice of the slow pathway's frames are
  in the graph.
- Out: `rows`, float32 `[N, {num_classes}]`: probabilities. Of a picture larger than the training's
  they are the mean over positions.
- A clip spans {seconds:.3g} seconds of a video: {frames} frames, one of {stride} at {fps:g} a
  second. The short side of its pictures is resized to {short_side} pixels.
- The test took {num_clips} clips x {num_crops} {cut} from each video, where {protocol} takes them,
  and {average} of their probabilities.
"""
BOXES_IN = """clips of a video
with boxes around people, and gives each box the probability of each of {num_classes} classes."""
BOXES_IN_OUT = """\
- In: `clips`, uint8 `[N, {frames}, H, W, 3]`: N clips of {frames} frames, RGB, whole pictures of
  any size. Normalisation (mean {mean}, deviation {std}) and the choice of the slow pathway's frames
  are in the graph.
- In: `boxes`, float32 `[K, 4]`: K boxes of all clips, those of the first clip first; x1, y1, x2, y2
  in pixels of the clip, so of the resized picture, from its upper left corner. One box stands for
  the whole clip: where somebody is in its middle frame.
- In: `counts`, int32 `[N]`: how many of the boxes are each clip's. Any number, 0 as well, but K
  must be their sum and at least 1.
- Out: `rows`, float32 `[K, {num_classes}]`: probabilities, in the order of the boxes.
- A clip spans {seconds:.3g} seconds of a video: {frames} frames, one of {stride} at {fps:g} a
  second, around the moment of the boxes, where {protocol} takes them. The short side of its
  pictures is resized to {short_side} pixels.
"""
SEVERAL = """ A video may show several of them, or none
(`train.task=multi`): each probability is a sigmoid of its own logit, and they do not add up to 1.
From {threshold:g} on (`test.threshold`) a class counts as shown."""
OF_A_BOX = """ A box may show several
of them, or none (`train.task=detection`): each probability is a sigmoid of its own logit, and they
do not add up to 1. From {threshold:g} on (`test.threshold`) a class counts as shown."""
OF_ONE_LABEL = """ A box shows one of
them (`train.task=detection`, `model.labels_per_box=one`): the probabilities are a softmax, and add
up to 1. From {threshold:g} on (`test.threshold`) a class counts as shown."""
AVERAGES = {"prob": "the mean", "score": "the mean", "max": "each class's largest"}
USE = {
    "Paddle Inference": """
    from paddle import inference
    net = inference.create_predictor(inference.Config("program.json", "program.pdiparams"))
    net.get_input_handle("clips").copy_from_cpu(clips)
    net.run()
    rows = net.get_output_handle(net.get_output_names()[0]).copy_to_cpu()
""",
    "ONNX": """
    import onnxruntime
    (rows,) = onnxruntime.InferenceSession("graph.onnx").run(None, {"clips": clips})
""",
    "OpenVINO": """
    import openvino
    net = openvino.compile_model("graph.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    rows = net(clips)[0]
""",
}
"""Code for each form, where ``clips`` is there already."""
TWO_BOXES = """\
Two boxes of one clip:

    import numpy
    boxes = numpy.array([[40, 30, 120, 200], [200.5, 60, 280, 210]], "float32")
    counts = numpy.array([2], "int32")
    inputs = {"clips": clips, "boxes": boxes, "counts": counts}

"""
USE_WITH_BOXES = {
    "Paddle Inference": """
    from paddle import inference
    net = inference.create_predictor(inference.Config("program.json", "program.pdiparams"))
    for name, numbers in inputs.items():
        net.get_input_handle(name).copy_from_cpu(numbers)
    net.run()
    rows = net.get_output_handle(net.get_output_names()[0]).copy_to_cpu()
""",
    "ONNX": """
    import onnxruntime
    (rows,) = onnxruntime.InferenceSession("graph.onnx").run(None, inputs)
""",
    "OpenVINO": """
    import openvino
    net = openvino.compile_model("graph.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    rows = net(inputs)[0]
""",
}
"""The same with boxes, after ``TWO_BOXES``."""


class Texts(NamedTuple):
    """What a card says by the task."""

    takes: str
    in_out: str
    use: dict[str, str]
    before_use: str = ""


TASKS = {
    "single": Texts(CLIPS_IN, CLIPS_IN_OUT, USE),
    "multi": Texts(CLIPS_IN + SEVERAL, CLIPS_IN_OUT, USE),
    "detection": Texts(BOXES_IN + OF_A_BOX, BOXES_IN_OUT, USE_WITH_BOXES, TWO_BOXES),
}


class Source(NamedTuple):
    """What was exported."""

    weights: str
    """The name of the file."""
    digest: str
    parameters: int
    class_names: Sequence[str] | None


class Check(NamedTuple):
    """How a form of the network was checked."""

    files: tuple[str, ...]
    runtime: str
    """Its name and version."""
    differences: dict[int, float]
    """By number of clips: the largest one, see ``checks.apart``."""

    def __str__(self) -> str:
        each = (f"{value:.1g} (N={number})" for number, value in self.differences.items())
        return f"{self.runtime} is {' and '.join(each)} apart from eager mode"


def card(cfg: Config, source: Source, checks: dict[str, Check]) -> str:
    """The text, in Markdown."""
    model, data, test, names = cfg.model, cfg.data, cfg.test, source.class_names
    texts = TASKS[cfg.train.task]
    if cfg.has_one_label:
        texts = texts._replace(takes=BOXES_IN + OF_ONE_LABEL)
    told: dict[str, Any] = dict(
        num_classes=model.num_classes,
        threshold=test.threshold,
        average=AVERAGES[test.average_clips],
        seconds=data.num_frames * data.sampling_stride / data.target_fps,
        frames=data.num_frames, stride=data.sampling_stride, fps=data.target_fps,
        mean=list(data.mean), std=list(data.std),
        size=test.crop_size, short_side=test.short_side, num_clips=test.num_clips,
        num_crops=test.views_per_clip, protocol=test.protocol,
        cut="whole pictures" if test.spatial == "whole" else f"crops of {test.crop_size} pixels",
    )  # fmt: skip
    return TEMPLATE.format(
        title=one_line(f"{model.name} of {source.weights}"),
        version=slowfast.__version__,
        takes=texts.takes.format(**told),
        in_out=texts.in_out.format(**told),
        network=_network(cfg),
        parameters=source.parameters,
        source=one_line(source.weights),
        digest=source.digest,
        classes=f"{len(names)}, in the order of `labels.txt`" if names else "by number, no names",
        checks=_table(checks),
        use=texts.before_use + "".join(f"{name}:\n{texts.use[name]}\n" for name in checks),
    )


def _network(cfg: Config) -> str:
    model = cfg.model
    pathways = {"slow": f"R{model.slow_depth}", "fast": f"R{model.fast_depth}"}
    if model.name != "slowfast":
        pathways = {name: pathways[name] for name in (model.name.removesuffix("_only"),)}
    told = ", ".join(f"{name} {depth}" for name, depth in pathways.items())
    return f"{model.name}: {told}, width {model.width}, alpha {model.alpha}"


def _table(checks: dict[str, Check]) -> str:
    numbers = next(iter(checks.values())).differences
    rows = [["files", "runtime", *(f"N={number}" for number in numbers)]]
    rows.append(["---"] * len(rows[0]))
    for check in checks.values():
        files = ", ".join(f"`{file}`" for file in check.files)
        rows.append([files, check.runtime, *(f"{v:.1g}" for v in check.differences.values())])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)

"""The runtimes that compute a person detector: ONNX Runtime, or OpenVINO, which also reads its own
IR and frozen graphs of TensorFlow 1."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast import machine
from slowfast.predict.persons.detector_settings import FORMS, DetectorError, Port, Signature
from slowfast.predict.runtime.runtimes import is_installed, reported

Arrays = dict[str, NDArray[Any]]
"""By the names of inputs or outputs."""
NEEDS = "a person detector needs onnxruntime or openvino: pip install 'slowfast-paddle[detector]'"
OF_OPENVINO = (".xml", ".pb")
ENDINGS = (".onnx", *OF_OPENVINO)


KNOWN = {name for form in FORMS.values() for name in (form.boxes, form.scores, form.labels)}
"""Names of outputs; OpenVINO may have several for one."""


class Model:
    """A detector that is loaded."""

    signature: Signature

    def run(self, feed: Arrays) -> Arrays:
        """The outputs for these inputs."""
        raise NotImplementedError


def load_model(path: Path) -> Model:
    """Loads a detector.

    Raises:
        DetectorError: it is no model that can be computed here.
        OSError: the file cannot be read.
    """
    if path.suffix.lower() not in ENDINGS:
        there = "" if path.exists() else "there is no such file; "
        raise DetectorError(
            f"{path}: {there}a person detector is an .onnx file, or OpenVINO's .xml, or a frozen "
            "graph .pb, or ssdlite (docs/answers.md)"
        )
    with open(path, "rb"):
        pass
    of_openvino = path.suffix.lower() in OF_OPENVINO or not is_installed("onnxruntime")
    if of_openvino and not is_installed("openvino"):
        raise DetectorError(f"{path}: {NEEDS}")
    with reported(f"{path} is not a model that can be computed"):
        return _OpenVino(path) if of_openvino else _OnnxRuntime(path)


class _OnnxRuntime(Model):
    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = machine.threads()
        options.log_severity_level = 4  # errors are raised as well
        self._session = onnxruntime.InferenceSession(
            str(path), options, ["CPUExecutionProvider"]
        )  # fmt: skip
        self.signature = Signature(
            _ports(self._session.get_inputs()), _ports(self._session.get_outputs())
        )

    def run(self, feed: Arrays) -> Arrays:
        found = self._session.run(None, feed)
        return dict(zip(self.signature.outputs, found, strict=True))


def _ports(nodes: Any) -> dict[str, Port]:
    return {
        node.name: Port(
            tuple(side if isinstance(side, int) else None for side in node.shape),
            DTYPES.get(node.type, node.type),
        )
        for node in nodes
    }


DTYPES = {
    "tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8",
    "tensor(double)": "float64", "tensor(int32)": "int32", "tensor(int64)": "int64",
}  # fmt: skip
"""ONNX Runtime's names of types."""


class _OpenVino(Model):
    def __init__(self, path: Path) -> None:
        openvino = machine.import_openvino()
        with machine.own_signal_stack():
            self._model = openvino.Core().compile_model(
                path, "CPU", {"INFERENCE_NUM_THREADS": machine.threads()}
            )
        self.signature = Signature(_openvino_ports(self._model.inputs),
                                   _openvino_ports(self._model.outputs))  # fmt: skip

    def run(self, feed: Arrays) -> Arrays:
        found = self._model([feed[name] for name in self.signature.inputs])
        return {name: np.array(found[place]) for place, name in enumerate(self.signature.outputs)}


def _openvino_ports(nodes: Any) -> dict[str, Port]:
    ports = {}
    for node in nodes:
        shape = tuple(None if side.is_dynamic else side.get_length() for side in node.partial_shape)
        names = [name.partition(":")[0] for name in sorted(node.get_names())]  # detection_boxes:0
        name = next(filter(KNOWN.__contains__, names), names[0])
        ports[name] = Port(shape, np.dtype(node.element_type.to_dtype()).name)
    return ports

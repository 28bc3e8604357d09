"""The runtimes come to the same, and say what they cannot load."""

from pathlib import Path

import numpy as np
import pytest
from support.detecting import BOXES, write_onnx

from slowfast.predict.persons import detector_models
from slowfast.predict.persons.detector_models import load_model
from slowfast.predict.persons.detector_settings import DetectorError
from slowfast.predict.runtime.runtimes import BackendError

pytest.importorskip("onnx")


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_both_runtimes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str) -> None:
    pytest.importorskip(runtime)
    monkeypatch.setattr(detector_models, "is_installed", lambda name: name == runtime)
    model = load_model(write_onnx(tmp_path / "m.onnx", {"boxes": BOXES}))
    assert model.signature.inputs["images"].shape == (1, 3, 64, 96)
    assert model.signature.outputs["boxes"].dtype == "float32"
    found = model.run({"images": np.zeros((1, 3, 64, 96), np.float32)})
    assert np.array_equal(found["boxes"], BOXES)


def test_what_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.pt").touch()
    with pytest.raises(DetectorError, match="m.pt: a person detector is an .onnx file"):
        load_model(tmp_path / "m.pt")
    with pytest.raises(DetectorError, match="yolo: there is no such file; a person detector is"):
        load_model(tmp_path / "yolo")
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "gone.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(BackendError, match="text.onnx is not a model that can be computed: "):
        load_model(tmp_path / "text.onnx")
    monkeypatch.setattr(detector_models, "is_installed", lambda name: False)
    with pytest.raises(DetectorError, match="needs onnxruntime or openvino: pip install"):
        load_model(tmp_path / "text.onnx")

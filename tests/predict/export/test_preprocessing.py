"""What an exported network takes and gives, as data."""

from pathlib import Path

from support.tiny_run import tiny_config

from slowfast.predict.export.preprocessing import preprocessing


def test_preprocessing_is_data(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "test.num_crops=1", "test.protocol=mmaction2")
    assert preprocessing(cfg) == {
        "num_frames": 8, "sampling_stride": 2, "target_fps": 30.0, "short_side": 32,
        "crop_size": 32, "num_clips": 10, "num_crops": 1, "spatial": "crops",
        "protocol": "mmaction2", "average_clips": "prob", "colour_order": "RGB",
        "input": {"name": "clips", "dtype": "uint8", "layout": "NTHWC",
                  "shape": ["N", 8, "H", "W", 3]},
        "output": {"name": "rows", "dtype": "float32", "shape": ["N", 24], "is": "probabilities"},
    }  # fmt: skip


def test_preprocessing_for_boxes(tmp_path: Path) -> None:
    found = preprocessing(tiny_config(tmp_path, "train.task=detection"))
    assert found["output"]["shape"] == ["K", 24] and found["task"] == "detection"
    assert (found["boxes"]["name"], found["boxes"]["shape"]) == ("boxes", ["K", 4])
    assert (found["counts"]["name"], found["counts"]["dtype"]) == ("counts", "int32")
    assert {"crop_size", "num_clips", "average_clips"}.isdisjoint(found)
    one = preprocessing(tiny_config(tmp_path, "train.task=detection", "model.labels_per_box=one"))
    assert (found["activation"], one["activation"]) == ("sigmoid", "softmax")

#!/usr/bin/env bash
# Paddle 3.3.1 and OpenVINO 2026.4.1: RoIAlign of a box without area is nan, where ONNX Runtime
# 1.32.0 has 0.
#
# Guess: the same operator gives the same numbers. For ordinary boxes it does, to the last digit
# that is printed, inside the picture and beyond it, shifted by half a cell or not.
#
# Seen: with aligned boxes (coordinate_transformation_mode half_pixel) and as many points as cells
# of the map lie in a cell of the box (sampling_ratio 0, Paddle: -1), a box of no width or no height
# has no points, and the mean over none of them is nan in two of the three. Such boxes arise where a
# crop leaves nothing of a person. The nan stays in its box in a test; in training one box makes
# every weight nan. With a fixed number of points, and without the shift, which makes each box at
# least a cell wide, all three are finite and equal.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1 \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 setuptools
cd "$folder"
venv/bin/python -W ignore - <<'PY' 2>stderr || { cat stderr; exit 1; }
import numpy as np
import onnx
import onnxruntime
import openvino
import paddle
from onnx import TensorProto, helper

y, x = np.mgrid[:6, :9]
features = np.stack([x + 10 * y, (3 * x + 5 * y) % 7])[None].astype(np.float32)
boxes = np.float32([[16, 16, 112, 80], [-24, -8, 40, 56], [40, 24, 40, 60], [40, 24, 80, 24]])
names = "inside the picture", "beyond its edge", "of no width", "of no height"


def by_paddle(aligned, points):
    counts = paddle.to_tensor([len(boxes)], dtype="int32")
    given = paddle.to_tensor(features), paddle.to_tensor(boxes), counts
    return paddle.vision.ops.roi_align(*given, 7, 1 / 16, points or -1, aligned).numpy()


def graph(aligned, points):
    mode = "half_pixel" if aligned else "output_half_pixel"
    node = helper.make_node(
        "RoiAlign", ["features", "boxes", "clips"], ["cells"], output_height=7, output_width=7,
        sampling_ratio=points, spatial_scale=1 / 16, coordinate_transformation_mode=mode,
    )
    inputs = [
        helper.make_tensor_value_info("features", TensorProto.FLOAT, features.shape),
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, boxes.shape),
        helper.make_tensor_value_info("clips", TensorProto.INT64, boxes.shape[:1]),
    ]
    output = helper.make_tensor_value_info("cells", TensorProto.FLOAT, (len(boxes), 2, 7, 7))
    made = helper.make_graph([node], "cells", inputs, [output])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


for aligned, points in ((True, 0), (True, 2), (False, 0)):
    model = graph(aligned, points)
    feed = {"features": features, "boxes": boxes, "clips": np.zeros(len(boxes), np.int64)}
    ort = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    core = openvino.Core()
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    found = {
        "paddle": by_paddle(aligned, points),
        "openvino": core.compile_model(core.read_model(model), "CPU", exact)(feed)[0],
        "onnxruntime": ort.run(None, feed)[0],
    }
    print(f"aligned: {aligned}, points: {points or 'as many as cells'}")
    for i, name in enumerate(names):
        means = {system: float(cells[i].mean()) for system, cells in found.items()}
        print(f"  a box {name:20s}", *(f"{system} {mean:.4f}" for system, mean in means.items()))
        if (aligned, points) == (True, 0) and i >= 2:
            assert np.isnan(found["paddle"][i]).all() and np.isnan(found["openvino"][i]).all()
            assert (found["onnxruntime"][i] == 0).all()
        else:
            for cells in found.values():
                assert np.abs(cells[i] - found["paddle"][i]).max() < 1e-4
PY
# Seen:
#   aligned: True, points: as many as cells
#     a box inside the picture   paddle 15.7143 openvino 15.7143 onnxruntime 15.7143
#     a box beyond its edge      paddle 5.2697 openvino 5.2697 onnxruntime 5.2697
#     a box of no width          paddle nan openvino nan onnxruntime 0.0000
#     a box of no height         paddle nan openvino nan onnxruntime 0.0000
#   aligned: True, points: 2
#     a box inside the picture   paddle 15.7185 openvino 15.7185 onnxruntime 15.7185
#     a box beyond its edge      paddle 5.7540 openvino 5.7540 onnxruntime 5.7540
#     a box of no width          paddle 12.5446 openvino 12.5446 onnxruntime 12.5446
#     a box of no height         paddle 7.6964 openvino 7.6964 onnxruntime 7.6964
#   aligned: False, points: as many as cells
#     a box inside the picture   paddle 18.4752 openvino 18.4752 onnxruntime 18.4752
#     a box beyond its edge      paddle 8.1968 openvino 8.1968 onnxruntime 8.1968
#     a box of no width          paddle 16.2263 openvino 16.2263 onnxruntime 16.2263
#     a box of no height         paddle 13.4282 openvino 13.4282 onnxruntime 13.4282

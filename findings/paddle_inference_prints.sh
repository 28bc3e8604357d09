#!/usr/bin/env bash
# paddlepaddle 3.3.1: Paddle Inference with oneDNN prints a line to stdout, for each mean in the model,
# in the first run of a predictor; disable_glog_info() and GLOG_minloglevel do not reach it, as it is no
# log line. A program whose output is read by another one (| head, | jq) has it in front of its own:
#
#     ReduceMeanCheckIfOneDNNSupport
#
# Guess: libraries log to stderr, and it is create_predictor() that plans. Seen: after creating the
# predictor there is nothing; the lines come with the first run() and not with the second.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1 setuptools==80.9.0
cd "$folder"
cat > means.py <<'PY'
import ctypes

import numpy as np
import paddle
from paddle import inference, nn


class Means(nn.Layer):
    def forward(self, x):
        return x.mean(axis=1) + x.exp().mean(axis=1)


paddle.jit.save(Means(), "means", input_spec=[paddle.static.InputSpec([None, 4], "float32")])
config = inference.Config("means.json", "means.pdiparams")
config.disable_gpu()
config.enable_mkldnn()
config.disable_glog_info()
predictor = inference.create_predictor(config)
for turn in ("created", "after run 1", "after run 2"):
    ctypes.CDLL(None).fflush(None)  # what C++ has printed so far
    print(turn, flush=True)
    predictor.get_input_handle(predictor.get_input_names()[0]).copy_from_cpu(np.ones((2, 4), "f4"))
    predictor.run()
PY
GLOG_minloglevel=3 "$folder/venv/bin/python" -W ignore means.py 2>/dev/null > said
cat said
[ "$(tr '\n' ' ' < said)" = "created ReduceMeanCheckIfOneDNNSupport ReduceMeanCheckIfOneDNNSupport after run 1 after run 2 " ]

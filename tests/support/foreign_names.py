"""Our network's tensors as other systems name and lay them out.

Written apart from slowfast/weights/systems.py, which goes the other way.
"""

import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import safetensors.numpy
from support import torch_bytes as tb

from slowfast.weights.systems import Tensors


def renamed(name: str, rows: list[tuple[str, str]]) -> str:
    """A name of ours after the first row that fits; the rows are ours -> theirs."""
    for pattern, theirs in rows:
        if match := re.fullmatch(pattern, name):
            return match.expand(theirs)
    raise AssertionError(name)


FAST = "s5.pathway1_res0.branch2.c_bn.bias"
"""What a slow pathway alone does not have."""
TORCH = [(r"(.+)\._mean", r"\1.running_mean"), (r"(.+)\._variance", r"\1.running_var"),
         (r"(.+)", r"\1")]  # fmt: skip


def with_counters(state: Tensors) -> Tensors:
    """As torch's batch norms have them."""
    full = dict(state)
    for name in state:
        if name.endswith("running_var"):
            full[name.replace("running_var", "num_batches_tracked")] = np.array(7, "<i8")
    return full


def paddlevideo(ours: Tensors) -> Tensors:
    rows = [
        (r"(s1\.pathway\d_stem)\.(.+)", r"backbone.\1._\2"),
        (r"(s\d_fuse)\.(.+)", r"backbone.\1._\2"),
        (r"(s\d\..+)", r"backbone.\1"),
        (r"(head.+)", r"\1"),
    ]
    return {renamed(name, rows): value for name, value in ours.items()}


def older_paddle(ours: Tensors) -> Tensors:
    return {name.removeprefix("backbone."): value for name, value in paddlevideo(ours).items()}


def transposed(name: str, value: Any) -> Any:
    return np.ascontiguousarray(value.T) if name == "head.projection.weight" else value


def pyslowfast(ours: Tensors) -> Tensors:
    return with_counters(
        {renamed(name, TORCH): transposed(name, value) for name, value in ours.items()}
    )


def pytorchvideo(ours: Tensors) -> Tensors:
    state = {}
    for name, value in pyslowfast(ours).items():
        stage, _, rest = name.partition(".")
        block = int(stage[1]) - 1 if stage != "head" else 6 if FAST in ours else 5
        rows = [
            (r"pathway(\d)_stem\.conv(.+)", r"multipathway_blocks.\1.conv\2"),
            (r"pathway(\d)_stem\.bn(.+)", r"multipathway_blocks.\1.norm\2"),
            (r"conv_f2s(.+)", r"multipathway_fusion.conv_fast_to_slow\1"),
            (r"bn(.+)", r"multipathway_fusion.norm\1"),
            (r"pathway(\d)_res(\d+)\.branch1_bn(.+)",
             r"multipathway_blocks.\1.res_blocks.\2.branch1_norm\3"),
            (r"pathway(\d)_res(\d+)\.branch1(.+)",
             r"multipathway_blocks.\1.res_blocks.\2.branch1_conv\3"),
            (r"pathway(\d)_res(\d+)\.branch2\.(.)_bn(.+)",
             r"multipathway_blocks.\1.res_blocks.\2.branch2.norm_\3\4"),
            (r"pathway(\d)_res(\d+)\.branch2\.(.)\.(.+)",
             r"multipathway_blocks.\1.res_blocks.\2.branch2.conv_\3.\4"),
            (r"projection(.+)", r"proj\1"),
        ]  # fmt: skip
        theirs = f"blocks.{block}.{renamed(rest, rows)}"
        state[theirs if FAST in ours else theirs.replace("multipathway_blocks.0.", "")] = value
    return state


def pytorchvideo_trained(ours: Tensors) -> Tensors:
    return {f"model.{name}": value for name, value in pytorchvideo(ours).items()}


def mmaction2(ours: Tensors) -> Tensors:
    state, fast = {}, ours[FAST].size if FAST in ours else 0
    for name, value in pyslowfast(ours).items():
        layer = f"layer{int(name[1]) - 1}" if name[1].isdigit() else ""
        path = f"backbone.{'fast' if 'pathway1' in name else 'slow'}_path"
        if FAST not in ours:
            path = "backbone"
        if name == "head.projection.weight" and fast:  # theirs: fast, slow
            value = np.concatenate([value[:, -fast:], value[:, :-fast]], axis=1)
        name = re.sub(r"branch2\.([abc])",
                      lambda m: f"branch2.conv{'abc'.index(m[1]) + 1}", name)  # fmt: skip
        rows = [
            (r"s1_fuse\.conv_f2s(.+)", rf"{path}.conv1_lateral.conv\1"),
            (r"s1_fuse\.bn(.+)", rf"{path}.conv1_lateral.bn\1"),
            (r"s\d_fuse\.conv_f2s(.+)", rf"{path}.{layer}_lateral.conv\1"),
            (r"s\d_fuse\.bn(.+)", rf"{path}.{layer}_lateral.bn\1"),
            (r"s1\.pathway\d_stem\.(.+)", rf"{path}.conv1.\1"),
            (r"s\d\.pathway\d_res(\d+)\.branch1_bn(.+)", rf"{path}.{layer}.\1.downsample.bn\2"),
            (r"s\d\.pathway\d_res(\d+)\.branch1(.+)", rf"{path}.{layer}.\1.downsample.conv\2"),
            (r"s\d\.pathway\d_res(\d+)\.branch2\.(conv\d)_bn(.+)", rf"{path}.{layer}.\1.\2.bn\3"),
            (r"s\d\.pathway\d_res(\d+)\.branch2\.(conv\d)(.+)", rf"{path}.{layer}.\1.\2.conv\3"),
            (r"head\.projection(.+)", r"cls_head.fc_cls\1"),
        ]
        state[renamed(name, rows)] = value
    return state


def caffe2(ours: Tensors) -> Tensors:
    rows = [
        (r"s1\.pathway0_stem\.conv\.", "conv1_"),
        (r"s1\.pathway1_stem\.conv\.", "t_conv1_"),
        (r"s1\.pathway0_stem\.bn\.", "res_conv1_bn_"),
        (r"s1\.pathway1_stem\.bn\.", "t_res_conv1_bn_"),
        (r"s1_fuse\.conv_f2s\.", "t_pool1_subsample_"),
        (r"s1_fuse\.bn\.", "t_pool1_subsample_bn_"),
        (r"s(\d)_fuse\.conv_f2s\.", r"t_res\1_2_branch2c_bn_subsample_"),
        (r"s(\d)_fuse\.bn\.", r"t_res\1_2_branch2c_bn_subsample_bn_"),
        (r"s(\d)\.pathway0_res(\d+)\.branch1_bn\.", r"res\1_\2_branch1_bn_"),
        (r"s(\d)\.pathway1_res(\d+)\.branch1_bn\.", r"t_res\1_\2_branch1_bn_"),
        (r"s(\d)\.pathway0_res(\d+)\.branch1\.", r"res\1_\2_branch1_"),
        (r"s(\d)\.pathway1_res(\d+)\.branch1\.", r"t_res\1_\2_branch1_"),
        (r"s(\d)\.pathway0_res(\d+)\.branch2\.(.)_bn\.", r"res\1_\2_branch2\3_bn_"),
        (r"s(\d)\.pathway1_res(\d+)\.branch2\.(.)_bn\.", r"t_res\1_\2_branch2\3_bn_"),
        (r"s(\d)\.pathway0_res(\d+)\.branch2\.(.)\.", r"res\1_\2_branch2\3_"),
        (r"s(\d)\.pathway1_res(\d+)\.branch2\.(.)\.", r"t_res\1_\2_branch2\3_"),
        (r"s4\.pathway0_nonlocal(\d+)\.bn\.", r"nonlocal_conv4_\1_bn_"),
        (r"s4\.pathway0_nonlocal(\d+)\.conv_(\w+)\.", r"nonlocal_conv4_\1_\2_"),
        (r"head\.projection\.", "pred_"),
    ]
    state: Tensors = {}
    for name, value in ours.items():
        layer, _, kind = name.rpartition(".")
        norms = {"weight": "s", "bias": "b", "_mean": "rm", "_variance": "riv"}
        letter = norms[kind] if layer.endswith("bn") else kind[0]
        state[renamed(f"{layer}.", rows) + letter] = transposed(name, value)
        if not kind.startswith("_"):
            state[renamed(f"{layer}.", rows) + f"{letter}_momentum"] = value
    return {**state, "lr": np.array([0.1], np.float32), "model_iter": np.array([9])}


BACKGROUND = 1.0
"""Of the output that is left out."""
HEAD = "head.projection."


def with_background(state: Tensors) -> Tensors:
    """A detector's with an output in front of its classes, as ``[outputs, features]``."""
    rows = {name: state[name] for name in state if name.startswith(("roi_head", HEAD))}
    grown = {
        name: np.concatenate([np.full_like(value[:1], BACKGROUND), value])
        for name, value in rows.items()
    }
    return state | grown


def mmaction2_boxes(ours: Tensors) -> Tensors:
    """A detector's; its columns are in our order."""
    state = mmaction2({name: x for name, x in ours.items() if not name.startswith(HEAD)})
    head = {f"roi_head.bbox_head.fc_cls.{kind}": ours[HEAD + kind].T for kind in ("weight", "bias")}
    return with_background(state | head)


def paddlevideo_boxes(ours: Tensors) -> Tensors:
    """A detector's; the norms of its lateral connections have no use there."""
    state = paddlevideo({name: x for name, x in ours.items() if not name.startswith(HEAD)})
    head = mmaction2_boxes(ours)
    for kind in ("weight", "bias"):
        name = f"roi_head.bbox_head.fc_cls.{kind}"
        state[name] = head[name].T
    for n in range(1, 5):
        for kind in ("weight", "bias", "_mean", "_variance"):
            state[f"backbone.s{n}_fuse._bn.{kind}"] = np.ones(3, np.float32)
    return state


def pytorchvideo_boxes(ours: Tensors) -> Tensors:
    """A detector's, of the hub."""
    state = pytorchvideo_trained({n: x for n, x in ours.items() if not n.startswith(HEAD)})
    head = {f"detection_head.proj.{kind}": ours[HEAD + kind].T for kind in ("weight", "bias")}
    return state | head


def _pickled(names: Callable[[Tensors], Tensors], inside: str = "") -> Callable[[Tensors], bytes]:
    return lambda ours: pickle.dumps({inside: names(ours)} if inside else names(ours), protocol=2)


def _torch(
    names: Callable[[Tensors], Tensors], inside: str, legacy: bool = False
) -> Callable[[Tensors], bytes]:
    return lambda ours: tb.save(names(ours), legacy=legacy, inside=inside)


COUNTERS = "{norms} num_batches_tracked left out"
FILES: dict[str, tuple[Callable[[Tensors], bytes], str]] = {
    "PaddleVideo": (_pickled(paddlevideo), "PaddleVideo's"),
    "older Paddle": (_pickled(older_paddle), "PaddleVideo's"),
    "PySlowFast": (_torch(pyslowfast, "model_state"), f"PySlowFast's; {COUNTERS}"),
    "PySlowFast, 2019": (_torch(pyslowfast, "model_state", True), f"PySlowFast's; {COUNTERS}"),
    "PyTorchVideo": (_torch(pytorchvideo, "model_state"), f"PyTorchVideo's; {COUNTERS}"),
    "PyTorchVideo, trained on":
        (_torch(pytorchvideo_trained, "model_state"), f"PyTorchVideo's; {COUNTERS}"),
    "PyTorchVideo, safetensors":
        (lambda ours: safetensors.numpy.save(pytorchvideo(ours)), f"PyTorchVideo's; {COUNTERS}"),
    "mmaction2": (_torch(mmaction2, "state_dict"), f"mmaction2's; {COUNTERS}"),
    "mmaction2, 2020": (_torch(mmaction2, "state_dict", True), f"mmaction2's; {COUNTERS}"),
    "caffe2": (_pickled(caffe2, "blobs"),
               "PySlowFast (caffe2)'s; {momenta} momentum, 1 lr, 1 iter left out"),
}  # fmt: skip
"""Of our tensors: the bytes of a file as each system writes it, and what is said of it."""

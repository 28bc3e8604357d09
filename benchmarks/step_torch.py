"""Training steps of PyTorchVideo's network in torch, asked for on stdin by train_step.py.

Contenders: ``contiguous`` and ``channels_last_3d``, torch's two memory layouts, with ``:stages`` or
``:blocks`` for what torch.utils.checkpoint computes again in backward. Runs in the peers'
environment (requirements-peers.txt); the two shims that PyTorchVideo needs to be imported are
those of tests/golden/make_pytorchvideo_logits.py, as is the table of names.
"""

import os
import sys
from functools import partial
from typing import Any

import torch
from make_pytorchvideo_logits import canonical_name, import_pytorchvideo
from torch.utils.checkpoint import checkpoint

from benchmarks.step_server import Answer, Step, draw, fast_clips, serve

OF_8X8: dict[str, Any] = dict(slowfast_fusion_conv_kernel_size=(7, 1, 1))
"""As their hub's slowfast_r50 has it."""
# PySlowFast's 4x16, which their hub lacks: a slow frame in 8.
OF_4X16: dict[str, Any] = dict(
    slowfast_fusion_conv_kernel_size=(5, 1, 1),
    slowfast_fusion_conv_stride=(8, 1, 1),
    head_pool_kernel_sizes=((4, 7, 7), (32, 7, 7)),
)


def build(contender: str, network: str, clips: int) -> Step:
    """The step of one contender."""
    contender, _, units = contender.partition(":")
    _, transforms = import_pytorchvideo()
    from pytorchvideo.models.slowfast import create_slowfast

    given = {"8x8": OF_8X8, "4x16": OF_4X16}[network]
    model = create_slowfast(model_depth=50, dropout_rate=0.0, **given)
    state = {}
    for name, tensor in model.state_dict().items():
        ours = canonical_name(name)
        state[name] = torch.from_numpy(draw(ours, list(tensor.shape))) if ours else tensor
    model.load_state_dict(state, strict=True)
    _checkpoint(model, units)
    layout = {"contiguous": torch.contiguous_format, "channels_last_3d": torch.channels_last_3d}
    model = model.to(memory_format=layout[contender])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    pixels, labels = fast_clips(clips)
    fast, wanted = torch.from_numpy(pixels), torch.from_numpy(labels)

    def step(wants_gradients: bool) -> Answer:
        slow = transforms.uniform_temporal_subsample(fast, 8 if network == "8x8" else 4)
        pathways = [p.contiguous(memory_format=layout[contender]) for p in (slow, fast)]
        loss = torch.nn.functional.cross_entropy(model(pathways), wanted)
        loss.backward()
        gradients: dict[str, Any] = {}
        if wants_gradients:
            gradients = {canonical_name(n): p.grad.numpy() for n, p in model.named_parameters()}
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach()), gradients

    return step


def _checkpoint(model: Any, units: str) -> None:
    """Lets backward compute these again: res2..res5 or each of their blocks."""
    wanted = list(model.blocks[1:5]) if units == "stages" else []
    if units == "blocks":
        wanted = [m for m in model.modules() if type(m).__name__ == "ResBlock"]
    for module in wanted:
        module.forward = partial(checkpoint, partial(_called, module.forward), use_reentrant=False)


def _called(forward: Any, x: Any) -> Any:
    """PyTorchVideo's stages put their outputs into the list that they are given."""
    return forward([*x] if isinstance(x, list) else x)


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    sys.exit(serve(build, f"torch {torch.__version__}, PyTorchVideo 0.1.5"))

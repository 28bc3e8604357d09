"""Writes torch_zip.pyth and torch_legacy.pyth: one small checkpoint in torch's two formats.

Run it in an environment of its own, never in the project's; made with Python 3.11 and

    pip install torch==2.13.0
    python tests/golden/make_torch_files.py
"""

from collections import OrderedDict
from pathlib import Path

import torch


def checkpoint() -> dict[str, object]:
    """What PySlowFast saves, around tensors of every kind that a state dict can have."""
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    layer(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    state = OrderedDict(
        plain=torch.arange(6.0).reshape(2, 3),
        transposed=torch.arange(6.0).reshape(2, 3).t(),
        part=torch.arange(10.0)[3:9:2],
        parameter=torch.nn.Parameter(torch.tensor([1.5, -2.5])),
        half=torch.tensor([1.5, -65504]).half(),
        bfloat16=torch.tensor([1.5, -(2.0**100)]).bfloat16(),
        double=torch.tensor([1 / 3], dtype=torch.float64),
        empty=torch.zeros(0, 3),
        flags=torch.tensor([True, False]),
        num_batches_tracked=torch.tensor(12345678901),
    )
    vars(state)["_metadata"] = OrderedDict({"": {"version": 1}})  # as of a module's state_dict
    return {
        "epoch": 3,
        "model_state": state,
        "optimizer_state": optimizer.state_dict(),
        "cfg": "MODEL:\n  ARCH: slowfast\n",
        "size": torch.Size([2, 3]),
    }


def main() -> None:
    """Writes both."""
    content = checkpoint()
    for name, as_zip in (("torch_zip.pyth", True), ("torch_legacy.pyth", False)):
        path = Path(__file__).with_name(name)
        torch.save(content, path, _use_new_zipfile_serialization=as_zip)
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()

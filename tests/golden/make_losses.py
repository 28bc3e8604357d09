"""Makes losses.json: PyTorch's losses and their gradients, for tests/train/recipe/test_loss.py.

    PYTHON tests/golden/make_losses.py

PYTHON has PyTorch (made with 2.13.0). Focal loss is torchvision's ``sigmoid_focal_loss`` by hand.
"""

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

LOGITS = [[1.5, -0.25, 3.0, -7.0], [0.0, 12.0, -2.5, 0.75], [-30.0, 0.5, 2.0, 1.0]]
LABELS = [2, 0, 3]
TRUTH = [[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]]
MIXED = [[0.3, 0.0, 1.0, 0.7], [0.5, 0.25, 0.0, 0.0], [1.0, 1.0, 0.1, 0.9]]
WEIGHTS = [0.5, 2.0, 1.0, 4.0]


def focal(logits: Any, targets: Any, gamma: float, **options: Any) -> Any:
    """With a plain factor in place of torchvision's alpha."""
    p = torch.sigmoid(logits)
    p_t = p * targets + (1 - p) * (1 - targets)
    costs = F.binary_cross_entropy_with_logits(logits, targets, reduction="none", **options)
    return ((1 - p_t) ** gamma * costs).mean()


def main() -> None:
    """Writes the file."""
    weights = torch.tensor(WEIGHTS)
    found = {}

    def add(name: str, loss: Any) -> None:
        logits = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
        value = loss(logits)
        value.backward()
        found[name] = {"loss": value.item(), "gradient": logits.grad.tolist()}

    for smoothing in (0.0, 0.1):
        options = {"weight": weights.double(), "label_smoothing": smoothing}
        labels, shares = torch.tensor(LABELS), torch.tensor(MIXED).double()
        shares = shares / shares.sum(dim=1, keepdim=True)
        # Over the clips, not over the sum of the labels' weights.
        add(
            f"single {smoothing}",
            lambda z, o=options: F.cross_entropy(z, labels, reduction="sum", **o) / len(LABELS),
        )
        add(f"single mixed {smoothing}", lambda z, o=options: F.cross_entropy(z, shares, **o))
    for kind, targets in (("multi", TRUTH), ("multi mixed", MIXED)):
        wanted = torch.tensor(targets).double()
        plain = F.binary_cross_entropy_with_logits
        yes = {"pos_weight": weights.double()}
        add(kind, lambda z, t=wanted: plain(z, t))
        add(f"{kind} weights", lambda z, t=wanted, o=yes: plain(z, t, **o))
        for gamma in (0.5, 2.0):
            add(f"{kind} focal {gamma}", lambda z, t=wanted, g=gamma: focal(z, t, g))
        add(f"{kind} focal weights", lambda z, t=wanted, o=yes: focal(z, t, 2.0, **o))
    path = Path(__file__).with_name("losses.json")
    inputs = {"logits": LOGITS, "labels": LABELS, "truth": TRUTH, "mixed": MIXED}
    path.write_text(json.dumps({**inputs, "weights": WEIGHTS, "found": found}) + "\n")


if __name__ == "__main__":
    main()

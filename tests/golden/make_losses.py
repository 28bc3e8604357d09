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


def single(logits: Any, targets: Any, **options: Any) -> Any:
    """Divided by the number of clips, not by the sum of their labels' weights."""
    return F.cross_entropy(logits, targets, reduction="sum", **options) / len(targets)


def focal(logits: Any, targets: Any, gamma: float = 0.0, **options: Any) -> Any:
    """Without alpha."""
    p = torch.sigmoid(logits)
    p_t = p * targets + (1 - p) * (1 - targets)
    costs = F.binary_cross_entropy_with_logits(logits, targets, reduction="none", **options)
    return ((1 - p_t) ** gamma * costs).mean()


def found_by(loss: Any, targets: Any, **options: Any) -> dict[str, Any]:
    """The loss and its gradient."""
    logits = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    value = loss(logits, targets, **options)
    value.backward()
    return {"loss": value.item(), "gradient": logits.grad.tolist()}


def main() -> None:
    """Writes the file."""
    weights, found = torch.tensor(WEIGHTS).double(), {}
    shares = torch.tensor(MIXED).double()
    shares = shares / shares.sum(dim=1, keepdim=True)
    for e in (0.0, 0.1):
        options = {"weight": weights, "label_smoothing": e}
        found[f"single {e}"] = found_by(single, torch.tensor(LABELS), **options)
        found[f"single mixed {e}"] = found_by(single, shares, **options)
    for kind, targets in (("multi", TRUTH), ("multi mixed", MIXED)):
        wanted = torch.tensor(targets).double()
        plain = F.binary_cross_entropy_with_logits
        found[kind] = found_by(plain, wanted)
        found[f"{kind} weights"] = found_by(plain, wanted, pos_weight=weights)
        for gamma in (0.5, 2.0):
            found[f"{kind} focal {gamma}"] = found_by(focal, wanted, gamma=gamma)
        found[f"{kind} focal weights"] = found_by(focal, wanted, gamma=2.0, pos_weight=weights)
    path = Path(__file__).with_name("losses.json")
    inputs = {"logits": LOGITS, "labels": LABELS, "truth": TRUTH, "mixed": MIXED}
    path.write_text(json.dumps({**inputs, "weights": WEIGHTS, "found": found}) + "\n")


if __name__ == "__main__":
    main()

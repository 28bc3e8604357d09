"""The tables of docs/zoo.md, made from the published networks.

``python -m docs.zoo_tables``, in the repository, writes them anew between the pages' marks.
"""

import re
from pathlib import Path

from slowfast.models.published import VARIANTS
from slowfast.zoo.catalogue import CATALOGUE

Row = tuple[str, ...]
PAGES = ("README.md", "docs/zoo.md")


def networks() -> str:
    """Each constructor, with what its network takes."""
    rows: list[Row] = [("network", "frames x stride", "alpha", "parameters, M", "multiply-adds, G")]
    for name, network in VARIANTS.items():
        of_boxes = " for boxes" if network.arguments.get("task") == "detection" else ""
        classes = (
            f" ({network.num_classes} classes{of_boxes})" if network.num_classes != 400 else ""
        )
        clip = f"{network.num_frames} x {network.sampling_stride}"
        cost = [f"{number:.2f}" for number in network.cost]
        rows.append((f"`{name}`{classes}", clip, str(network.alpha), *cost))
    return _table(rows)


def weights() -> str:
    """Each published file, with its network and its accuracies."""
    metrics = ("top-1", "top-5", "mAP")
    rows: list[Row] = [("name", "network", "parameters, M", "multiply-adds, G", *metrics, "source")]
    for name, (constructor, file) in CATALOGUE.items():
        network = VARIANTS[constructor]
        bold = "**" if name == network.weights[0].name else ""
        cost = [f"{number:.2f}" for number in file.cost or network.cost]
        scores = [str(file.scores.get(metric, "")) for metric in metrics]
        source = f"[file]({file.url}), [page]({file.page})"
        rows.append((f"{bold}`{name}`{bold}", f"`{constructor}`", *cost, *scores, source))
    return _table(rows)


def _table(rows: list[Row]) -> str:
    lines = [" | ".join(row) for row in (rows[0], ("---",) * len(rows[0]), *rows[1:])]
    return "".join(f"| {line} |\n" for line in lines)


TABLES = {"networks": networks, "weights": weights}


def filled(page: str) -> str:
    """A page with the tables between its marks, ``<!-- networks -->`` ... ``<!-- end -->``."""
    mark = re.compile(rf"(<!-- ({'|'.join(TABLES)})\b[^\n]*-->\n).*?(?=<!-- end -->)", re.DOTALL)
    return mark.sub(lambda found: found[1] + TABLES[found[2]](), page)


if __name__ == "__main__":
    for path in map(Path, PAGES):
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")

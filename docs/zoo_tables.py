"""The tables of docs/zoo.md, in both languages, made from the published networks.

``python -m docs.zoo_tables``, in the repository, writes them anew between the pages' marks.
"""

import re
from pathlib import Path

from slowfast.models.published import VARIANTS
from slowfast.zoo.catalogue import CATALOGUE

Row = tuple[str, ...]
PAGES = {"README.md": "en", "docs/zoo.md": "en", "docs/zh/zoo.md": "zh"}
"""Each page with tables, and its language."""

CHINESE = {
    "network": "网络", "frames x stride": "帧数 x 步长", "parameters, M": "参数量，M",
    "multiply-adds, G": "乘加次数，G", "name": "名字", "source": "来源", "file": "文件",
    "page": "网页", "classes": "个类别", "classes for boxes": "个类别，检测",
}  # fmt: skip
"""The words of the tables; what is missing is the same in both languages."""


def networks(language: str = "en") -> str:
    """Each constructor, with what its network takes."""
    head = ("network", "frames x stride", "alpha", "parameters, M", "multiply-adds, G")
    rows: list[Row] = [tuple(_word(text, language) for text in head)]
    for name, network in VARIANTS.items():
        is_detector = network.arguments.get("task") == "detection"
        kind = _word("classes for boxes" if is_detector else "classes", language)
        classes = f" ({network.num_classes} {kind})" if network.num_classes != 400 else ""
        clip = f"{network.num_frames} x {network.sampling_stride}"
        cost = [f"{number:.2f}" for number in network.cost]
        rows.append((f"`{name}`{classes}", clip, str(network.alpha), *cost))
    return _table(rows)


def weights(language: str = "en") -> str:
    """Each published file, with its network and its accuracies."""
    metrics = ("top-1", "top-5", "mAP")
    head = ("name", "network", "parameters, M", "multiply-adds, G", *metrics, "source")
    rows: list[Row] = [tuple(_word(text, language) for text in head)]
    for name, (constructor, file) in CATALOGUE.items():
        network = VARIANTS[constructor]
        bold = "**" if name == network.weights[0].name else ""
        cost = [f"{number:.2f}" for number in file.cost or network.cost]
        scores = [str(file.scores.get(metric, "")) for metric in metrics]
        links = [f"[{_word(text, language)}]({url})"
                 for text, url in (("file", file.url), ("page", file.page))]  # fmt: skip
        rows.append((f"{bold}`{name}`{bold}", f"`{constructor}`", *cost, *scores, ", ".join(links)))
    return _table(rows)


def _word(text: str, language: str) -> str:
    return CHINESE.get(text, text) if language == "zh" else text


def _table(rows: list[Row]) -> str:
    lines = [" | ".join(row) for row in (rows[0], ("---",) * len(rows[0]), *rows[1:])]
    return "".join(f"| {line} |\n" for line in lines)


TABLES = {"networks": networks, "weights": weights}


def filled(page: str, language: str = "en") -> str:
    """A page with the tables between its marks, ``<!-- networks -->`` ... ``<!-- end -->``."""
    mark = re.compile(rf"(<!-- ({'|'.join(TABLES)})\b[^\n]*-->\n).*?(?=<!-- end -->)", re.DOTALL)
    return mark.sub(lambda found: found[1] + TABLES[found[2]](language), page)


if __name__ == "__main__":
    for path, language in ((Path(name), language) for name, language in PAGES.items()):
        path.write_text(filled(path.read_text(encoding="utf-8"), language), encoding="utf-8")

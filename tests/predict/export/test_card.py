from pathlib import Path

import numpy as np
import pytest
from support.exporting import exported_once
from support.tiny_run import tiny_config

from slowfast.predict.export.card import Check, Source, card

CHECKS = {
    "ONNX": Check(("graph.onnx",), "ONNX Runtime 1.32.0", {1: 2e-7, 3: 1.26e-6}),
    "OpenVINO": Check(("graph.xml", "graph.bin"), "OpenVINO 2026.4.1", {1: 0.0, 3: 3e-7}),
}


def test_a_check_in_words() -> None:
    assert str(CHECKS["ONNX"]) == (
        "ONNX Runtime 1.32.0 is 2e-07 (N=1) and 1e-06 (N=3) apart from eager mode"
    )


@pytest.mark.parametrize(
    ("override", "names", "said"),
    [
        ("model.name=slowfast", ["a"] * 24, [
            "| network | slowfast: slow R14, fast R14, width 8, alpha 4 |",
            "| parameters | 1,234 |",
            "| weights | mine.pdparams, SHA-256 `abc` |",
            "| classes | 24, in the order of `labels.txt` |",
            "uint8 `[N, 8, H, W, 3]`", "float32 `[N, 24]`", "spans 0.533 seconds",
            "10 clips x 3 crops of 32 pixels", "where pyslowfast takes them",
            "| files | runtime | N=1 | N=3 |",
            "| `graph.onnx` | ONNX Runtime 1.32.0 | 2e-07 | 1e-06 |",
            "| `graph.xml`, `graph.bin` | OpenVINO 2026.4.1 | 0 | 3e-07 |",
        ]),
        ("model.name=fast_only", None, [
            "| network | fast_only: fast R14, width 8, alpha 4 |", "| classes | by number",
        ]),
        ("test.spatial=whole", None, [
            "10 clips x 1 whole pictures", "of each of 24 classes.\n", "and the mean of their",
        ]),
        ("train.task=multi", None, [
            "may show several of them, or none", "From 0.5 on (`test.threshold`) a class counts",
        ]),
        ("train.task=detection", None, [
            "boxes around people, and gives each box", "`boxes`, float32 `[K, 4]`",
            "`counts`, int32 `[N]`", "float32 `[K, 24]`", "in pixels of the clip",
            "A box may show several", "around the moment of the boxes, where pyslowfast",
            'run(None, inputs)', "net(inputs)[0]",
        ]),
        ("test.average_clips=max", None, ["and each class's largest of their probabilities"]),
    ],
    ids=["both pathways", "one", "whole pictures", "several labels", "boxes", "maximum"],
)  # fmt: skip
def test_what_a_card_says(
    tmp_path: Path, override: str, names: list[str] | None, said: list[str]
) -> None:
    found = card(
        tiny_config(tmp_path, override), Source("mine.pdparams", "abc", 1234, names), CHECKS
    )
    assert [text for text in said if text not in found] == []
    assert "inference.Config" not in found  # that form is not there


def test_a_card_of_boxes_with_one_label_each(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.task=detection", "model.labels_per_box=one")
    found = card(cfg, Source("mine.pdparams", "abc", 1234, None), CHECKS)
    assert "the probabilities are a softmax" in found and "sigmoid" not in found


def test_its_code_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder, with clips as it says."""
    folder = exported_once()
    monkeypatch.chdir(folder)
    text = (folder / "README.md").read_text(encoding="utf-8")
    blocks = [part for part in text.split("\n\n") if part.startswith("    ")]
    clips = np.random.default_rng(0).integers(0, 256, (2, 8, 32, 32, 3), np.uint8)
    found = []
    for block in blocks:
        names = {"clips": clips}
        exec("\n".join(line[4:] for line in block.splitlines()), names)
        found += [names["rows"]] if "rows" in names else []
    assert len(blocks) == 4 and len(found) == 3
    for rows in found:
        np.testing.assert_allclose(rows, found[0], rtol=1e-4, atol=1e-6)

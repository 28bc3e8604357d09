"""--summary: the network's stages and the schedule."""

import re
import sys
from pathlib import Path

import cv2
import pytest
from support.small_nets import small

from slowfast.cli import main
from slowfast.models.cost import count_parameters


def test_summary_of_the_default_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--summary"]) == 0
    printed, complaints = capsys.readouterr()
    assert complaints == ""
    rows = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip()}
    assert rows["s1"][1:3] == ["64x4x56x56,", "8x32x56x56"]
    assert rows["s2_fuse"][1] == "320x4x56x56"
    assert rows["s5"][1:3] == ["2048x4x7x7,", "256x32x7x7"]
    assert "400 classes at 1 position(s)" in printed
    assert rows["total"] == ["total", "34,480,216", "27.639", "G"]
    parts = [row for name, row in rows.items() if name == "head" or re.match(r"s\d", name)]
    assert sum(int(row[-3].replace(",", "")) for row in parts) == 34_480_216
    assert sum(float(row[-2]) for row in parts) == pytest.approx(27.639, abs=0.005)
    assert "10 x 3 = 30 views" in printed
    curve = [line.split()[-2:] for line in printed.splitlines() if "  epoch " in line]
    assert curve == [
        ["0.0", "0.010000"], ["34.0", "0.092757"], ["98.0", "0.050000"], ["195.0", "0.000006423"]
    ]  # fmt: skip
    picture = Path("output/SlowFast/learning_rate.png")
    assert printed.endswith(f"learning rate, drawn: {picture}\n")
    drawn = cv2.imread(str(picture))
    assert drawn is not None and drawn.shape[1] > 500
    assert not list(Path().rglob("*.yaml"))[1:]


def test_summary_follows_config_and_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--summary", "-c", "small.yaml", "-o", "model.num_classes=11"]
    assert main.main([*flags, "optim.warmup_epochs=0", "optim.base_lr=0.25"]) == 0
    printed = capsys.readouterr().out
    net = small(width=8, stem_kernel=3, num_classes=11)
    assert f"{count_parameters(net):,}" in printed
    assert "11 classes at 1 position(s)" in printed
    assert "8x2x8x8, 1x8x8x8" in printed  # stems: 8 and 1 channels, a quarter of 32 pixels
    (first,) = (line for line in printed.splitlines() if "first step" in line)
    assert first.endswith(" 0.250000")


@pytest.mark.parametrize("name", ["slow_only", "fast_only"])
def test_summary_of_a_single_pathway(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--summary", "-c", "small.yaml", "-o", f"model.name={name}"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{name}: 8 frames") and "fuse" not in printed


def test_summary_of_a_detector(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["-o", "train.task=detection", "test.short_side=64"]
    assert main.main(["--summary", "-c", "small.yaml", *flags]) == 0
    printed = capsys.readouterr().out
    assert "test of key frames" in printed and " classes in 8 boxes" in printed
    (s5,) = (line for line in printed.splitlines() if line.startswith("s5 "))
    assert "x4x4" in s5  # a 16th of 64 pixels


def test_without_matplotlib_the_rest_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "slowfast.pictures.rate_curve", raising=False)
    assert main.main(["--summary", "-c", "small.yaml"]) == 0
    printed, complaints = capsys.readouterr()
    assert "total" in printed and "learning rate, not drawn: matplotlib cannot be" in printed
    assert complaints == ""

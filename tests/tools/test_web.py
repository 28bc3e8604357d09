"""The tool that opens the page: what it refuses before it serves anything."""

import socket
import sys
from pathlib import Path
from types import ModuleType

import pytest
from support.detecting import detection_config, save_detector
from support.tiny_run import save_tiny_model, tiny_config

from slowfast.tools.web import main, parse_args


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tiny_config(tmp_path_factory.mktemp("weights")))


def test_only_this_machine_reaches_the_page_unless_told_otherwise() -> None:
    args = parse_args([])
    assert (args.host, args.port, args.max_mb, args.max_seconds) == ("127.0.0.1", None, 200, 600.0)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "error: no -w given, and there is no output/SlowFast/SlowFast_best.pdparams from a "),
        (["-w", "gone.pdparams"], "error: weights gone.pdparams cannot be read: No such file"),
        (["-w", "{weights}", "--host", ""], "error: --host: name an address, 0.0.0.0 for all "),
        (["-w", "{weights}", "--features", "gone"], "error: gone: there is no such folder of "),
        (["-w", "{weights}", "--detector", "m.onnx"], "error: {weights} classifies videos, not b"),
    ],
    ids=["no weights", "no such weights", "no host", "no such features", "detector"],
)
def test_what_cannot_be_is_one_line(
    weights: Path, own_folder: Path, capfd: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    assert main([word.format(weights=weights) for word in words]) == 1
    said = capfd.readouterr().err
    assert said.startswith(line.format(weights=weights)) and said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--detector", "gone.onnx"], "error: gone.onnx: No such file or directory"),
        (["--features", "x"], "error: {weights} classifies boxes, which has no features: leave "),
    ],
    ids=["no such detector", "features"],
)
def test_what_cannot_be_of_boxes_is_one_line(
    own_folder: Path, capfd: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    weights = save_detector(detection_config(own_folder))
    assert main(["-w", str(weights), *words]) == 1
    said = capfd.readouterr().err
    assert said.startswith(line.format(weights=weights)) and said.count("\n") == 1


@pytest.mark.parametrize("name", ["gradio", "sklearn"])
def test_without_what_it_needs_it_says_what_to_install(
    weights: Path, own_folder: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, name: str,
) -> None:  # fmt: skip
    for module in ("gradio", "sklearn"):
        monkeypatch.setitem(sys.modules, module, None if module == name else ModuleType(module))
    assert main(["-w", str(weights)]) == 1
    assert capfd.readouterr().err == (
        f"error: the page needs {name}, which is not installed: pip install "
        "'slowfast-paddle[web]', or gradio and scikit-learn\n"
    )


def test_a_port_that_is_taken_is_named(
    weights: Path, own_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["-w", str(weights), "--port", str(port)]) == 1
    said = capfd.readouterr().err
    assert said.startswith(f"error: 127.0.0.1:{port} cannot be used: Address already in use (")
    assert said.count("\n") == 1


@pytest.mark.parametrize("flag", ["--port=0", "--max_mb=0", "--max_seconds=0"])
def test_limits_are_numbers(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([flag])
    assert "is not a" in capsys.readouterr().err

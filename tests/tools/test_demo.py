"""The command: which form of the demo it runs, and the table of the pathways."""

from pathlib import Path

import pytest

from slowfast.demos import one_label, several_labels
from slowfast.tools import demo

Capsys = pytest.CaptureFixture[str]


@pytest.mark.parametrize("form", [one_label, several_labels], ids=["one", "several"])
def test_the_pathways_are_compared_in_the_form_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys, form: object
) -> None:
    """Training takes minutes: ``test_demo`` of tests/whole does it."""
    ran: list[object] = []
    trained: list[tuple[Path, str]] = []
    monkeypatch.setattr(one_label, "run_one_label", lambda: ran.append(one_label))
    monkeypatch.setattr(several_labels, "run_several_labels", lambda: ran.append(several_labels))
    monkeypatch.setattr(
        demo, "train_and_test", lambda config, overrides, what: trained.append((config, what))
    )
    monkeypatch.setattr(form, "shares_of", lambda out: [0.5 + out.name.endswith("only") / 4])
    flags = ["--several"] if form is several_labels else []
    assert demo.main([*flags, "--compare"]) == 0
    assert ran == [form]
    config = several_labels.CONFIG if form is several_labels else one_label.CONFIG
    assert trained == [(config, name) for name in ("slowfast", "slow only", "fast only")]
    said = capsys.readouterr().out.splitlines()[-4:]
    columns = several_labels.COLUMNS if form is several_labels else one_label.COLUMNS
    assert said[0].split("  ")[0] == "network" and columns[0] in said[0]
    assert [line.split() for line in said[1:]] == [
        ["slowfast", "50.0%"], ["slow_only", "75.0%"], ["fast_only", "75.0%"],
    ]  # fmt: skip

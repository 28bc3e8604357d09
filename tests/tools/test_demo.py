"""The command: which form of the demo it runs, and the table of the pathways."""

from pathlib import Path

import pytest

from slowfast.demos import actions_in_boxes, one_label, several_labels
from slowfast.tools import demo

Capsys = pytest.CaptureFixture[str]


FORMS = {"one": one_label, "several": several_labels, "detection": actions_in_boxes}


@pytest.mark.parametrize("name", FORMS)
def test_the_pathways_are_compared_in_the_form_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys, name: str
) -> None:
    """Training takes minutes: ``test_demo`` of tests/whole does it."""
    form, ran = FORMS[name], list[object]()
    trained: list[tuple[Path, str]] = []
    monkeypatch.setattr(one_label, "run_one_label", lambda: ran.append(one_label))
    monkeypatch.setattr(several_labels, "run_several_labels", lambda: ran.append(several_labels))
    monkeypatch.setattr(
        actions_in_boxes, "run_actions_in_boxes", lambda: ran.append(actions_in_boxes)
    )
    monkeypatch.setattr(
        demo, "train_and_test", lambda config, overrides, what: trained.append((config, what))
    )
    monkeypatch.setattr(form, "shares_of", lambda out: [0.5 + out.name.endswith("only") / 4])
    flags = [] if name == "one" else [f"--{name}"]
    assert demo.main([*flags, "--compare"]) == 0
    assert ran == [form]
    assert trained == [(form.CONFIG, name) for name in ("slowfast", "slow only", "fast only")]
    said = capsys.readouterr().out.splitlines()[-4:]
    assert said[0].split("  ")[0] == "network" and form.COLUMNS[0] in said[0]
    assert [line.split() for line in said[1:]] == [
        ["slowfast", "50.0%"], ["slow_only", "75.0%"], ["fast_only", "75.0%"],
    ]  # fmt: skip

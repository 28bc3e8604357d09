"""The tests are a mirror of the package: a test file for each module, at the same place."""

from collections import Counter
from pathlib import Path

from support.paths import REPOSITORY

PACKAGE, TESTS = REPOSITORY / "slowfast", REPOSITORY / "tests"
APART = {"whole", "support", "golden", "docs"}
"""Folders of ``tests`` that mirror no wing."""

MODULES = [path for path in PACKAGE.rglob("*.py") if not path.name.startswith("__")]
TEST_FILES = [
    path
    for path in TESTS.rglob("test_*.py")
    if path != Path(__file__) and path.relative_to(TESTS).parts[0] not in APART
]


def own_tests(module: Path) -> Path:
    return TESTS / module.relative_to(PACKAGE).with_name(f"test_{module.name}")


def own_modules(test_file: Path) -> list[Path]:
    """What a test file is about; a shell script may be, too."""
    stem = test_file.stem.removeprefix("test_")
    folder = PACKAGE / test_file.relative_to(TESTS).parent
    return [path for path in (folder / f"{stem}.py", folder / f"{stem}.sh") if path.is_file()]


def test_every_module_has_its_test_file() -> None:
    assert PACKAGE / "train" / "loop.py" in MODULES
    found = {path: path.read_text(encoding="utf-8") for path in TEST_FILES}
    lacking = [own_tests(module) for module in MODULES]
    assert [str(path) for path in lacking if "\ndef test_" not in found.get(path, "")] == []


def test_every_test_file_has_its_module() -> None:
    assert TESTS / "train" / "test_loop.py" in TEST_FILES
    assert [str(path) for path in TEST_FILES if not own_modules(path)] == []


def test_no_two_modules_share_a_name() -> None:
    """Nor does one have the name of a wing, but for the command that opens it."""
    commands = {path for path in MODULES if path.parent == PACKAGE / "tools"}
    names = Counter(path.stem for path in MODULES if path not in commands)
    names.update(path.stem for path in commands if not (PACKAGE / path.stem).is_dir())
    names.update(path.parent.name for path in PACKAGE.rglob("*/__init__.py"))
    assert [name for name, count in names.items() if count > 1] == []

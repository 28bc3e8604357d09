"""The project installed with pip, and used from a folder outside the clone."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.paths import REPOSITORY
from support.tiny_run import write_tiny_config

MODULES = (REPOSITORY / "slowfast" / "tools").glob("[a-z]*.py")
TOOLS = {f"slowfast-{module.stem.replace('_', '-')}" for module in MODULES}
NO_PADDLE = "raise ModuleNotFoundError(\"No module named 'paddle'\", name='paddle')\n"

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment with the project, which borrows our libraries."""
    folder = tmp_path_factory.mktemp("installed")
    clone, wheels, target = folder / "clone", folder / "wheels", folder / "venv"
    caches = shutil.ignore_patterns("__pycache__")
    for name in ("slowfast", "configs"):  # a copy: building leaves files beside pyproject.toml
        shutil.copytree(REPOSITORY / name, clone / name, ignore=caches)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, clone)
    venv.create(target)
    python = str(target / "bin" / "python")
    offline = ["-q", "--disable-pip-version-check", "--no-deps", "--no-index"]
    pip(["wheel", *offline, "--no-build-isolation", f"--wheel-dir={wheels}", str(clone)])
    pip([f"--python={python}", "install", *offline, *map(str, wheels.glob("*.whl"))])
    shutil.rmtree(clone)
    # Of a folder that a .pth file names, Python does not read the .pth files: the clone, which is
    # installed as editable in our environment, stays unknown to the new one.
    ours = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (site_packages,) = target.glob("lib/python*/site-packages")
    (site_packages / "borrowed.pth").write_text("\n".join(ours), encoding="utf-8")
    return target / "bin"


def pip(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pip", *arguments]
    # On PYTHONPATH may be the clone, whose .egg-info says that the project is installed already.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def command(programs: Path, tmp_path: Path) -> Command:
    """Runs a program of the new environment in an empty folder."""

    def run(name: str, *flags: str, path: str = "") -> subprocess.CompletedProcess[str]:
        ours = ("PADDLE_", "FLAGS_", "PYTHONWARNINGS")
        env = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        env |= {"OMP_NUM_THREADS": "1", "PROCESSES": "1", "PYTHONPATH": path}
        return subprocess.run(
            [str(programs / name), *flags],
            cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    return run


def test_all_files_are_there_with_the_configs(programs: Path, command: Command) -> None:
    (package,) = programs.parent.glob("lib/python*/site-packages/slowfast")
    found = command("python", "-c", "import slowfast; print(slowfast.__file__)")
    assert found.stdout.strip() == str(package / "__init__.py"), found.stderr
    configs = {Path("configs") / file for file in files(REPOSITORY / "configs")}
    assert files(package) == files(REPOSITORY / "slowfast") | configs


def files(folder: Path) -> set[Path]:
    """All but what Python compiles and the script of the clone's run_*.sh."""
    found = {file.relative_to(folder) for file in folder.rglob("*") if file.is_file()}
    return {file for file in found if file.suffix not in (".pyc", ".sh")}


def test_every_command_explains_itself_without_paddle(
    programs: Path, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "paddle.py").write_text(NO_PADDLE, encoding="utf-8")
    installed = {path.name for path in programs.glob("slowfast*")}
    assert installed == TOOLS | {"slowfast"}
    with ThreadPoolExecutor(4) as at_once:
        helped = at_once.map(lambda name: command(name, "--help", path=str(tmp_path)), installed)
    for name, done in zip(installed, helped, strict=True):
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"usage: {name} ")
    done = command("slowfast", "--summary", path=str(tmp_path))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: PaddlePaddle is not installed: pip install ")


@pytest.mark.parametrize("module", ["slowfast", "slowfast.tools.build_list"])
def test_modules_are_commands_as_well(command: Command, module: str) -> None:
    done = command("python", "-m", module, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: python -m {module} ")


def test_built_in_configs_and_labels_are_found(command: Command, tmp_path: Path) -> None:
    done = command(
        "slowfast", "--summary", "-c", "configs/recognition/slowfast/moving_shapes.yaml",
        "-o", "model.num_classes=0", "data.labels=kinetics400", "output_dir=here",
        "model.slow_depth=14", "model.fast_depth=14",
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "400 classes" in done.stdout
    assert (tmp_path / "here" / "learning_rate.png").exists()


def test_it_trains(command: Command, tmp_path: Path) -> None:
    config = write_tiny_config(tmp_path)
    done = command("slowfast-launch", "single", "log", "-c", str(config), "--max_iters", "2")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "END epoch:1 train loss: " in done.stdout

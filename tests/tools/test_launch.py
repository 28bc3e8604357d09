"""Starting runs: the shell wrappers, and the settings that they make."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import REPOSITORY
from support.tiny_run import (
    environment,
    save_tiny_model,
    tiny_config,
    tiny_data,
    write_tiny_config,
)

from slowfast.tools import launch
from slowfast.tools.launch import mkl_cpu_type, settings

WRAPPERS = [
    f"run_{what}_{how}.sh" for what in ("train", "eval", "infer") for how in ("multi", "single")
]


def bash(
    script: str, *flags: str | Path, cwd: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a wrapper with this interpreter first on the PATH, and so the active python3."""
    env = (
        environment() | variables | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    )
    env.pop("OMP_NUM_THREADS")
    command = ["bash", str(REPOSITORY / script), *map(str, flags)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize("script", WRAPPERS)
def test_wrappers_are_strict_short_and_pass_everything_on(script: str) -> None:
    text = (REPOSITORY / script).read_text()
    assert "set -euo pipefail" in text and text.rstrip().endswith('"$@"')
    assert len(text.splitlines()) <= 15
    assert subprocess.run(["bash", "-n", str(REPOSITORY / script)]).returncode == 0


@pytest.mark.parametrize("script", ["run_train_multi.sh", "run_train_single.sh"])
def test_without_kinetics_one_line_says_what_to_do(tmp_path: Path, script: str) -> None:
    done = bash(script, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    for part in ("data/k400/train.list", "docs/data.md", "bash run_demo.sh"):
        assert part in line


@pytest.mark.slow
def test_train_eval_and_infer_one_after_the_other(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    write_tiny_config(folder)
    trained = bash("run_train_multi.sh", "-c", "tiny.yaml", "-o", "train.epochs=1", cwd=folder)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert "total batch 4 x 2 = 8" in trained.stdout
    assert (folder / "log_slowfast" / "workerlog.1").exists()
    best = "out/SlowFast_best.pdparams"
    flags = ("-w", best, "-o", "test.num_clips=1")
    # GPUs that are hidden leave the processes on the CPU.
    tested = bash("run_eval_multi.sh", *flags, cwd=folder, CUDA_VISIBLE_DEVICES="")
    assert tested.returncode == 0
    assert "over 7 videos, 1 x 3 views each" in tested.stdout, tested.stdout + tested.stderr
    video = tiny_data() / "val" / "000000.mp4"
    inferred = bash("run_infer_multi.sh", video, *flags, cwd=folder)
    assert inferred.returncode == 0, inferred.stdout + inferred.stderr
    assert (folder / "data" / "results" / "result.json").exists()


def test_single_wrappers_run_one_process(tmp_path: Path) -> None:
    weights = save_tiny_model(tiny_config(tmp_path, "test.num_clips=1"))
    tested = bash("run_eval_single.sh", "-w", weights, cwd=tmp_path)
    assert "over 7 videos" in tested.stdout, tested.stderr
    video = tiny_data() / "val" / "000000.mp4"
    inferred = bash("run_infer_single.sh", video, "nowhere.mp4", "-w", weights, cwd=tmp_path)
    assert inferred.returncode == 1
    assert "not read: nowhere.mp4" in inferred.stdout
    overrides = ["output_dir=new", "train.epochs=1"]
    trained = bash("run_train_single.sh", "-c", "tiny.yaml", "-o", *overrides, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "total batch 4 x 1 = 4" in trained.stdout and "END epoch:1 val" in trained.stdout


def test_eval_without_weights_takes_those_of_the_output_folder_or_says_so(tmp_path: Path) -> None:
    """Through a link, and from elsewhere."""
    (tmp_path / "link.sh").symlink_to(REPOSITORY / "run_eval_single.sh")
    done = bash(str(tmp_path / "link.sh"), cwd=tmp_path)
    assert done.returncode == 1
    assert "there is no output/SlowFast/SlowFast_best.pdparams" in done.stderr


@pytest.mark.parametrize("text", ["0", "two", "-1"])
def test_a_wrong_number_of_processes_is_one_line(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    logging_as_it_was: None,
) -> None:  # fmt: skip
    monkeypatch.setenv("PROCESSES", text)
    assert launch.main(["multi", "log", "--summary"]) == 1
    assert capsys.readouterr().err == f"error: PROCESSES={text} is not a positive whole number\n"


def test_the_launcher_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        launch.main(["--help"])
    assert ended.value.code == 0
    assert "{multi,single}" in capsys.readouterr().out


def test_threads_are_the_cores_shared_out() -> None:
    assert settings({}, cores=16, processes=2)["OMP_NUM_THREADS"] == "8"
    assert settings({}, cores=1, processes=2)["OMP_NUM_THREADS"] == "1"


def test_what_the_user_has_set_stays() -> None:
    own = {"OMP_NUM_THREADS": "3", "MKL_DEBUG_CPU_TYPE": "5", "PATH": "/bin"}
    own |= {"MALLOC_MMAP_MAX_": "65536", "MALLOC_TRIM_THRESHOLD_": "131072"}
    assert settings(own, cores=16, processes=2) == {}


@pytest.mark.parametrize(
    ("vendor", "flags", "wanted"),
    [
        ("AuthenticAMD", "fpu avx2 avx512f avx512bw", "7"),
        ("AuthenticAMD", "fpu avx2 bmi2", "5"),
        ("AuthenticAMD", "fpu sse4_2 end", ""),
        ("GenuineIntel", "fpu avx2 avx512f avx512bw", ""),
    ],
)
def test_mkl_is_told_what_an_amd_processor_can_do(vendor: str, flags: str, wanted: str) -> None:
    assert mkl_cpu_type(f"vendor_id\t: {vendor}\nflags\t\t: {flags}\n") == wanted

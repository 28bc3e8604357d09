"""The settings that make CPU work fast, in each way that computations are started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import REPOSITORY
from support.telling import started, telling
from support.tiny_run import environment, save_tiny_model, tiny_config, tiny_data

from slowfast import distributed, machine

CORES = distributed.own_cores()
INFER = ["VIDEO", "-w", "WEIGHTS", "-o", "test.num_clips=1", "test.num_crops=1"]
LAUNCHER = ["-m", "paddle.distributed.launch", "--nproc_per_node=1", "--log_dir=log"]
MAIN = str(REPOSITORY / "main.py")
WAYS = {
    "main": (MAIN, [MAIN, "--infer", *INFER]),
    "module": ("slowfast", ["-m", "slowfast", "--infer", *INFER]),
    "extract_features": (
        "slowfast.tools.extract_features",
        ["-m", "slowfast.tools.extract_features", "VIDEO", "-w", "WEIGHTS", "--out", "features"],
    ),
    "launch-multi": (
        "slowfast",
        ["-m", "slowfast.tools.launch", "multi", "log", "--infer", *INFER],
    ),
    "paddle-launch": (MAIN, [*LAUNCHER, MAIN, "--infer", *INFER]),
}
"""By a name: what is started in the end, and the command."""


@pytest.mark.parametrize(
    ("way", "own", "threads"),
    [
        ("main", None, CORES),
        *(pytest.param(way, None, CORES, marks=pytest.mark.slow) for way in WAYS if way != "main"),
        *(pytest.param(way, "1", 1, marks=pytest.mark.slow) for way in WAYS),
        *(pytest.param(way, "3", 3, marks=pytest.mark.slow) for way in WAYS),
    ],
)
def test_what_computes_has_all_cores_unless_the_user_says(
    tmp_path: Path, way: str, own: str | None, threads: int
) -> None:
    """run_infer_single.sh and two processes: tools/test_launch.py."""
    places = {"VIDEO": str(tiny_data() / "val" / "000000.mp4")}
    places["WEIGHTS"] = str(save_tiny_model(tiny_config(tmp_path)))
    what, command = WAYS[way]
    env = environment() | telling(tmp_path) | {"PROCESSES": "1"}
    for name in ("OMP_NUM_THREADS", "MKL_DEBUG_CPU_TYPE"):
        env.pop(name, None)
    if own:
        env["OMP_NUM_THREADS"] = own
    done = subprocess.run(
        [sys.executable, *(places.get(word, word) for word in command)],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    mkl = machine.mkl_cpu_type(Path("/proc/cpuinfo").read_text())
    found = [(each["threads"], each["mkl"]) for each in started(tmp_path, what)]
    assert found == [(threads, mkl)]
    if "launch" not in way:
        assert done.stderr == ""  # nor Paddle's advice to have one thread


@pytest.mark.parametrize(
    ("text", "threads"), [("3", 3), ("1", 1), ("0", 7), ("two", 7), ("", 7), (None, 7)]
)
def test_threads_are_the_users_or_all_own_cores(
    text: str | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(distributed, "own_cores", lambda: 7)
    if text is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert machine.threads() == threads


def test_a_1_that_the_launcher_set_is_not_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(distributed, "own_cores", lambda: 7)
    monkeypatch.setattr(distributed, "launcher_set", lambda name: True)
    assert machine.threads() == 7


def test_programs_that_are_started_get_what_the_user_has_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "_own", set())
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_DEBUG_CPU_TYPE", "4")
    for _ in range(2):
        machine.set_variables()
        assert os.environ["OMP_NUM_THREADS"] == str(CORES)
        assert os.environ["MKL_DEBUG_CPU_TYPE"] == "4"
        assert machine.environment()["MKL_DEBUG_CPU_TYPE"] == "4"
        assert "OMP_NUM_THREADS" not in machine.environment()


FAULTS = """
import ctypes
import resource
from slowfast import machine
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: pages of 4 KB, as many as there are
{call}
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    b"x" * 2**26  # above 32 MB the C library never learns to keep it
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="not the GNU C library")
def test_memory_that_is_given_back_is_kept_unless_the_user_says() -> None:
    """By pages that the system had to clear."""
    env = {name: value for name, value in environment().items() if not name.startswith("MALLOC_")}
    own = env | {"MALLOC_MMAP_MAX_": "65536", "MALLOC_TRIM_THRESHOLD_": "131072"}
    kept, usual, as_set = (
        int(subprocess.check_output([sys.executable, "-c", FAULTS.format(call=call)], env=having))
        for call, having in (
            ("machine.keep_memory()", env),
            ("", env),
            ("machine.keep_memory()", own),
        )
    )
    assert kept < usual / 2 and as_set > usual / 2


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
    assert machine.mkl_cpu_type(f"vendor_id\t: {vendor}\nflags\t\t: {flags}\n") == wanted


@pytest.mark.parametrize(
    ("cpuinfo", "names"),
    [
        ("model name\t: X avx2\nflags\t\t: fpu avx2 avx512f avx512_bf16\nbugs\t\t: amx_bf16\n",
         ("avx2", "avx512f", "avx512_bf16")),
        ("processor\t: 0\nFeatures\t: fp asimd i8mm bf16\n", ("asimd", "i8mm", "bf16")),
        ("", ()),
    ],
    ids=["x86", "arm", "unknown"],
)  # fmt: skip
def test_instruction_sets_are_those_that_linux_shows(cpuinfo: str, names: tuple[str, ...]) -> None:
    assert machine.instruction_sets_of(cpuinfo) == names


def test_the_processor_has_a_name() -> None:
    assert machine.processor() and "\n" not in machine.processor()
    assert set(machine.instruction_sets()) <= set(machine.INSTRUCTION_SETS)


def test_signal_handlers_keep_their_stack() -> None:
    """A command that has compiled two networks and given them back still ends by Ctrl-C."""
    program = """
import gc, os, numpy as np, openvino
from openvino import opset13
from slowfast import machine
for _ in range(3):
    x = opset13.parameter([1, 4], np.float32)
    with machine.own_signal_stack():
        net = openvino.Core().compile_model(openvino.Model([opset13.relu(x)], [x]), "CPU")
del net
gc.collect()
try:
    os.kill(os.getpid(), 2)
except KeyboardInterrupt:
    print("interrupted")
"""
    found = subprocess.run(
        [sys.executable, "-c", program], text=True, capture_output=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert (found.returncode, found.stdout) == (0, "interrupted\n")

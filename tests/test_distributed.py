"""Sums, means and errors over real processes."""

import subprocess
import sys
from pathlib import Path

import paddle
import pytest
from support.processes import LOG_DIR, run_processes
from support.tiny_run import environment, run_script

from slowfast import distributed

SCRIPT = """
import paddle
from slowfast import distributed
from slowfast.data.lists.read_lists import ListError
from slowfast.errors import error_line
distributed.start("cpu", seed=0)
rank = distributed.rank()
total, one = distributed.all_reduce_sum(2**24 + rank, 1)
assert (total, one) == (2**25 + 1, 2), total  # no float32 holds this sum
gathered = distributed.gather({"rank": rank, "text": "ü" * rank})
assert gathered == [{"rank": 0, "text": ""}, {"rank": 1, "text": "ü"}]
model = paddle.nn.Sequential(paddle.nn.BatchNorm3D(2), paddle.nn.BatchNorm3D(3))
frozen = paddle.nn.BatchNorm3D(4, use_global_stats=True)
distributed.average_batch_norm(paddle.nn.Sequential(frozen))  # nothing to do
model.append(frozen)
for i, norm in enumerate(model):
    norm._mean.set_value(paddle.full_like(norm._mean, rank + 10.0 * i))
    norm._variance.set_value(paddle.full_like(norm._variance, 1.0 + rank + 10.0 * i))
distributed.average_batch_norm(model)
for i, norm in enumerate(model):
    mean = rank if i == 2 else 0.5  # the last one is frozen
    assert norm._mean.tolist() == [mean + 10.0 * i] * (2 + i), norm._mean
    assert norm._variance.tolist() == [1 + mean + 10.0 * i] * (2 + i), norm._variance
called = []
assert distributed.on_first(lambda: called.append(rank) or {"answer": 42}) == {"answer": 42}
assert called == ([0] if rank == 0 else [])
def fail():
    raise ListError("a.list: no label")
def fill():
    raise OSError(28, "No space left on device", "out/a")
for work, kind, said in ((fail, ListError, "error: a.list: no label"),
                         (fill, OSError, "error: out/a: No space left on device")):
    try:
        distributed.on_first(work)
        raise AssertionError("nothing is raised")
    except kind as error:
        assert error_line(error) == said
distributed.barrier()
print(f"rank {rank} of {distributed.world_size()} is content")
"""


LAUNCHED = """
import os, subprocess, sys
os.environ["OMP_NUM_THREADS"] = "1"  # as Paddle's import does
ask = "from slowfast import distributed; print(distributed.launcher_set('OMP_NUM_THREADS'))"
subprocess.run([sys.executable, "-c", ask], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
@pytest.mark.parametrize(
    ("parent", "own", "wanted"),
    [
        ("paddle.distributed.launch", None, True),
        ("paddle.distributed.launch", "1", False),
        ("another_wrapper", None, False),
    ],
)
def test_what_the_launcher_set_is_told_from_what_the_user_set(
    parent: str, own: str | None, wanted: bool
) -> None:
    env = environment() | {"OMP_NUM_THREADS": own or ""}
    if own is None:
        del env["OMP_NUM_THREADS"]
    command = [sys.executable, "-c", LAUNCHED, parent]
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == f"{wanted}\n"


def test_two_processes_agree(tmp_path: Path) -> None:
    for rank, said in enumerate(run_script(SCRIPT, cwd=tmp_path, processes=2)):
        assert f"rank {rank} of 2 is content" in said


FAILS = """
import sys
from slowfast import distributed
from slowfast.cli.command import run
from slowfast.data.lists.read_lists import ListError

def work():
    if distributed.rank() == int(sys.argv[1]):
        raise ListError("a.list: empty")
    distributed.start("cpu", seed=0)

sys.exit(run(work, with_paddle=distributed.rank() != int(sys.argv[1]), together=True))
"""


@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_in_one_before_they_connect_ends_both(tmp_path: Path, rank: int) -> None:
    (tmp_path / "fails.py").write_text(FAILS)
    command = ["fails.py", str(rank)]
    done = run_processes(command, tmp_path, environment(), 2, have_launcher=False)
    assert done.returncode == 1
    for own in range(2):
        said = (tmp_path / LOG_DIR / f"workerlog.{own}").read_text()
        assert said.endswith("error: a.list: empty\n") and "Traceback" not in said


def test_where_process_0_is_must_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    monkeypatch.setenv("PADDLE_TRAINER_ENDPOINTS", "host")
    with pytest.raises(distributed.LaunchError, match="does not begin with HOST:PORT: 'host'"):
        distributed.meet()
    monkeypatch.setenv("PADDLE_TRAINER_ENDPOINTS", "127.0.0.1:1,127.0.0.1:2")
    monkeypatch.setenv("SLOWFAST_LOST_AFTER", "0")
    with pytest.raises(distributed.LaunchError, match="^SLOWFAST_LOST_AFTER='0' is not a whole"):
        distributed.meet()


def test_one_process_is_alone() -> None:
    assert (distributed.rank(), distributed.world_size()) == (0, 1)
    assert distributed.processes_on_this_machine() == 1
    assert distributed.all_reduce_sum(1, 2.5) == [1, 2.5]
    assert distributed.gather("x") == ["x"]
    assert distributed.error_of_another_process() is None
    distributed.barrier()
    distributed.meet()
    distributed.leave("error: nobody hears it")
    norm = paddle.nn.BatchNorm3D(2)
    distributed.average_batch_norm(paddle.nn.Sequential(norm))
    assert norm._mean.tolist() == [0, 0]
    assert distributed.on_first(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        distributed.on_first(lambda: 1 // 0)


def test_the_launcher_says_where_the_logs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert distributed.log_folder("log") == "log"
    monkeypatch.setenv("PADDLE_LOG_DIR", "elsewhere")
    assert distributed.log_folder("log") == "elsewhere"


def test_the_same_seed_gives_the_same_weights() -> None:
    found = []
    for seed in (5, 5, 6):
        distributed.start("cpu", seed=seed)
        found.append(paddle.rand([4]).tolist())
    assert found[0] == found[1] != found[2]


@pytest.mark.skipif(distributed.num_gpus() > 0, reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_the_users_to_mend() -> None:
    with pytest.raises(distributed.DeviceError, match="^--device gpu: .*install"):
        distributed.start("gpu", seed=0)
    distributed.start("auto", seed=0)
    assert paddle.get_device() == "cpu"

"""The processes of a run: rank, world size, and sums and gathers over all processes.

Only this file reads the launcher's environment variables. All functions also work with one
process. Paddle is imported only where it is needed, so that commands without Paddle can ask for
their rank.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from slowfast import heartbeat
from slowfast.errors import UserError
from slowfast.signals import end_with_parent, ended_by_signals

if TYPE_CHECKING:
    import paddle

Answer = TypeVar("Answer")


class DeviceError(UserError):
    """This machine or this Paddle does not have the device."""


class LaunchError(UserError):
    """The environment variables that number the processes of a run are wrong."""


def rank() -> int:
    """This process's number, from 0. Raises LaunchError if it is not one of ``world_size``."""
    number = _whole("PADDLE_TRAINER_ID", 0)
    if number >= world_size():
        raise LaunchError(
            f"PADDLE_TRAINER_ID={number} is not below PADDLE_TRAINERS_NUM={world_size()}: "
            "processes are numbered from 0"
        )
    return number


def world_size() -> int:
    """Number of processes of the run."""
    return _whole("PADDLE_TRAINERS_NUM", 1)


def processes_on_this_machine() -> int:
    """Number of processes of the run on this machine."""
    return _whole("PADDLE_LOCAL_SIZE", 1)


def own_cores() -> int:
    """Processor cores for this process, at least 1: its share of those that it may use."""
    has_set = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_set else os.cpu_count() or 1
    return max(cores // processes_on_this_machine(), 1)


def launcher_set(name: str) -> bool:
    """Whether Paddle's launcher started this process and set the variable itself, not its user.

    Its import of Paddle sets OMP_NUM_THREADS to 1 unless the user has set it, and its processes get
    that. The launcher's own first environment tells; without Linux's /proc, it is the user's.
    """
    launcher = Path("/proc", str(os.getppid()))
    try:
        command = (launcher / "cmdline").read_bytes()
        began_with = (launcher / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    is_launcher = b"paddle.distributed.launch" in command or b"fleetrun" in command
    return is_launcher and not any(each.startswith(f"{name}=".encode()) for each in began_with)


def _whole(name: str, least: int, default: int | None = None) -> int:
    """What the launcher, or the user in its place, has set."""
    text = os.environ.get(name, str(default or least))
    if not (text.isascii() and text.isdecimal()) or int(text) < least:
        raise LaunchError(f"{name}={text!r} is not a whole number from {least} on")
    return int(text)


def has_gpu_wheel() -> bool:
    """Whether the Paddle that is installed may use a GPU; found out without importing it."""
    if _is_installed("paddlepaddle") and not _is_installed("paddlepaddle-gpu"):
        return False
    return importlib.util.find_spec("paddle") is not None  # a wheel of another name is no CPU wheel


def _is_installed(wheel: str) -> bool:
    return any(True for _ in importlib.metadata.distributions(name=wheel))


def num_gpus() -> int:
    """Number of GPUs of this machine; 0 with Paddle's CPU wheel."""
    if not has_gpu_wheel():
        return 0
    import paddle

    return paddle.device.cuda.device_count() if paddle.is_compiled_with_cuda() else 0


def num_processes() -> int:
    """How many processes ``multi`` starts: one a GPU, else PROCESSES on the CPU, 2 by default."""
    if gpus := num_gpus():
        return gpus
    text = os.environ.get("PROCESSES", "2")
    if not text.isdecimal() or int(text) < 1:
        raise DeviceError(f"PROCESSES={text} is not a positive whole number")
    return int(text)


def start(device: str, *, seed: int, deterministic: bool = False) -> None:
    """Chooses the device (``auto``, ``cpu`` or ``gpu``), connects the processes, and seeds Paddle's
    random generator.

    Args:
        deterministic: use cuDNN's repeatable kernels; those of the CPU are always repeatable.

    Raises:
        DeviceError: ``gpu`` was asked for, but there is no GPU, or this is the CPU wheel.
    """
    import paddle
    import paddle.distributed as dist

    if deterministic and paddle.is_compiled_with_cuda():
        paddle.set_flags({"FLAGS_cudnn_deterministic": True})
    if device == "gpu" and not num_gpus():
        has_cuda = paddle.is_compiled_with_cuda()
        reason = "no GPU answers" if has_cuda else "this Paddle is the CPU wheel"
        raise DeviceError(f"--device gpu: {reason} (see https://www.paddlepaddle.org.cn/install)")
    on_gpu = device != "cpu" and num_gpus() > 0
    paddle.set_device("gpu" if on_gpu else "cpu")  # "gpu" is the one the launcher chose for us
    if world_size() > 1:
        if not on_gpu:
            os.environ["PADDLE_DISTRI_BACKEND"] = "gloo"
        meet()
        if _heartbeat:
            _heartbeat.wait_for_all()
            time.sleep(0.3 if rank() else 0)  # Paddle looks for process 0 at once, then after 3 s
            _heartbeat.name_before_abort()
        with ended_by_signals():
            dist.init_parallel_env()
    paddle.seed(seed)


_heartbeat: heartbeat.Heartbeat | None = None
"""Of this run, once its processes are connected."""


def meet() -> None:
    """Waits until all processes are there, and watches them from now on, see ``heartbeat.py``. The
    sooner it is called, the less can fail in one while the others wait.

    Raises:
        LaunchError: the environment variables do not say where process 0 is.
        LostError: a process has not come, or has gone again.
    """
    global _heartbeat
    if world_size() == 1 or _heartbeat:
        return
    end_with_parent()  # the launcher, which may be killed
    place = os.environ.get("PADDLE_TRAINER_ENDPOINTS", "").split(",")[0]
    host, _, port = place.rpartition(":")
    if not (host and port.isdecimal()):
        raise LaunchError(f"PADDLE_TRAINER_ENDPOINTS does not begin with HOST:PORT: {place!r}")
    lost_after = _whole("SLOWFAST_LOST_AFTER", 1, 120)
    _heartbeat = heartbeat.meet(rank(), world_size(), (host, int(port)), lost_after)


def log_folder(default: str) -> str:
    """The launcher's log folder: PADDLE_LOG_DIR takes precedence over the launcher's flag."""
    return os.environ.get("PADDLE_LOG_DIR", default)


def error_of_another_process() -> str | None:
    """The line of why another process broke the connection, if it is known within some seconds."""
    return (_heartbeat and _heartbeat.reason()) or None


def leave(reason: str = "") -> None:
    """Tells the other processes that this one ends; with a ``reason``, all end with this line."""
    if _heartbeat:
        _heartbeat.leave(reason)


def all_reduce_sum(*numbers: float) -> list[float]:
    """Each number summed over all processes, in double precision."""
    if world_size() == 1:
        return list(numbers)
    import paddle
    import paddle.distributed as dist

    total = paddle.to_tensor(numbers, dtype="float64")
    dist.all_reduce(total)
    return [float(x) for x in total.tolist()]


def gather(value: Any) -> list[Any]:
    """The ``value`` of every process, in order of rank."""
    if world_size() == 1:
        return [value]
    import paddle.distributed as dist

    values: list[Any] = []
    dist.all_gather_object(values, value)
    return values


def barrier() -> None:
    """Waits for all processes."""
    if world_size() > 1:
        import paddle.distributed as dist

        dist.barrier()


def on_first(work: Callable[[], Answer]) -> Answer:
    """Calls ``work`` in process 0 only; returns its answer in all processes.

    Raises:
        UserError, OSError: ``work`` raised it. It is raised in all processes: if only process 0
            ended, the others would wait for it.
    """
    answer: Answer | UserError | OSError | None = None
    if rank() == 0:
        try:
            answer = work()
        except (UserError, OSError) as error:
            answer = error
    answer = gather(answer)[0]
    if isinstance(answer, UserError | OSError):
        raise answer
    return answer


def average_batch_norm(model: paddle.nn.Layer) -> None:
    """Replaces batch norm's running statistics by their mean over all processes; frozen ones stay.

    Each process tracks its own batches, but all must validate and save the same statistics.
    """
    import paddle
    import paddle.distributed as dist

    buffers = [
        buffer
        for layer in model.sublayers()
        if isinstance(layer, paddle.nn.BatchNorm3D) and not layer._use_global_stats
        for buffer in (layer._mean, layer._variance)
    ]
    if world_size() == 1 or not buffers:
        return
    flat = paddle.concat(buffers) / world_size()
    dist.all_reduce(flat)
    means = paddle.split(flat, [len(buffer) for buffer in buffers])
    for buffer, mean in zip(buffers, means, strict=True):
        buffer.set_value(mean)

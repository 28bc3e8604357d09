"""The processes of a run: who am I, how many are we, and sums over all of us.

The only place that reads the launcher's environment variables. Works for one process as for many.
Paddle is imported where it is needed, so that a command without it may ask who it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from slowfast.errors import UserError
from slowfast.signals import end_with_parent

if TYPE_CHECKING:
    import paddle

Answer = TypeVar("Answer")


class DeviceError(UserError):
    """A device that this machine or this Paddle does not have."""


def rank() -> int:
    """This process's number, from 0."""
    return int(os.environ.get("PADDLE_TRAINER_ID", "0"))


def world_size() -> int:
    """Number of processes of the run."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))


def processes_on_this_machine() -> int:
    """Number of processes of the run that share this machine's cores."""
    return int(os.environ.get("PADDLE_LOCAL_SIZE", "1"))


def num_gpus() -> int:
    """GPUs of this machine; none if this is Paddle's CPU wheel."""
    import paddle

    return paddle.device.cuda.device_count() if paddle.is_compiled_with_cuda() else 0


def start(device: str, *, seed: int, deterministic: bool = False) -> None:
    """Chooses the device (``auto``, ``cpu`` or ``gpu``), connects the processes, and seeds.

    Args:
        seed: of Paddle's generator.
        deterministic: cuDNN's repeatable kernels; those of the CPU always repeat.

    Raises:
        DeviceError: ``gpu`` was asked for and there is none, or this is the CPU wheel.
    """
    import paddle

    if deterministic and paddle.is_compiled_with_cuda():
        paddle.set_flags({"FLAGS_cudnn_deterministic": True})
    _connect(device)
    paddle.seed(seed)


def _connect(device: str) -> None:
    import paddle
    import paddle.distributed as dist

    paddle.disable_signal_handler()  # it reports on a SIGTERM as on a crash, and may hang in it
    if world_size() > 1:
        end_with_parent()
        _log_sizes.update({log.name: log.stat().st_size for log in _logs()})
    if device == "gpu" and not num_gpus():
        wheel = (
            "no GPU answers" if paddle.is_compiled_with_cuda() else "this Paddle is the CPU wheel"
        )
        raise DeviceError(f"--device gpu: {wheel} (see https://www.paddlepaddle.org.cn/install)")
    on_gpu = device == "gpu" or (device == "auto" and num_gpus() > 0)
    if world_size() == 1:
        paddle.set_device("gpu" if on_gpu else "cpu")
        return
    if on_gpu:
        own = os.environ.get("FLAGS_selected_gpus", "0")  # noqa: SIM112
        paddle.set_device(f"gpu:{own.split(',')[0]}")
    else:
        paddle.set_device("cpu")
        os.environ["PADDLE_DISTRI_BACKEND"] = "gloo"
    dist.init_parallel_env()


def log_folder(default: str) -> str:
    """Where the launcher has its processes log: PADDLE_LOG_DIR goes before its own flag."""
    return os.environ.get("PADDLE_LOG_DIR", default)


_log_sizes: dict[str, int] = {}  # of earlier runs: the launcher appends to their logs


def _logs() -> list[Path]:
    """The logs of this machine's processes."""
    folder = os.environ.get("PADDLE_LOG_DIR")
    logs = [Path(folder or ".") / f"workerlog.{i}" for i in range(processes_on_this_machine())]
    return [log for log in logs if folder and log.exists()]


def error_of_another_process() -> str | None:
    """The ``error: ...`` line of the process whose end broke the connection to this one, if any.

    The launcher shows the output of rank 0 alone; the others' is in their logs.
    """
    if world_size() == 1:
        return None
    for _ in range(20):
        for log in _logs():
            text = log.read_bytes()[_log_sizes.get(log.name, 0) :].decode(errors="replace")
            errors = [line for line in text.splitlines() if line.startswith("error: ")]
            if errors:
                return errors[-1]
        time.sleep(0.1)
    return None


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
    """``value`` of every process, in order of rank."""
    if world_size() == 1:
        return [value]
    import paddle.distributed as dist

    values: list[Any] = []
    dist.all_gather_object(values, value)
    return values


def barrier() -> None:
    """Returns once every process has come here."""
    if world_size() > 1:
        import paddle.distributed as dist

        dist.barrier()


def on_first(work: Callable[[], Answer]) -> Answer:
    """What ``work`` returns in process 0, where alone it is called; in all processes.

    Raises:
        UserError, OSError: that ``work`` raises, in all processes: one that merely ended would
            leave the others waiting for it.
    """
    answer: Answer | None = None
    fault: UserError | OSError | None = None
    if rank() == 0:
        try:
            answer = work()
        except (UserError, OSError) as error:
            fault = error
    answer, fault = gather((answer, fault))[0]
    if fault is not None:
        raise fault
    return answer


def average_batch_norm(model: paddle.nn.Layer) -> None:
    """Replaces batch norm's running statistics by their mean over all processes; frozen ones stay.

    Each process tracks its own batches; what is validated and saved must be the same on all.
    """
    import paddle
    import paddle.distributed as dist

    buffers = [
        getattr(layer, name)
        for layer in model.sublayers()
        if isinstance(layer, paddle.nn.BatchNorm3D) and not layer._use_global_stats
        for name in ("_mean", "_variance")
    ]
    if world_size() == 1 or not buffers:
        return
    flat = paddle.concat([buffer.flatten() for buffer in buffers]) / world_size()
    dist.all_reduce(flat)
    offset = 0
    for buffer in buffers:
        size = int(buffer.size)
        buffer.set_value(flat[offset : offset + size].reshape(buffer.shape))
        offset += size

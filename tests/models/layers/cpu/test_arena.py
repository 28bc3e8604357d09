"""Where tensors lie in an arena, and that no two that live share memory."""

import gc
import random
import re
import resource
import threading
from pathlib import Path
from typing import Any

import paddle
from support.tiny_run import run_script

from slowfast.models.layers.cpu.arena import ALIGNMENT, SMALLEST, Arena

STEP = SMALLEST // 4
"""Numbers of a tensor that is just large enough."""


class Placing(Arena):
    """One whose tensors tell their places, and that can be asked for what is free."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.start = self.empty([STEP]).data_ptr()

    def place(self, tensor: Any) -> float:
        return (tensor.data_ptr() - self.start) / SMALLEST

    def free(self) -> list[tuple[float, float]]:
        self._claim(2**62)  # looks at what has ended; no room
        return [(begin / SMALLEST, end / SMALLEST) for begin, end in self._gaps]


def test_a_tensor_takes_the_first_gap_that_it_fits_into() -> None:
    arena = Placing(10 * SMALLEST)
    a, b, c, d = (arena.empty([n, STEP]) for n in (1, 2, 1, 1))
    assert [arena.place(x) for x in (a, b, c, d)] == [0, 1, 3, 4]
    assert (b.shape, b.dtype, b.place.is_cpu_place()) == ([2, STEP], paddle.float32, True)
    assert arena.free() == [(5, 10)]
    del b
    assert arena.free() == [(1, 3), (5, 10)]
    e, f = arena.empty([3 * STEP]), arena.empty([STEP])
    assert [arena.place(x) for x in (e, f)] == [5, 1]
    del a, c
    assert arena.free() == [(0, 1), (2, 4), (8, 10)]
    del f
    assert arena.free() == [(0, 4), (8, 10)]
    del d, e
    assert arena.free() == [(0, 10)]


def test_places_are_aligned() -> None:
    arena = Placing(10 * SMALLEST)
    tensors = [arena.empty([STEP + 1]) for _ in range(2)]
    assert [x.data_ptr() % ALIGNMENT for x in tensors] == [0, 0]
    assert tensors[1].data_ptr() - tensors[0].data_ptr() == SMALLEST + ALIGNMENT


def test_what_is_small_or_has_no_room_lies_on_the_heap() -> None:
    arena = Placing(2 * SMALLEST)
    kept = arena.empty([STEP])
    for shape in ([STEP - ALIGNMENT], [2, STEP], [0, 3]):
        tensor = arena.empty(shape)
        assert tensor.shape == shape and tensor.dtype == paddle.float32
        assert not 0 <= arena.place(tensor) < 2 or not tensor.size
    assert arena.free() == [(1, 2)] and arena.place(kept) == 0


def test_a_view_keeps_the_memory() -> None:
    arena = Placing(4 * SMALLEST)
    tensor = arena.empty([2, STEP])
    tensor.fill_(7.0)
    views = [tensor[1], tensor.reshape([-1]), tensor.detach(), tensor.transpose([1, 0])]
    del tensor
    while views:
        assert arena.free() == [(2, 4)]
        assert float(views[-1].max()) == float(views[-1].min()) == 7.0
        views.pop()
    assert arena.free() == [(0, 4)]


def test_what_a_graph_needs_stays_until_backward() -> None:
    arena = Placing(4 * SMALLEST)
    x = arena.empty([STEP])
    x.fill_(3.0)
    weight = paddle.ones([1])
    weight.stop_gradient = False
    y = (x * weight).sum()
    del x
    assert arena.free() == [(1, 4)]
    y.backward()
    assert weight.grad.item() == 3.0 * STEP
    del y
    assert arena.free() == [(0, 4)]


def come_and_go(arena: Arena, seed: int, faults: list[str]) -> None:
    """Fills tensors with numbers of their own, and looks whether they have kept them."""
    rng, live = random.Random(seed), list[tuple[Any, int]]()
    for number in range(120):
        if live and rng.random() < 0.5:
            tensor, value = live.pop(rng.randrange(len(live)))
            if not bool((tensor == value).all()):
                faults.append(f"seed {seed}, tensor {value}")
            if rng.random() < 0.3:
                cycle: list[Any] = [tensor]
                cycle.append(cycle)  # ends when Python looks for cycles
        else:
            tensor = arena.empty([rng.randrange(1, 4), STEP])
            tensor.fill_(float(1000 * seed + number))
            live.append((tensor, 1000 * seed + number))


def test_no_two_tensors_share_memory() -> None:
    """In two threads, with more than the arena has room for."""
    arena, faults = Placing(16 * SMALLEST), list[str]()
    threads = [threading.Thread(target=come_and_go, args=(arena, n, faults)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert (faults, arena.free()) == ([], [(0, 16)])


def test_a_tensor_may_end_while_another_is_placed() -> None:
    """Python looks for cycles whenever it likes: here at each moment of a placement in turn."""
    thresholds = gc.get_threshold()
    moments = set()
    gc.freeze()  # what is here already, which would take long to look through
    for moment in range(1, 12):
        arena = Placing(10 * SMALLEST)
        cycle: list[Any] = [arena.empty([STEP])]
        others = [arena.empty([STEP]) for _ in range(2)]
        gc.collect()
        gc.disable()
        cycle = [*cycle]  # young
        cycle.append(cycle)
        gc.set_threshold(gc.get_count()[0] + moment, 1000, 1000)
        gc.enable()
        del cycle
        begin = arena._claim(SMALLEST)
        gc.set_threshold(*thresholds)
        assert begin is not None
        moments.add(begin)
        gc.collect()
        arena._ended.append((begin, begin + SMALLEST))
        assert arena.free() == [(0, 1), (3, 10)], moment
        del others
    gc.unfreeze()
    assert len(moments) == 2  # before the gaps are looked at, and later


def test_it_counts_as_used_only_where_it_is() -> None:
    """Else the system refuses to fork a process whose arena is as large as its memory."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = resident()
    arena = Placing(64 * SMALLEST)
    arena.empty([STEP]).fill_(1.0)
    assert resident() - before < 16 * SMALLEST
    ranges = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) .*$", re.MULTILINE)
    parts = ranges.split(Path("/proc/self/smaps").read_text())
    (own,) = (
        text
        for begin, end, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
        if int(begin, 16) <= arena.start < int(end, 16)
    )
    (flags,) = (line.split() for line in own.split("\n") if line.startswith("VmFlags:"))
    assert "nr" in flags and "sh" not in flags


CHILDREN = """
import os, resource, subprocess, sys
import paddle
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, hard))
from slowfast.models.layers.cpu import arena
from support.small_nets import random_clip, small
print("room", bool(arena.empty.__self__._gaps))
arena.SMALLEST = 2**12
net = small(train_crop=32, width=8)
net(random_clip(2, 3, 8, 32, 32)).sum().backward()
print("trained", float(net.s1.pathway0_stem.conv.weight.grad.abs().max()) < float("inf"))
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
own = arena.Arena()
mine = own.empty([2**20])
print("room", own._gaps[0][0])
mine.fill_(1.0)
if child := os.fork():
    print("forked", os.waitpid(child, 0)[1])
else:
    other = own.empty([2**20]).fill_(2.0)
    os._exit(int(own._gaps != [] or float(other.min()) != 2.0))
print("kept", float(mine.min()), float(mine.max()))
print(subprocess.run(["echo", "run"], capture_output=True, text=True).stdout)
"""


def test_a_process_with_few_addresses_trains_without_it(tmp_path: Path) -> None:
    """With more of them it may fork: the child has the heap."""
    (said,) = run_script(CHILDREN, cwd=tmp_path)
    wanted = f"room False trained True room {2**22} forked 0 kept 1.0 1.0 run"
    assert said.split() == wanted.split()

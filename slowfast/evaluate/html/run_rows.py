"""What a report says of the run: the network, the views, the machine and the time."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from slowfast.log import duration

Known = list[tuple[str, str | None]]
"""Names and values; None: not recorded."""


def rows_of_run(
    run: Mapping[str, Any], sections: Mapping[str, Any], unit: str, views: int
) -> Known:
    """What a test recorded about itself, see ``run_facts.py``, and what its config says.

    Args:
        run: may be empty, or lack some of it.
        sections: of the config.
        unit: what the test counted: ``videos``.
        views: how many views each of them has.
    """
    return [*_of_config(sections), *_of_machine(run), *_of_time(run, unit, views)]


def _of_config(sections: Mapping[str, Any]) -> Known:
    model, data, test = (sections.get(name) or {} for name in ("model", "data", "test"))
    depths = {"slow_only": ("slow",), "fast_only": ("fast",)}.get(
        str(model.get("name")), ("slow", "fast")
    )
    network = ", ".join(
        f"{pathway} R{model[f'{pathway}_depth']}"
        for pathway in depths if f"{pathway}_depth" in model
    )  # fmt: skip
    frames, stride, fps = (data.get(key) for key in ("num_frames", "sampling_stride", "target_fps"))
    is_known = all(map(_is_number, (frames, stride, fps)))
    clip = f"{frames} frames, one of {stride} at {fps:g}/s" if is_known else None
    return [
        ("Network", f"{model['name']}: {network}" if "name" in model else None),
        ("Clip", clip),
        ("Protocol", test.get("protocol")),
        ("List", data.get("test_list") or data.get("val_list")),
    ]


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _of_machine(run: Mapping[str, Any]) -> Known:
    devices, processes = run.get("devices"), run.get("processes")
    weights = Path(str(run["weights"])).name if run.get("weights") else None
    digest = str(run.get("weights_sha256", ""))[:16]
    versions = run.get("versions")
    return [
        ("Weights", f"{weights} (SHA-256 {digest}\N{HORIZONTAL ELLIPSIS})" if weights else None),
        ("Computed by", run.get("backend")),
        ("Precision", run.get("precision")),
        ("Videos read by", run.get("decoder")),
        ("Hardware", ", ".join(map(str, devices)) if isinstance(devices, list) else None),
        ("Processes", f"{processes}, {run.get('threads')} threads each, of {run.get('cores')} cores"
         if processes else None),
        ("Versions", ", ".join(f"{name} {own}" for name, own in versions.items())
         if isinstance(versions, dict) else None),
        ("System", run.get("system")),
    ]  # fmt: skip


def _of_time(run: Mapping[str, Any], unit: str, views: int) -> Known:
    seconds, computed, kept = (run.get(key) for key in ("seconds", "computed", "kept"))
    if not (_is_number(seconds) and _is_number(computed)):
        return [("Time", None), ("Speed", None), ("Ended", run.get("ended"))]
    time = f"{duration(seconds)} for {computed:,} {unit}"
    if _is_number(kept) and kept:
        time += f" ({kept:,} more were there from before an interruption)"
    speed = None
    if seconds > 0 and computed:
        speed = f"{computed / seconds:.3g} {unit}/s"
        speed += f", {computed * views / seconds:.3g} views/s" if views > 1 else ""
    return [("Time", time), ("Speed", speed), ("Ended", run.get("ended"))]

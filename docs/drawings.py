"""The drawings of docs/architecture.md, from the code: ``python -m docs.drawings``.

The network's numbers are those of the built network, the rooms of the code those of the import
contract in ``pyproject.toml``. Pictures are SVG, 400 units wide: text stays readable on a phone.
"""

from pathlib import Path
from typing import Any

from paddle import nn

from docs.rooms import Room, rooms
from docs.svg import Drawing
from slowfast.config import Config, load_config
from slowfast.models.cost import Row, summarize
from slowfast.models.slow_frames import SLOW_FRAMES
from slowfast.models.variants import build_model

PICTURES = Path(__file__).parent / "pictures"
NETWORKS = {"network_4x16": "slowfast", "network_8x8": "slowfast_8x8"}
"""The pictures of networks, and their configs."""

WIDTH = 400
SLOW, FAST = (16, 164), (220, 164)
"""Left edge and width of a pathway's column."""
TALLEST = 28.0
"""Height of a pathway with the most channels."""


def network_svg(config: str) -> str:
    """A network as two columns, slow and fast; bars are frames, their height is channels."""
    cfg = load_config(Path(__file__).parents[1] / f"configs/recognition/slowfast/{config}.yaml")
    network = build_model(cfg.model, cfg.data.crop_size)
    kernels = {name: _kernel(layer) for name, layer in network.named_sublayers()
               if isinstance(layer, nn.Conv3D)}  # fmt: skip
    depths = {f"s{i}": getattr(network, f"s{i}").depths for i in range(2, 6)}
    size = cfg.data.crop_size
    rows = {r.name: r for r in summarize(network, (1, 3, cfg.data.num_frames, size, size))}
    drawing = Drawing(WIDTH, f"SlowFast {_variant(cfg)}, {cfg.model.num_classes} classes")
    y = _clip(drawing, cfg)
    for number in range(1, 6):
        name = f"s{number}"
        title = "stem" if number == 1 else f"res{number}"
        y = _stage(drawing, y, title, rows[name], kernels, depths.get(name))
        if (fused := rows.get(f"{name}_fuse")) is not None:
            y = _lateral(drawing, y, fused, getattr(network, fused.name).conv_f2s)
    y = _head(drawing, y, rows, cfg)
    return drawing.text(height=y)


def _variant(cfg: Config) -> str:
    slow = cfg.data.num_frames // cfg.model.alpha
    return f"R{cfg.model.slow_depth} {slow}x{cfg.data.sampling_stride * cfg.model.alpha}"


def _kernel(layer: Any) -> list[int]:
    return [*layer.weight.shape[2:]]


def _frames(count: int) -> str:
    return f"{count} frame{'s' if count > 1 else ''}"


def _clip(drawing: Drawing, cfg: Config) -> float:
    """The clip, and which of its frames each pathway sees."""
    frames, size, alpha = cfg.data.num_frames, cfg.data.crop_size, cfg.model.alpha
    middle = WIDTH / 2
    drawing.words(middle, 28, f"SlowFast {_variant(cfg)}", "title", "middle")
    drawing.words(middle, 50, f"a clip: 3 × {frames} × {size} × {size}", "", "middle")
    drawing.words(middle, 66, "channels × frames × height × width", "quiet", "middle")
    seen = SLOW_FRAMES[cfg.model.slow_frames](frames, alpha)
    for (left, width), title, color in ((SLOW, "Slow pathway", "slow"),
                                        (FAST, "Fast pathway", "fast")):  # fmt: skip
        shown = seen if color == "slow" else range(frames)
        drawing.words(left, 94, title, f"{color}-text strong", "start")
        drawing.words(left + width, 94, f"{len(shown)} frames", "quiet", "end")
        step = width / frames
        for i in range(frames):
            kind = color if i in shown else "unseen"
            drawing.box(left + i * step + 0.4, 102, step - 0.8, 14, kind, 1)
    return 126


def _stage(
    drawing: Drawing, y: float, title: str, row: Row, kernels: dict[str, list[int]],
    depths: tuple[int, ...] | None,
) -> float:  # fmt: skip
    """A stage of both pathways; returns where the next part begins."""
    for p, ((left, width), color) in enumerate(((SLOW, "slow"), (FAST, "fast"))):
        _, channels, frames, height, wide = row.shapes[p]
        if depths is None:
            kernel = kernels[f"{row.name}.pathway{p}_stem.conv"]
            what = f"conv {kernel[0]}×{kernel[1]}², pool"
        else:
            first = kernels[f"{row.name}.pathway{p}_res0.branch2.a"]
            what = f"{depths[p]} blocks, {_frames(first[0])}"
        drawing.words(left, y + 15, title, "strong", "start")
        drawing.words(left + width, y + 15, what, "quiet", "end")
        tall = TALLEST * (channels / 2048) ** 0.4
        step = width / frames
        gap = min(3.0, step * 0.2)
        for i in range(frames):
            x, top = left + i * step + gap / 2, y + 22 + (TALLEST - tall) / 2
            drawing.box(x, top, step - gap, tall, color, min(2, (step - gap) / 3))
        shape = f"{channels} × {frames} × {height} × {wide}"
        drawing.words(left + width / 2, y + 22 + TALLEST + 15, shape, f"{color}-text", "middle")
    return y + 22 + TALLEST + 22


def _lateral(drawing: Drawing, y: float, row: Row, convolution: Any) -> float:
    """The lateral connection that follows a stage: from the fast column to the slow one."""
    slow, fast, line = SLOW[0] + SLOW[1] / 2, FAST[0] + FAST[1] / 2, y + 12
    drawing.arrow(fast, y, fast, y + 34, "fast-line")
    drawing.arrow(slow, y, slow, y + 34, "slow-line")
    drawing.arrow(fast, line, slow + 6, line, "lateral")
    drawing.dot(slow, line, "slow")
    what = f"conv of {_frames(convolution.weight.shape[2])}, stride {convolution._stride[0]}"
    drawing.words((slow + fast) / 2, line + 16, what, "quiet", "middle")
    drawing.words(SLOW[0], line + 4, f"joined: {row.shapes[0][1]}", "quiet", "start")
    return y + 38


def _head(drawing: Drawing, y: float, rows: dict[str, Row], cfg: Config) -> float:
    widths = [shape[1] for shape in rows["s5"].shapes]
    for left, width in (SLOW, FAST):
        x = left + width / 2
        drawing.arrow(x, y, WIDTH / 2 + (x - WIDTH / 2) * 0.3, y + 24, "plain")
    drawing.box(40, y + 26, WIDTH - 80, 62, "panel", 8)
    drawing.words(WIDTH / 2, y + 45, f"mean over each, joined: {' + '.join(map(str, widths))}",
                  "", "middle")  # fmt: skip
    drawing.words(WIDTH / 2, y + 62, f"dropout {cfg.model.dropout:g}", "", "middle")
    drawing.words(WIDTH / 2, y + 79, f"linear {sum(widths)} → {cfg.model.num_classes} classes",
                  "strong", "middle")  # fmt: skip
    params, macs = sum(r.params for r in rows.values()), sum(r.macs for r in rows.values())
    drawing.words(WIDTH / 2, y + 112, f"{params:,} parameters", "quiet", "middle")
    total = f"{macs / 1e9:.3f} G multiply-adds a clip of {cfg.data.crop_size}²"
    drawing.words(WIDTH / 2, y + 128, total, "quiet", "middle")
    return y + 144


def code_svg() -> str:
    """The rooms of the package, each above those that it may import."""
    layers = rooms()
    drawing = Drawing(WIDTH, "The rooms of the code, and who may import whom")
    drawing.words(WIDTH / 2, 28, "slowfast/", "title", "middle")
    drawing.words(WIDTH / 2, 48, "a room imports only from the rows below it", "quiet", "middle")
    y = 64.0
    for row in layers:
        y = _row(drawing, y, row)
    drawing.box(16, y + 5, 14, 14, "paddle", 3)
    drawing.words(36, y + 16, "may import Paddle", "quiet", "start")
    drawing.box(186, y + 5, 14, 14, "free", 3)
    drawing.words(206, y + 16, "never imports Paddle (checked)", "quiet", "start")
    return drawing.text(height=y + 34)


def _row(drawing: Drawing, y: float, row: list[Room]) -> float:
    """Rooms that do not know each other, side by side, at most three in a line."""
    most = 2 if len(row) == 4 else 3
    for start in range(0, len(row), most):
        line = row[start : start + most]
        width = (WIDTH - 32 - 8 * (len(line) - 1)) / len(line)
        for i, room in enumerate(line):
            left = 16 + i * (width + 8)
            drawing.box(left, y, width, 38, "free" if room.without_paddle else "paddle", 6)
            drawing.words(left + width / 2, y + 16, room.name, "strong", "middle")
            drawing.words(left + width / 2, y + 31, room.about, "quiet small", "middle")
        y += 42
    return y + 4


def pictures() -> dict[Path, str]:
    """All drawings, by path."""
    drawn = {f"{name}.svg": network_svg(cfg) for name, cfg in NETWORKS.items()}
    drawn["code.svg"] = code_svg()
    return {PICTURES / name: svg for name, svg in drawn.items()}


def main() -> None:
    """Writes the drawings."""
    for path, text in pictures().items():
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()

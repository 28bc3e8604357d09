"""A small SVG drawing on a card of its own, dark where the reader's screen is."""

from html import escape

STYLE = """
text { font: 13px system-ui, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; fill: #1f2933 }
.card { fill: #ffffff; stroke: #d9e0e7 }
.title { font-size: 17px; font-weight: 700 } .strong { font-weight: 650 }
.quiet { fill: #5b6875; font-size: 11.5px } .small { font-size: 10.5px }
.slow { fill: #2f6fb5 } .slow-text { fill: #22588f } .slow-line { stroke: #2f6fb5 }
.fast { fill: #d9822b } .fast-text { fill: #a85b0c } .fast-line { stroke: #d9822b }
.unseen { fill: #e3e8ee } .panel { fill: #f1f5f9; stroke: #cfd8e1 }
.lateral { stroke: #d9822b } .plain { stroke: #7b8794 }
.paddle { fill: #e3edf8; stroke: #a9c4e2 } .free { fill: #e5f3e6; stroke: #a8d0ac }
path { fill: none; stroke-width: 1.6 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .card { fill: #161b22; stroke: #30363d } .quiet { fill: #9aa7b4 }
  .slow { fill: #5b9be0 } .slow-text { fill: #8fc0f3 } .slow-line { stroke: #5b9be0 }
  .fast { fill: #e89b4c } .fast-text { fill: #f2b877 } .fast-line { stroke: #e89b4c }
  .unseen { fill: #2b333d } .panel { fill: #1f2630; stroke: #3a434e }
  .lateral { stroke: #e89b4c } .plain { stroke: #8b97a3 }
  .paddle { fill: #1c2c40; stroke: #35557a } .free { fill: #1b3122; stroke: #35613f }
}"""


class Drawing:
    """Collects shapes; ``text`` is the whole picture."""

    def __init__(self, width: int, title: str) -> None:
        self._width, self._title = width, title
        self._shapes: list[str] = []

    def words(self, x: float, y: float, words: str, kind: str, anchor: str) -> None:
        """Text; ``anchor`` start, middle or end is what lies at x, and y is its base line."""
        attributes = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"' + _class(kind)
        self._shapes.append(f"<text {attributes}>{escape(words)}</text>")

    def box(self, x: float, y: float, width: float, height: float, kind: str, r: float) -> None:
        """A rectangle with round corners of radius r."""
        place = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" rx="{r:g}"'
        self._shapes.append(f"<rect {place}{_class(kind)}/>")

    def dot(self, x: float, y: float, kind: str) -> None:
        """A point that joins two lines."""
        self._shapes.append(f'<circle cx="{x:g}" cy="{y:g}" r="4"{_class(kind)}/>')

    def arrow(self, x: float, y: float, to_x: float, to_y: float, kind: str) -> None:
        """A straight line with a head at its end."""
        length = ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5
        dx, dy = (to_x - x) / length * 5, (to_y - y) / length * 5
        line = f"M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}"
        head = (
            f"M{to_x - dx - dy:.1f} {to_y - dy + dx:.1f}L{to_x:.1f} {to_y:.1f}"
            f"L{to_x - dx + dy:.1f} {to_y - dy - dx:.1f}"
        )
        self._shapes.append(f'<path d="{line}{head}"{_class(kind)}/>')

    def text(self, height: float) -> str:
        """The picture as SVG."""
        card = (
            f'<rect x="0.5" y="0.5" width="{self._width - 1}" height="{height - 1:g}" rx="10" '
            'class="card"/>'
        )
        view = f'viewBox="0 0 {self._width} {height:g}" width="{self._width * 1.25:g}"'
        start = f'<svg xmlns="http://www.w3.org/2000/svg" {view} role="img">'
        title = f"<title>{escape(self._title)}</title>"
        parts = [start, title, f"<style>{STYLE}\n</style>", card, *self._shapes, "</svg>", ""]
        return "\n".join(parts)


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""

"""The rows of a benchmark as JSON, as a table in Markdown, and as a chart."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One comparison: ours against one peer."""

    what: str
    peer: str
    ours: float
    """Seconds, unless ``what`` names another unit."""
    theirs: float
    target: float | None = None
    """The ratio that the project aims at; None where it sets no aim."""

    @property
    def ratio(self) -> float:
        """Theirs over ours: above 1, ours is better."""
        return self.theirs / self.ours

    @property
    def is_reached(self) -> bool | None:
        """Whether the ratio is at least the target; None where there is none."""
        return None if self.target is None else self.ratio >= self.target


def write_json(rows: Sequence[Row], path: Path) -> None:
    """A list of objects with ``what, peer, ours, theirs, ratio, target``."""
    plain = [
        {
            "what": row.what,
            "peer": row.peer,
            "ours": row.ours,
            "theirs": row.theirs,
            "ratio": row.ratio,
            "target": row.target,
        }
        for row in rows
    ]
    path.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")


def markdown(rows: Sequence[Row], notes: Sequence[str] = ()) -> str:
    """The table, and notes below it."""
    lines = [
        "| what | peer | ours | theirs | theirs / ours | target | reached |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        target = "" if row.target is None else f"{row.target:.3g}"
        reached = {None: "", True: "yes", False: "no"}[row.is_reached]
        lines.append(
            f"| {row.what} | {row.peer} | {row.ours:.4g} | {row.theirs:.4g} | "
            f"{row.ratio:.2f} | {target} | {reached} |"
        )
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)]).rstrip() + "\n"


def tell(rows: Sequence[Row], notes: Sequence[str], options: Any) -> None:
    """Prints the table, and writes it to ``--markdown`` and the rows to ``--json``."""
    table = markdown(rows, notes)
    print(table, end="")
    if options.json:
        write_json(rows, options.json)
    if options.markdown:
        options.markdown.write_text(table, encoding="utf-8")


def write_chart(rows: Sequence[Row], path: Path) -> None:
    """A bar from 1 to the ratio of each row that has a target, with a mark at the target."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FixedLocator, NullLocator

    shown = [row for row in rows if row.target is not None][::-1]
    figure, axes = pyplot.subplots(figsize=(10, 1.6 + 0.42 * len(shown)), layout="constrained")
    places = range(len(shown))
    colours = ["#2a7f9e" if row.is_reached else "#c8763c" for row in shown]
    lengths = [row.ratio - 1 for row in shown]
    axes.barh(places, lengths, left=1, color=colours, height=0.62)
    axes.plot(
        [row.target for row in shown], places, "|", color="black", markersize=15, markeredgewidth=2
    )
    highest = max([1.0, *(max(row.ratio, row.target or 0) for row in shown)])
    lowest = min([0.5, *(0.8 * row.ratio for row in shown)])
    for place, row in zip(places, shown, strict=True):
        end = max(1, row.ratio, row.target or 0)
        axes.text(1.06 * end, place, f"{row.ratio:.2f}", va="center", fontsize=9)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(lowest, 1.5 * highest)
    ticks = [tick for tick in (0.5, 1, 2, 3, 5, 10, 20, 50, 100) if lowest <= tick <= 1.5 * highest]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{tick:g}" for tick in ticks])
    axes.set_yticks(places, [f"{row.what}  vs  {row.peer}" for row in shown], fontsize=9)
    axes.set_xlabel(
        "peer's seconds / our seconds (log scale)\nblack mark: target; blue: reached, orange: not"
    )
    axes.set_title("Reading video on one thread: times faster than the peer", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)

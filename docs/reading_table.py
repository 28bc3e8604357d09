"""The table of docs/data.md, what reads what: ``PYTHONPATH=tests python -m docs.reading_table``.

Each kind of file is made on the spot, and read with each decoder. The command writes the table anew
between the page's marks.
"""

import itertools
import re
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
from support.odd_videos import CASES, Case
from support.videos import read_numbers

from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import VideoError

PAGE = Path("docs/data.md")
DECODERS = ("pyav", "opencv")
MARKS = re.compile(r"(<!-- what reads what\b[^\n]*-->\n).*?(?=<!-- end -->)", re.DOTALL)


def outcome(case: Case, decoder: str) -> str:
    """``yes``: the right frames at the right rate; ``refused``; or what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"video{case.ending}"
        case.make(path)
        try:
            reader = open_video(Sample(str(path)), "", 0, decoder)
            frames = reader.frames(np.arange(reader.num_frames))
        except VideoError:
            return "refused"
        if abs(reader.fps / case.fps - 1) > 1e-3:
            return f"wrong rate, {reader.fps:g}"
        return "yes" if read_numbers(frames) == list(case.shown or []) else "wrong frames"


def table() -> str:
    """The table, as Markdown."""
    head = ("", f"PyAV {av.__version__}", f"OpenCV {cv2.__version__}")
    rows: list[tuple[str, ...]] = [head, ("---",) * 3]
    for group, cases in itertools.groupby(CASES, lambda case: case.group):
        rows.append((f"**{group}**", "", ""))
        rows += [
            (f"{case.name} ({case.ending})", *(outcome(case, decoder) for decoder in DECODERS))
            for case in cases
        ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(MARKS.sub(lambda found: found[1] + table(), text), encoding="utf-8")

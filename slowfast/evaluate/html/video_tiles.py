"""What the report of a test of videos shows of single ones: pictures, what was found, what is true.

Legend: N videos, K classes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.errors import UserError, error_line
from slowfast.evaluate.html.html_page import percent
from slowfast.evaluate.mistakes import Mistake
from slowfast.evaluate.scores import Results
from slowfast.metrics.accuracy import name_of


def tiles(
    results: Results, shares_NK: NDArray[np.float64], wrong: Sequence[Mistake]
) -> list[dict[str, Any]]:
    """The pictures of videos, each with what was found and what is true."""
    return [
        {**_picture(results, mistake.video), "lines": _lines(results, shares_NK, mistake)}
        for mistake in wrong
    ]


def _picture(results: Results, row: int) -> dict[str, Any]:
    """A video's pictures, or why there are none."""
    path = results.paths[row]
    try:
        from slowfast.evaluate.html.thumbnails import thumbnail_of  # here: it imports OpenCV

        pictures = thumbnail_of(results, row)
    except ModuleNotFoundError as error:
        return {"still": None, "alt": f"No picture: {error.name} is not installed here"}
    except (UserError, OSError) as error:
        said = error_line(error).removeprefix("error: ").removeprefix(f"{path}: ")
        return {"still": None, "alt": f"No picture: {said}"}
    return {**pictures._asdict(), "alt": f"Two seconds from the middle of {Path(path).name}"}


def _lines(
    results: Results, shares_NK: NDArray[np.float64], mistake: Mistake
) -> list[tuple[str, str, str]]:
    """What is said below a picture: of which kind it is, what it is called, and the text."""
    shares_K, names = shares_NK[mistake.video], results.class_names

    def told(label: int) -> str:
        return f"{name_of(label, names)} {percent(float(shares_K[label]), 0)}"

    if results.task == "single":
        found = [("found", "predicted", told(mistake.found[0]))]
        true = [("true", "true", told(mistake.missed[0]))]
    else:
        found = [("found", "found wrongly", told(label)) for label in mistake.found[:3]]
        found += [("missed", "missed", told(label)) for label in mistake.missed[:3]]
        right = np.flatnonzero(results.labels[mistake.video]).tolist()
        others = [name_of(k, names) for k in right if k not in mistake.missed]
        true = [("true", "found rightly", ", ".join(others))] if others else []
    return [*found, *true, ("", "", Path(results.paths[mistake.video]).name)]

"""The curves of a run: rows of ``metrics.jsonl``, and VisualDL's file in ``output_dir/vdl``."""

import contextlib
import io
import json
import math
import shlex
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from slowfast.files import append_line
from slowfast.log import logger
from slowfast.train.cut import Place, cut_records, cut_rows

FOLDER = "vdl"
"""In output_dir: what VisualDL is given."""
RECORDS = "vdlrecords.slowfast.log"
"""In ``FOLDER``: the only file of the run. VisualDL knows its files by the first word."""
PORT = 8040
BINS = 50
"""Of a histogram."""


def how_to_open(output_dir: Path, program: str = "visualdl") -> str:
    """The command that shows the curves, and the page to open: VisualDL's first page is that of the
    graphs.

    Where other runs lie beside this one, the command shows them, too. It does not name the folder
    above without need: VisualDL searches all that is below. Without the first flag, its server
    tells paddlepaddle.org.cn that it runs, and its page loads a counter from Baidu.
    """
    others = (path.parent for path in output_dir.absolute().parent.glob(f"*/{FOLDER}/{RECORDS}"))
    has_others = any(path.parent != output_dir.absolute() for path in others)
    folder = output_dir.parent if has_others else output_dir
    where = f"--logdir {shlex.quote(str(folder))} --port {PORT}"
    command = f"{program} --disable-telemetry {where}"
    return f"{command}, then http://localhost:{PORT}/app/scalar"


class MetricWriter(contextlib.ExitStack):
    """Writes scalars to ``metrics.jsonl``, a row per step or epoch, and to VisualDL if installed,
    which also gets pictures, histograms and settings. Only rank 0 writes.

    Args:
        place: how far the run is. What earlier runs into this folder have written of later steps
            is cut, since it is computed again; all of it if the run begins.

    Raises:
        OSError: metrics.jsonl cannot be written.
    """

    def __init__(self, output_dir: str, rank: int, place: Place) -> None:
        super().__init__()
        self._curves: Any = None
        self._rows: IO[bytes] | None = None
        if rank == 0:
            path = Path(output_dir) / "metrics.jsonl"
            cut = cut_rows(path, place)
            self._rows = self.enter_context(open(path, "ab", buffering=0))  # noqa: SIM115
            if cut:
                logger.info(f"{path}: {cut:,} rows of steps that are computed again are cut")
            self._curves = self._opened(Path(output_dir) / FOLDER, place)

    def _opened(self, folder: Path, place: Place) -> Any:
        """VisualDL's writer, which goes on with its file; None if there can be none."""
        try:
            import visualdl
        except ImportError as error:
            logger.warning(f"no curves for VisualDL, which cannot be imported here: {error}")
            return None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            cut_records(folder / RECORDS, place)
            with contextlib.redirect_stdout(io.StringIO()):  # it says that the file is there
                writer = visualdl.LogWriter(logdir=str(folder), file_name=RECORDS)
        except OSError as error:
            logger.warning(f"no curves for VisualDL: {error}")
            return None
        logger.info(f"curves: {how_to_open(folder.parent)}")
        return self.enter_context(writer)

    @property
    def draws(self) -> bool:
        """Whether pictures, histograms and settings go anywhere."""
        return self._curves is not None

    def write(self, kind: str, step: int, scalars: dict[str, float], **row: Any) -> None:
        """Writes each scalar at ``step`` as ``kind/name``; ``row`` goes to metrics.jsonl only.

        Raises:
            OSError: metrics.jsonl cannot be written; it ends with the row before. VisualDL prints a
                warning instead where it cannot write its own file.
        """
        if self._rows is None:
            return
        if self._curves:
            for name, value in scalars.items():
                self._curves.add_scalar(tag=f"{kind}/{name}", step=step, value=value)
        finite = {name: x if math.isfinite(x) else None for name, x in scalars.items()}
        append_line(self._rows, json.dumps({"kind": kind, "step": step, **row, **finite}))

    def picture(self, tag: str, step: int, picture: NDArray[np.uint8]) -> None:
        """Shows a picture ``[H, W, 3]``."""
        if self._curves:
            self._curves.add_image(tag=tag, step=step, img=picture)

    def histogram(self, tag: str, step: int, values: NDArray[np.float32]) -> None:
        """Shows how values are spread; none if one is not finite."""
        if self._curves and np.isfinite(values).all():
            self._curves.add_histogram(tag=tag, step=step, values=values.ravel(), buckets=BINS)

    def settings(self, settings: dict[str, int | float | str], finals: list[str]) -> None:
        """Makes the run a line of VisualDL's table of hyper-parameters.

        Args:
            finals: the scalars beside them, as ``kind/name``; their last value counts.
        """
        if self._curves:
            self._curves.add_hparams(hparams_dict=settings, metrics_list=finals)

    def flush(self) -> None:
        """Waits until VisualDL's file has all: a checkpoint that follows must not be ahead of it,
        or a run that is killed would leave a gap."""
        if self._curves:
            self._curves.flush()

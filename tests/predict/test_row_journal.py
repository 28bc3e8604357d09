"""A journal of rows that have parts; whole rows are in test_result_rows.py."""

from pathlib import Path
from typing import Any

from slowfast.data.samples import Sample
from slowfast.predict.row_journal import PART, RowJournal


class Counted(RowJournal):
    """Rows of numbers."""

    def text(self, index: int) -> str:
        return str(self.entry(index))

    def row(self, index: int) -> dict[str, Any]:
        entry = self.entry(index)
        return self.head(index) | {name: entry[name] for name in ("n", "error") if name in entry}


def test_parts_of_a_video_that_was_not_finished_are_there_again(tmp_path: Path) -> None:
    samples = [Sample("a"), Sample("b")]
    with Counted(tmp_path / "r.json", samples, "digest") as rows:
        key, _ = rows.todo[0]
        rows._journal.add(f"{key}{PART}1 0", {"first": True})
        rows.keep(1, {"n": 3})
    with Counted(tmp_path / "r.json", samples, "digest") as rows:
        assert [*rows.todo] == [0]
        assert rows._journal.get(f"{key}{PART}1 0") == {"key": f"{key}{PART}1 0", "first": True}
        rows.keep(0, {"error": "it is cut off"})
        assert rows.finish() == 1
    with Counted(tmp_path / "r.json", samples, "other") as rows:
        assert [*rows.todo] == [0, 1] and rows._journal.get(f"{key}{PART}1 0") is None

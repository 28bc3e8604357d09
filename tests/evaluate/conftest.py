"""A test of boxes by hand."""

from pathlib import Path

import pytest
from support.scored_boxes import CORNER, LEFT, RIGHT, SIT, STAND, TALK, files_of

from slowfast.evaluate.score_files import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Four key frames of two videos; the answers of 0.5 or more are

    right: sit 0.9 (b 1), talk 0.7 (a 2); wrong: stand 0.95 in a sitting person's box, sit 0.6 a
    second time, talk 0.8 in the corner; stand of b 2 has no box, talk of a 1 scores 0.1.
    """
    near = (0.12, 0.1, 0.42, 0.8)
    return files_of(
        tmp_path,
        ("a", 1, [(LEFT, [0.2, 0.95, 0.1])], [(LEFT, [SIT, TALK])]),
        ("a", 2, [(RIGHT, [0.1, 0.2, 0.7]), (CORNER, [0.0, 0.1, 0.8])], [(RIGHT, [TALK])]),
        ("b", 1, [(LEFT, [0.9, 0.0, 0.0]), (near, [0.6, 0.1, 0.0])], [(LEFT, [SIT])]),
        ("b", 2, [(LEFT, [0.3, 0.4, 0.0])], [(LEFT, [SIT]), (RIGHT, [STAND])]),
    )

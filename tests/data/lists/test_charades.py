"""Charades' labels and times, by its own csv and by PySlowFast's list of frames."""

import logging
from pathlib import Path

import pytest
from support.video_tools import write

from slowfast.data.lists.annotations import Listed
from slowfast.data.lists.charades import charades
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Action

HEADER = "id,subject,quality,script,actions,length\n"
"""Those of the data set's columns that matter here, and some of the others."""
FRAMES = "original_vido_id video_id frame_id path labels\n"


def test_its_own_csv(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    source = write(
        tmp_path / "Charades_v1_train.csv",
        f"{HEADER}"
        '46GP8,HR43,6,"A person, ""cooking"",\r\nlooks out.",'
        "c147 0.00 12.60;c092 11.90 21.20;c147 20.00 21.00,24.83\n"
        "42K3H,KQI6,,x,c006 0.00 3.60;c008 0.00 5.00;c112 3.00 2.90;c113 4.00 5.00,3.5\n"
        "00000,KQI6,,x,,30.0\n",
    )
    assert charades(source) == [
        Listed(
            ("46GP8",), (92, 147),
            (Action(147, 0.0, 12.6), Action(92, 11.9, 21.2), Action(147, 20.0, 21.0)),
        ),
        Listed(
            ("42K3H",), (6, 8, 112, 113),
            (Action(6, 0.0, 3.5), Action(8, 0.0, 3.5), Action(112, 3.0, 3.0),
             Action(113, 3.5, 3.5)),
        ),
        Listed(("00000",), ()),
    ]  # fmt: skip
    told = ": 3 actions end after their video, and are cut to its length; 1 end before they start"
    assert told in caplog.text


def test_a_video_that_is_there_twice(tmp_path: Path) -> None:
    rows = f"{HEADER}A,x,6,x,c006 0 3,9\nB,x,6,x,,9\nA,x,6,x,c007 0 3,9\n"
    source = write(tmp_path / "x.csv", rows)
    with pytest.raises(ListError) as caught:
        charades(source)
    assert str(caught.value) == f"{source}:4: the video A is there twice, first in {source}:2"


def test_pyslowfasts_list(tmp_path: Path) -> None:
    labels = ['""', '"5"', '"1,5"', '""', '"5,156"', '"5"']
    rows = [
        f'b 0 {i} b/b-{i + 1:06d}.jpg {text}\na 1 {i} x.jpg ""' for i, text in enumerate(labels)
    ]
    source = write(tmp_path / "train.csv", FRAMES + "\n".join(rows) + "\n")
    assert charades(source) == [
        Listed(
            ("b",), (1, 5, 156),
            (Action(1, 0.0833, 0.0833), Action(5, 0.0417, 0.0833), Action(5, 0.1667, 0.2083),
             Action(156, 0.1667, 0.1667)),
            6,
        ),
        Listed(("a",), (), (), 6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,length\na,1\n", ":1: has no columns id,actions,length, but id,length"),
        (f"{HEADER}a,b,,x,c001 0 1,2\n,b,,x,,2\n", ":3: not id,actions,length: "),
        (f"{HEADER}a,b,,x,\n", ":2: not id,actions,length: "),
        (f"{HEADER}a,b,,x,c001 0 1;c1 0 1,9\n", ":2: not an action, as 'c092 11.90 21.20': 'c1 0"),
        (f"{HEADER}a,b,,x,c001 0,9\n", ":2: not an action, as 'c092 11.90 21.20': 'c001 0'"),
        (f"{HEADER}a,b,,x,c157 0 1,9\n", ":2: class '157' is not in 0..156"),
        (f"{HEADER}a,b,,x,c001 0 nan,9\n", ":2: not a time in seconds: 'nan'"),
        (f"{HEADER}a,b,,x,c001 -1 2,9\n", ":2: not a time in seconds: '-1'"),
        (f"{HEADER}a,b,,x,c001 0 1,long\n", ":2: not a time in seconds: 'long'"),
        (f'{FRAMES}a 0 0 a/1.jpg "1"\na 0 1 a/2.jpg\n', ":3: not original_vido_id,labels: "),
        (f'{FRAMES}a 0 0 a/1.jpg "1,157"\n', ":2: class '157' is not in 0..156"),
        (f'{FRAMES}a 0 0 a/1.jpg "1;5"\n', ":2: class '1;5' is not in 0..156"),
        ("original_vido_id path\n", ":1: has no columns original_vido_id,labels, but original_vi"),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, message: str) -> None:
    source = write(tmp_path / "x.csv", text)
    with pytest.raises(ListError) as caught:
        charades(source)
    assert str(caught.value).startswith(f"{source}{message}")

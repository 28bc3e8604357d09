"""The labels beside the videos in real tars."""

from pathlib import Path

import pytest
from support.videos import write_tar

from slowfast.data.lists.folders import is_video
from slowfast.data.lists.shard_labels import ShardVideo, labelled_videos
from slowfast.data.lists.text_lists import FORM
from slowfast.data.shards import ShardError


def test_labels_lie_beside_the_videos(tmp_path: Path) -> None:
    tar = write_tar(
        tmp_path / "x.tar",
        {
            "a/x.cls": b"7", "a/x.MP4": b"12", "a/._x.MP4": b"",
            "b.mp4": b"123", "b.json": b'{"label": 3, "text": "\xc3\xa9"}',
            "c.left.avi": b"1", "c.right.avi": b"2", "c.cls": b" 12\n",
            "v 1.2.mkv": b"", "v 1.2.cls": b"0", "v 1.2.json": b"not looked at", "notes.txt": b"",
            "w.mkv": b"", "w.cls": b"5", "w.json": b'{"label": "walk", "fps": NaN}',
            "x.mkv": b"", "x.cls": b"5", "x.json": b'{"labels": [5]}',
        },
    )  # fmt: skip
    assert labelled_videos(tar, is_video, []) == [
        ShardVideo("a/x.MP4", 2, 7), ShardVideo("b.mp4", 3, 3), ShardVideo("c.left.avi", 1, 12),
        ShardVideo("c.right.avi", 1, 12), ShardVideo("v 1.2.mkv", 0, 0),
        ShardVideo("w.mkv", 0, 5), ShardVideo("x.mkv", 0, 5),
    ]  # fmt: skip


NO_LABELS = f"are no labels ({FORM})"
NO_OBJECT = 'not a JSON object with "label": NUMBER or "labels": [NUMBER, ...]'


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        *(
            ("cls", text, f"{text.decode(errors='replace')!r} {NO_LABELS}")
            for text in (
                b"cat", b"-1", b"1.0", b"", b"\xff\xfe", b"3,", b"3,-1", b"[3]", b"1;2",
                b'3], "x": [1', b"3], [3",
            )
        ),
        ("cls", b"3,3", "label 3 is there twice"),
        pytest.param("cls", b"x" * 1000, f"{'x' * 40!r} {NO_LABELS}", id="long"),
        ("cls", b"1000000000", "label 1000000000 is not in 0..999999999"),
        *(
            ("json", text, f"{NO_OBJECT}: {text[:40]!r}")
            for text in (b"7", b"{}", b'{"labels": 3}')
        ),
        pytest.param("json", b"[" * 10**5, "no JSON (too many brackets)", id="deep"),
        ("json", b"{", "no JSON (Expecting property name enclosed in double quotes at letter 2)"),
        ("json", b'{"label": 3, "label": 5}', "the key 'label' is there twice"),
        ("json", b'{"label": 3, "labels": [3]}', 'has both "label" and "labels"'),
        ("json", b'{"labels": [3], "actions": [[3, 0, 1]]}',
         '"actions": labels with times are not for shards'),
        ("json", b'{"label": "cat"}', "label 'cat' is not a class's number"),
        ("json", b'{"label": true}', "label True is not a class's number"),
        ("json", b'{"label": -1}', "label -1 is not in 0..999999999"),
        ("json", b'{"labels": [3, 3]}', "label 3 is there twice"),
    ],
)  # fmt: skip
def test_a_wrong_label_is_named(tmp_path: Path, name: str, text: bytes, message: str) -> None:
    tar = write_tar(tmp_path / "x.tar", {"a.mp4": b"", f"a.{name}": text})
    with pytest.raises(ShardError) as caught:
        labelled_videos(tar, is_video, [])
    assert str(caught.value) == f"{tar}: a.{name}: {message}"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"sub/a.mp4": b""}, "sub/a.mp4 has no label beside it, sub/a.cls or sub/a.json"),
        ({"a.mp4": b"", "./a.mp4": b""}, "has a.mp4 twice"),
        ({"a.mp4": b"", "a.cls": b"3", "a.json": b'{"label": 5}'},
         "labels that differ: a.cls '3', a.json '5'"),
        ({"a.mp4": b"", "a.cls": b"3", "a.json": b'{"actions": [[3, 0, 1]]}'},
         'a.json: "actions": labels with times are not for shards'),
    ],
)  # fmt: skip
def test_videos_without_a_label_or_name_of_their_own(
    tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    tar = write_tar(tmp_path / "x.tar", files)
    with pytest.raises(ShardError) as caught:
        labelled_videos(tar, is_video, [])
    assert str(caught.value) == f"{tar}: {message}"


def test_several_labels_beside_a_video(tmp_path: Path) -> None:
    files = {
        "a.mp4": b"", "a.cls": b"17,3\n", "b.mp4": b"", "b.json": b'{"labels": [3, 1]}',
        "c.mp4": b"", "c.json": b'{"labels": []}', "d.mp4": b"", "d.json": b'{"label": 4}',
    }  # fmt: skip
    tar = write_tar(tmp_path / "x.tar", files)
    labels = [video.label for video in labelled_videos(tar, is_video, [])]
    assert labels == [(3, 17), (1, 3), (), 4]

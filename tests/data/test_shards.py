"""Videos in tar shards: real videos in real tars, found and read in place, frame for frame."""

import importlib.util
import os
import re
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from support.videos import read_numbers, write_numbered_video, write_tar

from slowfast.data.lists.folders import is_video
from slowfast.data.lists.shard_labels import ShardVideo, labelled_videos
from slowfast.data.order import Pool, shard_numbers, train_batches
from slowfast.data.samples import Sample
from slowfast.data.shards import (
    ShardError,
    member_range,
    members,
    shard_of,
    split_member,
    video_size,
    video_url,
)
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader

Films = dict[str, tuple[bytes, int]]
"""The bytes and the number of frames of videos, by member name."""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    """In several containers."""
    folder = tmp_path_factory.mktemp("videos")
    made: Films = {}
    for name, count in {"a b/x 1.mp4": 31, "día/日本.avi": 25, "C:2,end,5.mp4": 17}.items():
        path = write_numbered_video(folder / f"{count}{Path(name).suffix}", count)
        made[name] = path.read_bytes(), count
    if importlib.util.find_spec("av"):
        for name, count in {"h264.mp4": 60, "k.mkv": 23}.items():
            path = write_numbered_video(folder / name, count, codec="h264", b_frames=2)
            made[name] = path.read_bytes(), count
    return made


@pytest.mark.parametrize("tar", ["train-000000.tar", "a folder/é 日, c:o'l\"o%dn,,:.tar"])
@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_videos_are_read_in_place(
    tmp_path: Path, films: Films, tar: str, kind: int, decoder: str
) -> None:
    shard = write_tar(tmp_path / tar, {name: film for name, (film, _) in films.items()}, kind)
    for name, (film, count) in reversed(films.items()):
        path = f"{shard}/{name}"
        assert video_size(path) == len(film)
        reader = open_video(Sample(path), "", 30.0, decoder)
        for wanted in (range(count), [3, 4, 9], [0, count - 1], [count - 2, count + 5]):
            shown = read_numbers(reader.frames(np.array(wanted)))
            assert shown == [min(number, count - 1) for number in wanted]
    with pytest.raises(VideoError, match=re.escape(f"{shard}: has no file gone.mp4")):
        open_video(Sample(f"{shard}/gone.mp4"), "", 30.0, decoder)


def test_a_video_beyond_the_first_4_gib(own_folder: Path, films: Films, decoder: str) -> None:
    film, count = films["a b/x 1.mp4"]
    hole = 2**32 + 4096
    with open("large.tar", "wb") as file:  # a hole takes no room on the disk
        for name, size, content in (("hole", hole, b""), ("x.mp4", len(film), film)):
            info = tarfile.TarInfo(name)
            info.size = size
            file.write(info.tobuf() + content)
            file.seek(-(-(file.tell() + size - len(content)) // 512) * 512)
        file.write(bytes(1024))
    assert member_range("large.tar", "x.mp4") == (hole + 1024, len(film))
    reader = open_video(Sample("large.tar/x.mp4"), "", 30.0, decoder)
    assert read_numbers(reader.frames(np.arange(count))) == list(range(count))


def test_reader_processes_share_no_shard_but_at_borders(tmp_path: Path, no_hang: None) -> None:
    content = {f"{number}.mp4": bytes(number) for number in range(20)}
    tars = [write_tar(tmp_path / f"train-{i:06d}.tar", content) for i in range(6)]
    samples = [Sample(f"{tar}/{name}") for tar in tars for name in content]

    def read(index: int) -> tuple[int, int, int]:
        return index, video_size(samples[index].path), os.getpid()

    shards = shard_numbers(samples)
    batches = train_batches(
        Pool(120, shards), sizes=[4], seed=0, epoch=0, rank=0, world_size=1, num_workers=3
    )
    with Loader(read, num_workers=3) as loader:
        items = [item for batch in loader.run(batches) for item in batch]
    found = [item for item in items if not isinstance(item, VideoError)]
    assert sorted((index, size) for index, size, _ in found) == [(i, i % 20) for i in range(120)]
    pairs = {(process, index // 20) for index, _, process in found}
    assert len({process for process, _ in pairs}) == 3
    assert len(pairs) <= 6 + 3 - 1


def test_which_paths_go_through_a_shard(own_folder: Path) -> None:
    tar = write_tar(own_folder / "old.tar/x.tar", {"a.mp4": b"a", "b.tar/c.mp4": b"c"})
    assert split_member(f"{tar}/a.mp4") == (tar, "a.mp4")
    assert split_member(f"{tar}/b.tar/c.mp4") == (tar, "b.tar/c.mp4")
    assert split_member(tar) is None
    assert split_member(str(own_folder / "old.tar/y.mp4")) is None
    assert shard_of(f"{tar}/sub/a.mp4") == tar
    assert shard_of("a.tar.mp4") is shard_of("x.tar") is shard_of("x.tarball/a.mp4") is None
    Path("12:30.mp4").write_bytes(b"video")
    assert video_url("12:30.mp4") == str(own_folder / "12:30.mp4")
    assert video_size("12:30.mp4") == 5
    with pytest.raises(FileNotFoundError):
        video_size("gone.tar/12:30.mp4")


@pytest.mark.parametrize("name", ["./sub/a.mp4", "/sub/a.mp4", "sub//a.mp4", "sub/./a.mp4"])
def test_a_name_may_be_written_in_several_ways(tmp_path: Path, name: str) -> None:
    tar = write_tar(tmp_path / "x.tar", {name: b"video"})
    assert member_range(tar, "sub/a.mp4") == member_range(tar, "./sub/a.mp4") == (512, 5)
    for ask in (video_size, video_url):
        with pytest.raises(ShardError) as caught:
            ask(f"{tar}/b.mp4")
        assert str(caught.value) == f"{tar}: has no file b.mp4"


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_links_in_a_tar_are_followed_and_folders_are_no_videos(tmp_path: Path, kind: int) -> None:
    (tmp_path / "a.mp4").write_bytes(b"video")
    os.link(tmp_path / "a.mp4", tmp_path / "hard.mp4")
    (tmp_path / "folder.mp4").mkdir()
    links = {"first": "sub/a.mp4", "sub/soft": "a.mp4", "sub/up": "../first", "sub/hard2": "soft"}
    broken = {"gone": "b.mp4", "outside": "/etc/hostname", "one": "two", "two": "one"}
    for name, target in (links | broken).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(target)
    with tarfile.open(tmp_path / "x.tar", "w", format=kind) as archive:
        for name in ("first", "folder.mp4"):
            archive.add(tmp_path / name, name)
        archive.add(tmp_path / "a.mp4", "sub/a.mp4")
        archive.add(tmp_path / "hard.mp4", "./hard.mp4")
        for name in [*list(links)[1:], *broken]:
            archive.add(tmp_path / name, name)
    tar, left_out = str(tmp_path / "x.tar"), dict[str, str]()
    names = [member.name for member in members(tar, left_out)]
    assert names == ["sub/a.mp4", "first", "hard.mp4", *list(links)[1:]]
    assert len({member_range(tar, name) for name in names}) == 1
    assert list(left_out) == list(broken)
    with pytest.raises(ShardError, match=f"{tar}: gone is a link to b.mp4, which is no file in"):
        member_range(tar, "gone")


@pytest.mark.parametrize("kind", ["gnu", "posix"])
def test_sparse_files_are_left_out_and_told(tmp_path: Path, kind: str, lines: list[str]) -> None:
    """Their bytes lie apart in the tar: GNU tar leaves the holes out."""
    with open(tmp_path / "a.mp4", "wb") as file:
        for place in (0, 10**6, 2 * 10**6):
            file.seek(place)
            file.write(b"video" * 1000)
    (tmp_path / "b.mp4").write_bytes(b"video")
    (tmp_path / "b.cls").write_text("1")
    tar = str(tmp_path / "x.tar")
    pack = ["tar", "-cSf", tar, f"--format={kind}", "-C", str(tmp_path), "a.mp4", "b.mp4", "b.cls"]
    subprocess.run(pack, check=True)
    assert Path(tar).stat().st_size < 10**6
    assert labelled_videos(tar, is_video, []) == [ShardVideo("b.mp4", 5, 1)]
    assert lines == [
        f"{tar}: 1 left out, the first: a.mp4 is sparse: its bytes do not lie together (write the "
        "tar without --sparse)"
    ]
    with pytest.raises(ShardError, match=f"{tar}: a.mp4 is sparse"):
        video_url(f"{tar}/a.mp4")
    assert video_size(f"{tar}/b.mp4") == 5


@pytest.mark.parametrize("padding", [0, 512, 10240, 3 * 2**20])
def test_tars_one_behind_the_other(tmp_path: Path, films: Films, padding: int) -> None:
    parts = [{"a.mp4": b"1" * 600, "a.cls": b"0"}, {"b.mp4": films["a b/x 1.mp4"][0]}, {"c": b""}]
    with open(tmp_path / "all.tar", "wb") as file:
        for number, files in enumerate(parts):
            file.write(Path(write_tar(tmp_path / f"{number}.tar", files)).read_bytes())
            file.write(bytes(padding))
    tar = str(tmp_path / "all.tar")
    assert [member.name for member in members(tar)] == ["a.mp4", "a.cls", "b.mp4", "c"]
    for path in ("0.tar/a.mp4", "1.tar/b.mp4"):
        one, all_of_them = split_member(str(tmp_path / path)), (tar, path[6:])
        assert one and _bytes(*one) == _bytes(*all_of_them)
    os.truncate(tar, (tmp_path / "0.tar").stat().st_size + padding + 1000)
    with pytest.raises(ShardError, match=f"{tar}: not a whole, uncompressed tar file"):
        member_range(tar, "a.mp4")


def _bytes(tar: str, name: str) -> bytes:
    offset, size = member_range(tar, name)
    return Path(tar).read_bytes()[offset : offset + size]


def test_what_follows_a_tar_and_is_none_is_told(tmp_path: Path, lines: list[str]) -> None:
    tar = write_tar(tmp_path / "x.tar", {"a.mp4": b"1", "a.cls": b"0"})
    with open(tar, "ab") as file:
        file.write(b"signature" * 100)
    assert len(labelled_videos(tar, is_video, [])) == 1
    told = f"{tar}: 1 left out, the first: byte 10,240 is behind the end of the tar, and begins no"
    assert [line.startswith(told) for line in lines] == [True]


def test_a_shard_that_is_replaced_is_looked_at_again(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "x.tar", {"a.mp4": b"1" * 600})
    assert member_range(tar, "a.mp4") == (512, 600)
    other = write_tar(tmp_path / "other", {"b.mp4": b"2", "a.mp4": b"3" * 600})
    os.replace(other, tar)
    assert member_range(tar, "a.mp4") == (512 + 512 + 512, 600)


@pytest.mark.parametrize("left", [0, 1, 511, 512, 600, 1024, 1536, 1600, 2048, 2100, 2560])
def test_a_shard_cut_off_anywhere_is_refused(tmp_path: Path, left: int) -> None:
    tar = write_tar(tmp_path / "x.tar", {"a.mp4": b"1" * 600, "b.mp4": b"2" * 512})
    os.truncate(tar, left)
    with pytest.raises(ShardError, match=re.escape(f"{tar}: not a whole, uncompressed tar file")):
        member_range(tar, "a.mp4")


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_a_compressed_tar_is_refused(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(str(path), f"w:{compression}") as archive:  # type: ignore[call-overload]
        archive.addfile(tarfile.TarInfo("a.mp4"))
    with pytest.raises(ShardError, match=f"{path}: not a whole, uncompressed tar file"):
        video_url(f"{path}/a.mp4")


def test_a_damaged_shard_is_refused_not_a_crash(tmp_path: Path) -> None:
    whole = Path(write_tar(tmp_path / "x.tar", {"ä.mp4": b"1" * 600, "b.mp4": b"2"})).read_bytes()
    good = list(members(str(tmp_path / "x.tar")))
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(0, 4096, 3):
            damaged[place] = rng.integers(256)
        (tmp_path / "x.tar").write_bytes(damaged)
        try:
            found = list(members(str(tmp_path / "x.tar")))
        except ShardError:
            refused += 1
        else:
            assert [member.size for member in found] == [member.size for member in good]
    assert refused > 100

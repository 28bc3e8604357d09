"""The tool that shows what a loader yields: it is what training and tests get, pixel by pixel."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support import key_frames
from support.paths import REPOSITORY
from support.tiny_run import environment
from support.videos import write_numbered_video

from slowfast.config import Config, load_config
from slowfast.data.clips.datasets import Clip
from slowfast.data.lists.read_lists import read_list
from slowfast.data.order import Pool
from slowfast.pictures.cards import Card
from slowfast.tools import browse
from slowfast.train.recipe.schedule import Schedule
from slowfast.train.training_clips import clip_loader, train_keys

YAML = """
model: {num_classes: 3, alpha: 4}
data: {root: ROOT, train_list: my.list, val_list: my.list, labels: names.txt, num_frames: 8,
  min_short_side: 48, max_short_side: 60, crop_size: 48, rand_augment: 1, num_workers: 2}
test: {short_side: 48, crop_size: 48, num_clips: 2}
train: {batch_size: 3, epochs: 2}
optim: {warmup_epochs: 1}
"""


@pytest.fixture
def videos(own_folder: Path) -> Path:
    """Six numbered videos, a list of them and of one that is missing, and ``small.yaml``."""
    names = [f"{i}.mp4" for i in range(6)]
    for i, name in enumerate(names):
        write_numbered_video(own_folder / name, 40 + 10 * i, size=(64, 48))
    lines = [f"{name} {i % 3}\n" for i, name in enumerate([*names, "gone.mp4"])]
    (own_folder / "my.list").write_text("".join(lines))
    (own_folder / "names.txt").write_text("walk\nrun\n\u8df3\u8dc3\n", encoding="utf-8")
    (own_folder / "small.yaml").write_text(YAML.replace("ROOT", str(own_folder)))
    return own_folder


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> list[Card]:
    """The cards that are drawn."""
    from slowfast.pictures import clip_sheet

    found: list[Card] = []
    write = clip_sheet.write_sheet

    def noting(cards: Iterable[Card]) -> Iterator[Card]:
        for card in cards:
            found.append(card)
            yield card

    def noted(sheet: Any, cards: Iterable[Card], *rest: Any) -> list[Path]:
        return write(sheet, noting(cards), *rest)

    monkeypatch.setattr(clip_sheet, "write_sheet", noted)
    return found


def run(*flags: str) -> int:
    return browse.main(["-c", "small.yaml", *flags])


def frames_of(card: Card) -> list[np.ndarray]:
    return [tile.picture for _, row in card.rows for tile in row]


def trained_on(cfg: Config, epoch: int, step: int) -> list[Any]:
    """What a step of training reads."""
    samples = read_list(cfg.data.train_list, cfg.data.root, 3)
    own = Schedule(Pool(len(samples)), cfg).steps(epoch)[step]
    with clip_loader(samples, [], cfg) as loader:
        (items,) = loader.run([train_keys(own.batches[0], epoch, len(samples), own.grid)])
    return [*items]


@pytest.mark.parametrize(("epoch", "step"), [(1, 1), (2, 2)])
def test_the_clips_of_a_training_step(
    videos: Path, cards: list[Card], epoch: int, step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--epoch", str(epoch), "--step", str(step), "--seed", "5", "--out", "new/a.png") == 0
    wanted = trained_on(load_config("small.yaml", ["seed=5"]), epoch - 1, step - 1)
    assert len(cards) == 3
    for card, item in zip(cards, wanted, strict=True):
        if isinstance(item, Clip):
            np.testing.assert_array_equal(frames_of(card), item.frames)
            assert card.title.endswith(f"({item.label})")
        else:
            assert card.fault == f"{videos}/gone.mp4: No such file or directory"
    assert np.asarray(Image.open("new/a.png")).shape[1] == 1400
    said = capsys.readouterr().out
    assert f"training, epoch {epoch}, step {step}: 3 in new/a.png" in said


def test_unreadable_ones_have_a_card_and_a_line(
    videos: Path, cards: list[Card], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--count", "6") == 0
    assert run("--count", "7", "-o", "train.batch_size=7", "data.on_error=skip") == 0
    assert sum(bool(card.fault) for card in cards[6:]) == 1
    assert f"unreadable: {videos}/gone.mp4: No such file" in capsys.readouterr().out
    cards.clear()
    assert run("-o", "train.batch_size=7", "data.on_error=substitute") == 0
    told = [line for card in cards for line in card.lines if line.startswith("in place of")]
    assert told and all("gone.mp4: No such file" in line for line in told)


def test_validation_and_the_views_of_a_test(videos: Path, cards: list[Card]) -> None:
    assert run("--split", "val", "--count", "2") == 0
    assert [Path(card.path).name for card in cards] == ["0.mp4", "1.mp4"]
    cards.clear()
    assert run("--split", "test", "--count", "1", "--step", "3") == 0
    assert [Path(card.path).name for card in cards] == ["2.mp4"]
    assert cards[0].title == "1   \u8df3\u8dc3 (2)"
    assert [len(row) for _, row in cards[0].rows] == [9, 9]


def test_cards_do_not_hold_whole_clips(videos: Path, cards: list[Card]) -> None:
    assert run() == 0 and run("--split", "test", "--count", "2") == 0
    frames = [frame for card in cards for frame in frames_of(card)]
    assert frames and all(frame.base is None for frame in frames)


def test_bare_videos_and_another_list(videos: Path, cards: list[Card]) -> None:
    assert run("0.mp4", "3.mp4") == 0
    assert [card.title for card in cards] == ["1   no label", "2   no label"]
    (videos / "other.list").write_text("5.mp4 1\n4.mp4 1\n3.mp4 1\n")
    cards.clear()
    assert run("--list", "other.list") == 0
    assert {Path(card.path).name for card in cards} == {"3.mp4", "4.mp4", "5.mp4"}


def test_key_frames_with_boxes(own_folder: Path, cards: list[Card]) -> None:
    path = key_frames.write_ava(own_folder, 2, 1)
    for split in ("train", "val", "test"):
        assert browse.main(["-c", str(path), "--split", split, "--count", "3"]) == 0
    assert len(cards) == 9 and all(card.boxes for card in cards)
    assert any(tile.boxes for _, row in cards[0].rows for tile in row)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--list", "none.list"], "there is no training list none.list"),
        (["--step", "9"], "--step 9: there are 2"),
        (["--epoch", "9"], "--epoch 9: the run has 2 epochs"),
        (["-o", "train.batch_size=99"], "7 samples do not fill one batch of 99"),
        (["--out", "my.list.png", "-o", "data.train_list=my.list.png"], "there is no training"),
        (["-o", "train.head_only=true"], "reads centre crops as a test does"),
        (["gone.mp4"], "none of them can be read (first: gone.mp4: No such file or directory)"),
        (["-o", "data.crop=3"], "unknown config key 'data.crop'"),
    ],
)
def test_faults_are_one_line(
    videos: Path, flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*flags) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and complaint in line


@pytest.mark.parametrize("flags", [["--out", "a.jpg"], ["a.mp4", "--list", "b"]])
def test_flags_that_do_not_fit(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        browse.parse_args(flags)
    assert re.search("does not end with .png|give one of them", capsys.readouterr().err)


def test_without_paddle(videos: Path) -> None:
    text = (
        "import sys; sys.modules['paddle'] = None\n"
        "from slowfast.tools.browse import main\n"
        "sys.exit(main(['-c', 'small.yaml']))"
    )
    command = [sys.executable, "-c", text]
    done = subprocess.run(command, env=environment(), cwd=videos, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (videos / "browse.png").is_file() and (REPOSITORY / "slowfast").is_dir()

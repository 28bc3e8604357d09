"""A small world in which the commands of the documentation run as they are written.

It is a copy of the repository, whose recipes in ``configs/`` are of a tiny network and of one
epoch. It has files of the names that the pages use: ``video.mp4``, ``k400.pdparams`` ... and what
the demos leave: videos, trained networks, the logs of their training.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from support.detecting import BOXES, SCORES, write_onnx
from support.paths import REPOSITORY
from support.tiny_run import YAML, main_here
from support.video_tools import write
from support.videos import touch, write_tar

from slowfast.data.shapes import moving_shapes_files, shape_film_files
from slowfast.weights.load import read_weights
from slowfast.weights.save import write_pickles

COPIED = ("slowfast", "configs", "benchmarks", "docs", "main.py", "hubconf.py", "pyproject.toml")
SMALL: dict[str, dict[str, Any]] = {
    "model": {"slow_depth": 14, "fast_depth": 14, "width": 8, "alpha": 4, "stem_kernel": 3},
    "data": {
        "num_frames": 8, "sampling_stride": 2, "min_short_side": 32, "max_short_side": 36,
        "crop_size": 32, "num_workers": 1,
    },
    "test": {"short_side": 32, "crop_size": 32, "backend": "eager", "views_per_chunk": 30},
    "optim": {"warmup_epochs": 0},
    "train": {"epochs": 1, "batch_size": 2, "precise_bn_batches": 0},
}  # fmt: skip
"""What a recipe of the small world has instead of its own."""
DEMOS = ("moving_shapes", "moving_shapes_several")
RECOGNITION, DETECTION = "configs/recognition/slowfast", "configs/detection/slowfast"
SHAPES = "data/moving_shapes"


def small_world(folder: Path) -> Path:
    """Makes the world; returns its repository. It may be moved or copied."""
    world = folder / "repository"
    world.mkdir()
    rubbish = shutil.ignore_patterns("__pycache__", "pictures")
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, world / name, ignore=rubbish)
        else:
            shutil.copy(source, world)
    for script in REPOSITORY.glob("run_*.sh"):
        shutil.copy(script, world)
    for recipe in (world / "configs").rglob("*.yaml"):
        _shrink(recipe)
    _environment(world)
    _demos(world)
    _weights(world)
    _videos(world)
    _kinetics(world)
    _data_sets(world)
    return world


def _shrink(recipe: Path) -> None:
    settings = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    for section, small in SMALL.items():
        settings[section] = settings.get(section, {}) | small
    if settings["train"].get("multigrid"):  # it changes the clips at these epochs, and ends later
        settings["optim"]["steps"] = [0.0, 1.0, 2.0, 3.0]
        settings["train"] |= {"epochs": 4, "batch_size": 1}  # up to 8 of its shortest clips
        settings["data"] |= {"num_frames": 16}
    recipe.write_text(yaml.safe_dump(settings), encoding="utf-8")


def _environment(world: Path) -> None:
    """``.venv``, whose python is this one."""
    (world / ".venv/bin").mkdir(parents=True)
    python = world / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (world / ".venv/bin/activate").write_text(f'PATH="{world / ".venv/bin"}:$PATH"\n')


def _demos(world: Path) -> None:
    """The data of the three demos, and what their training leaves."""
    for number, name in enumerate(DEMOS, 1):
        moving_shapes_files.write_dataset(
            world / "data" / name, num_train=24, num_val=7, seed=0, num_processes=1,
            num_motions=number,
        )  # fmt: skip
    shape_film_files.write_dataset(
        world / "data/shape_films", num_train=2, num_val=1, last=4, seed=0, num_processes=1
    )
    recipes = [f"{RECOGNITION}/{name}.yaml" for name in DEMOS]
    for recipe in (*recipes, f"{DETECTION}/moving_shapes_detection.yaml"):
        _run(world, "--validate", "-c", recipe)


def _run(world: Path, *flags: str) -> None:
    done = main_here(*flags, "--device", "cpu", cwd=world)
    assert done.returncode == 0, done.stdout + done.stderr


def _weights(world: Path) -> None:
    demo, boxes = world / "output/demo", world / "output/demo_detection"
    for name, out in {"k400": demo, "ckpt": demo, "ava": boxes}.items():
        shutil.copy(out / "SlowFast_best.pdparams", world / f"{name}.pdparams")
        shutil.copy(out / "config.yaml", world / f"{name}.yaml")
    state = read_weights(world / "ckpt.pdparams")
    state["head.projection.bias"] = 100 * np.eye(24, dtype=np.float32)[0]
    write_pickles({world / "sure.pdparams": state})  # of one class, always: int8 agrees
    shutil.copy(world / "ckpt.yaml", world / "sure.yaml")
    for name in ("a", "b"):
        shutil.copytree(demo, world / "output" / name)
    write_onnx(world / "yolo.onnx", {"boxes": BOXES, "scores": SCORES})
    (world / "yolo.yaml").write_text("boxes: boxes\nscores: scores\n")
    text = YAML.replace("ROOT", SHAPES) + "output_dir: output/tiny\n"
    (world / "tiny.yaml").write_text(text, encoding="utf-8")
    _run(world, "--test", "-w", "ckpt.pdparams", "--out", "scores.npz")


def _videos(world: Path) -> None:
    """Videos in a folder, in folders of classes, and lists of them."""
    shown = sorted((world / SHAPES / "train").glob("*.mp4"))
    for name in ("video.mp4", "folder/x.mp4", "videos/a.mp4", "videos/b.mp4"):
        _put(shown[0], world / name)
    _put(world / "data/shape_films/val_000.mp4", world / "film.mp4")
    for index, path in enumerate(shown[:12]):
        _put(path, world / f"data/mine/{('shaking', 'sliding', 'turning')[index % 3]}/{path.name}")
        for part in ("training", "validation"):
            _put(path, world / f"my/videos/{part}/class {index}/{path.name}")
    _put(shown[0], world / "data/mine/shaking/a.mp4")
    for path in shown:  # my.list is of the top folder, and of videos/
        _put(path, world / path.name)
        _put(path, world / "videos" / path.name)
    lines = "".join(f"{path.name} {index % 24}\n" for index, path in enumerate(shown))
    (world / "my.list").write_text(lines)
    for split in ("train", "val"):
        (world / f"videos/{split}.list").write_text("a.mp4 0\nb.mp4 1\n" * 4)
    (world / "videos/labels.txt").write_text("".join(f"class {i}\n" for i in range(12)))
    (world / "tmp").mkdir()


def _put(video: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(video, path)


def _kinetics(world: Path) -> None:
    """What Kinetics' downloader leaves, and lists of the same videos under names of our own. Its
    csv has the columns of a csv of one's own, too."""
    videos = sorted((world / SHAPES / "train").glob("*.mp4"))
    for part in ("train", "val"):
        rows = ["label,youtube_id,time_start,time_end,split,filename,action"]
        for index, video in enumerate(videos):
            name = f"{part}{index:06}"
            own = f"training/class {index}/{video.name},walk {index}"
            rows.append(f"class {index},{name},0,10,{part},{own}")
            _put(video, world / f"downloaded/{part}/{name}_000000_000010.mp4")
            for root in ("data/k400", "data/k400/videos"):
                _put(video, world / f"{root}/{part}{index}.mp4")
        rows += [
            f"class {index},none{index},0,10,{part},x.mp4,walk 0"
            for index in range(len(videos), 400)
        ]
        (world / f"{part}.csv").write_text("\n".join(rows) + "\n")
        lines = "".join(f"{part}{index}.mp4 {index}\n" for index in range(len(videos)))
        (world / f"data/k400/{part}.list").write_text(lines)
    (world / "downloaded/replacement").mkdir()
    _put(videos[0], world / "downloaded/replacement/other_000000_000010.mp4")


DATA_SETS = {
    "data/ucf101/ucfTrainTestlist/classInd.txt": "1 Archery\n",
    "data/ucf101/ucfTrainTestlist/trainlist01.txt": "Archery/v_1.avi 1\n",
    "data/ucf101/ucfTrainTestlist/testlist01.txt": "Archery/v_2.avi\n",
    "data/hmdb51/testTrainMulti_7030_splits/climb_test_split1.txt": "a.avi 1\nb.avi 2\n",
    "labels.json": '{"Holding something": "0"}',
    "train.json": '[{"id": "7", "template": "Holding [something]"}]',
    "jester-v1-labels.csv": "Swiping Left\n",
    "jester-v1-train.csv": "7;Swiping Left\n",
    "moments_categories.txt": "aiming,0\n",
    "trainingSet.csv": "aiming/a.mp4,aiming,4,0\n",
    "Diving48_vocab.json": '[["Back", "15som", "FREE"]]',
    "Diving48_V2_train.json": '[{"vid_name": "a", "label": 0}]',
    "data/charades/Charades_v1_train.csv": "id,script,actions,length\nA,x,c147 0.50 0.75,1.0\n",
    "data/charades/Charades_v1_test.csv": "id,script,actions,length\nA,x,,1.0\n",
}
"""Other data sets' own files, of one or two videos."""
EMPTY = (
    "data/ucf101/UCF-101/Archery/v_1.avi", "data/ucf101/UCF-101/Archery/v_2.avi",
    "data/hmdb51/videos/climb/a.avi", "data/hmdb51/videos/climb/b.avi", "data/sthv2/videos/7.webm",
    "data/jester/20bn-jester-v1/7/00001.jpg", "data/mit/training/aiming/a.mp4",
    "data/diving48/rgb/a.mp4", "data/charades/Charades_v1_rgb/A/A-000001.jpg",
)  # fmt: skip
"""Their videos, which are only looked for."""


def _data_sets(world: Path) -> None:
    for name, text in DATA_SETS.items():
        write(world / name, text)
    touch(world, *EMPTY)
    write_tar(world / "shards/train-000000.tar", {"a.mp4": b"x", "a.cls": b"1"})

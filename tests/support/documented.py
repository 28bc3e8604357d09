"""The commands of the documentation, and a small world in which they run as they are written.

The world is a copy of the repository, in which the recipes of ``configs/`` are of a tiny network
and of one epoch, and files of the names that the pages use: ``video.mp4``, ``k400.pdparams`` ...
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from support.detecting import BOXES, SCORES, detection_config, save_detector, write_onnx
from support.documents import Block
from support.paths import REPOSITORY
from support.tiny_run import save_tiny_model, tiny_config, tiny_data

COPIED = ("slowfast", "configs", "benchmarks", "docs", "main.py", "hubconf.py", "pyproject.toml")
SMALL: dict[str, dict[str, Any]] = {
    "model": {"slow_depth": 14, "fast_depth": 14, "width": 8, "alpha": 4, "stem_kernel": 3},
    "data": {
        "num_frames": 8, "sampling_stride": 2, "min_short_side": 32, "max_short_side": 36,
        "crop_size": 32, "num_workers": 1,
    },
    "test": {"short_side": 32, "crop_size": 32, "backend": "eager"},
    "optim": {"warmup_epochs": 0},
    "train": {"epochs": 1, "batch_size": 2, "precise_bn_batches": 0},
}  # fmt: skip
"""What a recipe of the small world has instead of its own."""
WORDS = {
    r"\bWEIGHTS\b": "ckpt.pdparams",
    r"\b(DETECTOR\.pdparams|DETECTOR)\b": "ava.pdparams",
    r"\bFILE\.pdparams\b": "ckpt.pdparams",
    r"(?<=--boxes )FILE\b": "whole",
    r"\b(CLIP|VIDEO)\b": "video.mp4",
    r"\bFOLDER\b": "videos",
    r"(?<![\w.])/(my|videos|shards|tmp)\b": r"\1",
}
"""Capitals are what a reader puts in, and some folders are outside the repository."""
ELSEWHERE = {
    "bash run_tests.sh": ("tests/tools/test_environment.py", "run_tests.sh"),
    "bash run_demo.sh": ("tests/whole/test_demo.py", '"run_demo.sh"'),
    "python -m slowfast.tools.web": ("tests/support/pages.py", "slowfast.tools.web"),
    "python -m slowfast.tools.convert_weights pytorchvideo/": ("tests/zoo/test_download.py", "url"),
    "python main.py --infer rtsp://": ("tests/data/video/test_stream.py", "rtsp://"),
}
LISTS = ("ucf101", "hmdb51", "sthv", "jester", "moments", "diving48", "csv", "charades", "shards")
ELSEWHERE |= {
    f"python -m slowfast.tools.build_list {kind}": ("tests/tools/test_build_list.py", f'"{kind}"')
    for kind in LISTS
}
"""Commands that other tests run: the first words of each, the file, and what stands in it."""


def commands(block: Block) -> list[str]:
    """The lines of a block, continued ones as one, without those that other tests run."""
    lines = re.sub(r"\\\n\s*", "", block.text).splitlines()
    return [line for line in lines if not line.strip().startswith(tuple(ELSEWHERE))]


def needs(block: Block) -> bool:
    """Whether a block says that it cannot run here."""
    return re.match(r"(#!.*\n)?# needs ", block.text) is not None


def small_world(folder: Path) -> Path:
    """Makes the world; returns its repository."""
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
    _videos(world)
    _weights(world, folder)
    return world


def _shrink(recipe: Path) -> None:
    settings = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    for section, small in SMALL.items():
        settings[section] = settings.get(section, {}) | small
    recipe.write_text(yaml.safe_dump(settings), encoding="utf-8")


def _videos(world: Path) -> None:
    data = tiny_data()
    lines = (data / "train.list").read_text().splitlines()
    paths = [data / line.split()[0] for line in lines]
    for name in ("video.mp4", "film.mp4", "folder/x.mp4", "videos/a.mp4", "videos/b.mp4"):
        (world / name).parent.mkdir(exist_ok=True)
        shutil.copy(paths[0], world / name)
    for index, path in enumerate(paths[:12]):
        _put(path, world / f"data/mine/class {index % 2}/{path.name}")
        for part in ("training", "validation"):
            _put(path, world / f"my/videos/{part}/class {index}/{path.name}")
    for split in ("train", "val"):
        _kinetics(world, split, paths[:12])
        (world / f"videos/{split}.list").write_text("a.mp4 0\nb.mp4 1\n" * 4)
    (world / "videos/labels.txt").write_text("".join(f"class {i}\n" for i in range(12)))
    shutil.copytree(data, world / "data/moving_shapes")
    for empty in ("data/charades", "tmp"):
        (world / empty).mkdir()
    (world / "my.list").write_text("".join(f"{path} {i % 24}\n" for i, path in enumerate(paths)))


def _put(video: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(video, path)


def _kinetics(world: Path, part: str, videos: list[Path]) -> None:
    """What Kinetics' downloader leaves, and lists of the same videos under names of our own."""
    rows = ["label,youtube_id,time_start,time_end,split"]
    for index, video in enumerate(videos):
        name = f"{part}{index:06}"
        rows.append(f"class {index},{name},0,10,{part}")
        _put(video, world / f"k400/{part}/{name}_000000_000010.mp4")
        _put(video, world / f"data/k400/videos/{part}{index}.mp4")
    (world / "k400/replacement").mkdir(exist_ok=True)
    rows += [f"class {index},none{index},0,10,{part}" for index in range(len(videos), 400)]
    (world / f"{part}.csv").write_text("\n".join(rows) + "\n")
    lines = "".join(f"{part}{index}.mp4 {index}\n" for index in range(len(videos)))
    (world / f"data/k400/{part}.list").write_text(lines)


def _weights(world: Path, folder: Path) -> None:
    cfg = tiny_config(folder)
    shutil.copy(folder / "tiny.yaml", world)
    path = save_tiny_model(cfg)
    config = Path(cfg.output_dir) / "config.yaml"
    for name in ("k400", "ckpt", "output/demo/SlowFast_best", "output/demo/SlowFast_epoch_000024"):
        (world / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, world / f"{name}.pdparams")
        shutil.copy(config, world / f"{name}.yaml")
    (folder / "boxes").mkdir()
    detector = save_detector(detection_config(folder / "boxes"))
    shutil.copy(detector, world / "ava.pdparams")
    shutil.copy(detector.parent / "config.yaml", world / "ava.yaml")
    write_onnx(world / "yolo.onnx", {"boxes": BOXES, "scores": SCORES})
    (world / "yolo.yaml").write_text("boxes: boxes\nscores: scores\n")


def run_block(block: Block, world: Path) -> None:
    """Runs what a reader would type; a command that fails ends the test with all it has said."""
    text = re.sub(r"\bDIR\b", f"dir_{block.line}", "\n".join(commands(block)))
    for pattern, word in WORDS.items():
        text = re.sub(pattern, word, text)
    env = {
        key: value for key, value in os.environ.items() if not key.startswith(("PADDLE_", "FLAGS_"))
    }
    env |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}",
        "HOME": str(world.parent),
        "SLOWFAST_HOME": str(world.parent / "cache"),
        "PYTHONPATH": str(world),
        "PROCESSES": "1",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=world, env=env, text=True, timeout=600, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, f"{block}\n{text}\n{done.stdout}"

"""Another system's weights as ours, with the config that reproduces their published accuracy."""

from pathlib import Path
from shlex import quote

import pooch

from slowfast.config import Config, dump_changes
from slowfast.data.labels import built_in_labels, read_labels
from slowfast.files import atomic, part_file, taken
from slowfast.models.variants import build_model
from slowfast.places import require_place
from slowfast.weights.damage import WeightsError, one_line
from slowfast.weights.load import Checkpoint, load_weights, read_checkpoint
from slowfast.weights.save import write_pickles
from slowfast.zoo.architecture import Settings
from slowfast.zoo.catalogue import fetch, find
from slowfast.zoo.origin import Home, home_config


def convert(src: str | Path, dst: Path, given: Settings, *, force: bool) -> list[str]:
    """Writes ``dst`` and the config beside it.

    Args:
        src: weights of any system and format: a file, a name of ``CATALOGUE``, or a URL.
        dst: a ``.pdparams`` file; its folder is made.
        given: settings by the config's keys, which win over the file's.
        force: overwrite both.

    Returns:
        Lines that say what was recognised, loaded and written.

    Raises:
        ConfigError: the settings, recognised or given, do not fit together.
        ListError: the class names cannot be read, or there is not one for each class.
        WeightsError: the file is damaged, no SlowFast network, or lacks a needed setting; or
            (DownloadError) it cannot be downloaded.
        FolderError: another conversion writes them now.
        OSError: one of the files cannot be written.
    """
    _check_places(Path(src), dst, force)
    require_place(dst)
    lock = part_file(dst.with_suffix(".lock"))
    with taken(lock, dst):
        try:
            _check_places(Path(src), dst, force)  # another conversion may have ended by now
            return _convert(src, dst, given)
        finally:
            lock.unlink(missing_ok=True)


def _convert(src: str | Path, dst: Path, given: Settings) -> list[str]:
    """Writes ``dst`` and the config beside it; returns the lines of ``convert``."""
    published, src = find(src), fetch(src)
    if published is not None:
        given = published.settings | given
    checkpoint = read_checkpoint(src)
    home, cfg = home_config(checkpoint, given)
    if cfg.data.labels:
        read_labels(cfg.data.labels, cfg.model.num_classes)
    model = build_model(cfg.model, cfg.data.crop_size, cfg.train.task)
    loaded = load_weights(model, checkpoint)
    rows = describe(checkpoint, cfg, home, given)
    with atomic(dst.with_suffix(".yaml")) as config:  # it appears after the weights
        config.write(_yaml(src, dst, cfg, rows).encode("utf-8"))
        config.flush()  # here: a full disk leaves no weights
        write_pickles({dst: {name: value.numpy() for name, value in model.state_dict().items()}})
    run = f"python -m slowfast --test -w {quote(str(dst))} -o data.root=... data.test_list=..."
    return [*rows, loaded, f"written: {dst}, {dst.with_suffix('.yaml')}", f"next: {run}"]


def _check_places(src: Path, dst: Path, force: bool) -> None:
    """Raises a WeightsError if one of the files must not be written."""
    if dst.suffix != ".pdparams":
        raise WeightsError(f"{dst} does not end with .pdparams")
    for path in (dst, dst.with_suffix(".yaml")):
        if path.is_dir():
            raise WeightsError(f"{path} is a folder: name another file")
        if path.exists() and src.exists() and path.samefile(src):
            raise WeightsError(f"{path} is what is to be converted: name another file")
        if path.exists() and not force:
            raise WeightsError(f"{path} is there already: name another file, or say --force")


def describe(checkpoint: Checkpoint, cfg: Config, home: Home, given: Settings) -> list[str]:
    """Lines that say what was recognised, and what was taken from the config in the file."""
    model, data, test = cfg.model, cfg.data, cfg.test
    pathways = {
        "slow": f"R{model.slow_depth}, {model.width} channels",
        "fast": f"R{model.fast_depth}, {model.width // model.beta_inv} channels",
    }
    both = ("slow", "fast") if model.name == "slowfast" else (model.name.removesuffix("_only"),)
    blocks = ", ".join(map(str, model.temporal_blocks))
    temporal = f"; {blocks} temporal blocks in res2..res5" if blocks else ""
    lateral = "batch norm and ReLU" if model.lateral_norm else "no batch norm"
    crops = "3 crops" if test.num_crops == 3 else "the centre crop"
    several = _SEVERAL[cfg.train.task]
    seen = f"; alpha {model.alpha}, {model.slow_frames} slow frames" if model.alpha > 1 else ""
    rows = {
        "system": checkpoint.found.system or "this project",
        "pathways": "; ".join(f"{name} {pathways[name]}" for name in both) + temporal,
        "lateral": f"kernel {model.fusion_kernel}, {lateral}",
        "classes": f"{model.num_classes}{several}, {model.head_pooling} pooling",
        "boxes": _boxes(cfg) if cfg.train.task == "detection" else "",
        "class names": data.labels or f"none: --labels {_label_files(model.num_classes)}",
        "clip": f"{data.num_frames} frames, 1 of {data.sampling_stride} at {data.target_fps:g} "
        f"fps{seen}",
        "colours": f"mean {list(data.mean)}, std {list(data.std)}",
        "test": f"{test.num_clips} x {crops} of {test.crop_size} pixels, short side "
        f"{test.short_side}, as {test.protocol}",
        "averaged": f"{_AVERAGED[model.average_positions]} over positions, "
        f"{_AVERAGED[test.average_clips]} over views",
        "its config": ", ".join(home.embedded) or "none in the file",
        "given": ", ".join(f"{key}={value}" for key, value in given.items()),
    }
    if model.name != "slowfast":
        del rows["lateral"]
    if cfg.train.task == "detection":
        several = ", one of them in a box" if cfg.has_one_label else several
        rows |= {"classes": f"{model.num_classes}{several}", "averaged": ""}
        rows["test"] = (
            f"key frames of short side {test.short_side} as {test.protocol}, boxes of score "
            f"{cfg.detection.box_score:g} and more, average precision as {cfg.detection.rule}"
        )
    lines = [f"{name.ljust(12)}{one_line(text)}" for name, text in rows.items() if text]
    return lines + [f"note: {one_line(note)}" for note in home.notes]


def _label_files(num_classes: int) -> str:
    """What may follow --labels: the built-in files with so many names, or one's own."""
    fitting = [name for name in built_in_labels() if len(read_labels(name, 0)) == num_classes]
    return " or ".join([*fitting, "FILE"])


def _boxes(cfg: Config) -> str:
    """How a detector looks at a box."""
    model = cfg.model
    over = {"mean": "mean", "max": "largest"}[model.roi_time]
    size = f"{model.roi_size} x {model.roi_size}"
    blocks = ", ".join(map(str, model.nonlocal_blocks))
    return (
        f"RoIAlign {size}, {'' if model.roi_aligned else 'not '}aligned, of the {over} over time"
        f"{', and the whole picture' if model.roi_context else ''}; res5 dilated by "
        f"{' and '.join(map(str, model.dilations))}"
        f"{f'; non-local blocks after {blocks} of res4' if blocks else ''}"
    )


_SEVERAL = {"single": "", "multi": ", any number of them in a video",
            "detection": ", any number of them in a box"}  # fmt: skip
_AVERAGED = {"prob": "probabilities", "score": "logits", "max": "the largest probability"}


def _yaml(src: Path, dst: Path, cfg: Config, rows: list[str]) -> str:
    """The config's text; its comments say where it comes from."""
    made = one_line(f"{dst.name}, by python -m slowfast.tools.convert_weights")
    source = f"source      {one_line(src.name)}, SHA-256 {pooch.file_hash(str(src))}"
    return "".join(f"# {line}\n" for line in (made, source, *rows)) + dump_changes(cfg)

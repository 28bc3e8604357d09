"""What reads the clips of a training run: the loader, and the keys of a batch. No Paddle."""

from collections.abc import Sequence

from slowfast.config import Config
from slowfast.data.clips.datasets import Clip, ClipKey, Clips, TrainClips, TrainKey, ValClips
from slowfast.data.clips.key_clips import KeyViews, TrainKeyClips
from slowfast.data.clips.sampling import Grid
from slowfast.data.labels import flipped_labels, read_labels
from slowfast.data.order import class_groups
from slowfast.data.packed import PackedSamples
from slowfast.data.samples import Sample
from slowfast.data.workers.loader import Loader
from slowfast.predict.views import num_readers


def clip_loader(
    train: list[Sample], val: list[Sample], cfg: Config, *, tells: bool = False
) -> Loader[ClipKey, Clip]:
    """The loader of training and validation clips; with their ``facts`` if ``tells``."""
    data = cfg.data
    names = read_labels(data.labels, cfg.model.num_classes, data.root) if data.flip_by_name else []
    flipped = flipped_labels(data.flip_pairs, names)
    is_balanced = cfg.train.sampling == "balanced"
    groups = class_groups([sample.label for sample in train]) if is_balanced else ()
    own: TrainClips | TrainKeyClips = TrainClips(train, data, cfg.seed, flipped, tells=tells)
    view: ValClips | KeyViews = ValClips(val, data, tells=tells)
    pixels = data.crop_size**2
    if cfg.train.task == "detection":
        packed = PackedSamples(train)
        protocol = cfg.test.protocol
        own = TrainKeyClips(packed, data, cfg.detection, protocol, cfg.seed, flipped, tells=tells)
        view = KeyViews(PackedSamples(val), data, cfg.test, cfg.detection, tells=tells)
        pixels = max(pixels, cfg.test.short_side**2 * 16 // 9)
    clips = Clips(own, view, groups)
    batch_bytes = cfg.train.batch_size * data.num_frames * pixels * 3
    return Loader(
        clips,
        num_workers=num_readers(cfg, batch_bytes),
        describe=clips.shown,
        seconds=data.read_seconds,
        substitute=clips.substitute if data.on_error == "substitute" else None,
    )


def train_keys(
    draws: Sequence[int], epoch: int, num_samples: int, grid: Grid | None = None
) -> list[TrainKey]:
    """The clips of a batch, see ``balanced_draws``; in a plain order a draw is the sample."""
    return [TrainKey(epoch, draw % num_samples, grid, draw // num_samples) for draw in draws]

"""The one schema of every run: what can be set, its default, and what it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from slowfast.errors import UserError

STAGES = ("stem", "res2", "res3", "res4", "res5")

DEPTHS = {
    14: (1, 1, 1, 1),
    26: (2, 2, 2, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks of res2..res5 by depth (He et al. 2016; 14 and 26 are ours)."""


class ConfigError(UserError):
    """A config that cannot be used; the message names the key, the value and what is allowed."""


@dataclass(frozen=True)
class ModelConfig:
    """The network (paper section 3)."""

    name: Literal["slowfast", "slow_only", "fast_only"] = "slowfast"
    """Both pathways, or one of them alone (the paper's single-pathway baselines)."""
    num_classes: int = 400
    """Number of classes, K; 0: as many as data.labels has names, which a checkpoint's config then
    has in its place."""
    slow_depth: Literal[14, 26, 50, 101, 152] = 50
    """Depth of the slow pathway's ResNet. 14 and 26 (one and two blocks a stage) are ours."""
    fast_depth: Literal[14, 26, 50, 101, 152] = 50
    """Depth of the fast pathway's ResNet."""
    pretrained: str = ""
    """Weights that training starts from; their classifier is left out if its classes are others.
    What the config beside them says of the network, the size of its clips and the test goes before
    the defaults."""
    width: int = 64
    """Channels of the slow stem; the stages have 4, 8, 16 and 32 times as many."""
    beta_inv: int = 8
    """Slow channels per fast channel (the paper's 1/beta)."""
    alpha: int = 8
    """Fast frames per slow frame."""
    slow_frames: Literal["linspace", "strided"] = "linspace"
    """Which frames the slow pathway sees: evenly spread from first to last, or every alpha-th."""
    temporal_blocks: tuple[int, ...] = ()
    """How many blocks of res2..res5 have a temporal kernel; empty: all of them."""
    stem_kernel: int = 7
    """Spatial kernel of both stems; 3 suits frames of 32 pixels."""
    fusion_kernel: int = 5
    """Temporal kernel of the lateral connections."""
    lateral_norm: bool = True
    """Batch norm and ReLU after each lateral convolution."""
    head_pooling: Literal["dense", "global"] = "dense"
    """Classify at each position of a window as large as in training, or once over the whole."""
    average_positions: Literal["prob", "score"] = "prob"
    """What is averaged over those positions for a prediction: probabilities, or logits before one
    softmax (PyTorchVideo)."""
    dropout: float = 0.5
    """Probability of dropping a feature before the classifier."""


@dataclass(frozen=True)
class DataConfig:
    """The lists, and how a clip is cut from a video for training and validation."""

    root: str = "data/k400"
    """Folder that relative paths in the lists start from; also those of the four files below, where
    they are not found from the current folder."""
    train_list: str = "data/k400/train.list"
    """Training list: one ``path label`` a line."""
    val_list: str = "data/k400/val.list"
    """List for validation during training."""
    test_list: str = ""
    """List for --test; empty: val_list."""
    labels: str = ""
    """File of class names, one a line in index order, or one of those in slowfast/labels, such as
    kinetics400; empty: classes are shown by number."""
    frame_pattern: str = "img_{:05d}.jpg"
    """File name of frame i (from 1) in a frame folder."""
    frame_fps: float = 30.0
    """Frame rate of frame folders, frames per second."""
    num_frames: int = 32
    """Frames of a clip, T (all of them seen by the fast pathway)."""
    sampling_stride: int = 2
    """Frames of the video per frame of the clip, at target_fps."""
    target_fps: float = 30.0
    """Frame rate that sampling_stride counts in; clips of other rates span the same seconds."""
    min_short_side: int = 256
    """Training: the short side is resized to a size drawn from here ..."""
    max_short_side: int = 320
    """... to here, pixels. Validation resizes to min_short_side."""
    crop_size: int = 224
    """Side of the square training and validation crop, pixels."""
    inverse_short_side: bool = False
    """Draw 1 / short side evenly, not the short side: smaller ones more often (PySlowFast)."""
    crop_area: tuple[float, ...] = ()
    """Training: two numbers, from which to which share of the picture's area a crop has; it is
    resized to crop_size, and the short side is not jittered (mmaction2). Empty: as above."""
    crop_aspect: tuple[float, ...] = (0.75, 4 / 3)
    """With crop_area: from which to which ratio of width to height, before resizing."""
    flip: float = 0.5
    """Training: probability of a horizontal flip."""
    flip_pairs: tuple[int, ...] = ()
    """Classes that a flip turns into each other, two by two: [2, 4, 30, 41, 52, 66] for
    Something-Something V1."""
    flip_by_name: bool = False
    """The same for all classes in data.labels whose names differ in "left" and "right" alone."""
    rand_augment: int = 0
    """Training: RandAugment operations a clip, all its frames alike; 0 for none."""
    rand_augment_magnitude: float = 9.0
    """How strong they are, 0 to 10."""
    erase: float = 0.0
    """Training: probability that a random rectangle of the clip is filled with noise."""
    mean: tuple[float, ...] = (0.45, 0.45, 0.45)
    """Subtracted from RGB in [0, 1]."""
    std: tuple[float, ...] = (0.225, 0.225, 0.225)
    """Divides RGB after the mean is subtracted."""
    num_workers: int = 8
    """Reader processes per process of the run; 0 reads in the process itself."""
    decoder: Literal["opencv", "pyav"] = "opencv"
    """Library that opens video files; PyAV is an extra (pip install av)."""
    read_seconds: float = 60.0
    """A reader process that needs longer for one video is ended, and the video is unreadable."""
    on_error: Literal["raise", "skip", "substitute"] = "raise"
    """What an unreadable video does: end the run, leave its place in the batch empty, or have
    another of the list read in its place. In a test none is ever substituted."""
    max_errors: int = 100
    """Unreadable videos of one process in one epoch, or in one test, beyond which the run ends."""


@dataclass(frozen=True)
class TestConfig:
    """The multi-view test (paper section 4): num_clips x num_crops views of each video."""

    num_clips: int = 10
    """Clips spread over the video."""
    num_crops: Literal[1, 3] = 3
    """Crops along the longer side: 3, or the centre alone."""
    short_side: int = 256
    """The short side is resized to this, pixels."""
    protocol: Literal[
        "pyslowfast", "pytorchvideo", "pytorchvideo-0.1", "mmaction2", "mmaction2-1.2"
    ] = "pyslowfast"
    """Whose rules say which frames make the clips and where the crops lie, see data/protocols.py;
    weights score as published with those of the system that trained them."""
    crop_size: int = 256
    """Side of the square crop, pixels."""
    average_clips: Literal["prob", "score"] = "prob"
    """What is averaged over views: probabilities, or logits before one softmax."""
    batch_size: int = 1
    """Videos taken together, so that their views fill the chunks."""
    views_per_chunk: int = 6
    """Views computed at once: bounds the memory."""


@dataclass(frozen=True)
class OptimConfig:
    """SGD with momentum, and a learning rate that warms up linearly and then falls."""

    base_lr: float = 0.1
    """Learning rate at a total batch of base_batch_size."""
    base_batch_size: int = 64
    """Total batch that base_lr and warmup_start_lr are declared for."""
    scale_lr: bool = True
    """Scale both learning rates by total batch / base_batch_size."""
    schedule: Literal["cosine", "step"] = "cosine"
    """How the learning rate falls: by a half-cosine to 0, or in steps."""
    steps: tuple[float, ...] = (0.0, 94.0, 154.0)
    """Schedule step: the epochs at which ..."""
    step_factors: tuple[float, ...] = (1.0, 0.1, 0.01)
    """... the learning rate becomes base_lr times this."""
    warmup_epochs: float = 34.0
    """Epochs of linear warm-up; 0 for none."""
    warmup_start_lr: float = 0.01
    """Learning rate at the first step."""
    momentum: float = 0.9
    """Momentum of SGD."""
    nesterov: bool = True
    """Nesterov's form of momentum."""
    weight_decay: float = 1e-4
    """L2 penalty on convolution and linear parameters."""
    bn_weight_decay: float = 0.0
    """L2 penalty on batch norm's scale and shift."""
    grad_clip: float = 0.0
    """Largest L2 norm of all gradients together; longer ones are shortened to it. 0: no limit."""


@dataclass(frozen=True)
class TrainConfig:
    """The training loop."""

    epochs: int = 196
    """Passes over the training list."""
    batch_size: int = 8
    """Clips that a process has on its device at once."""
    global_batch_size: int = 0
    """Clips per step, over all processes: their gradients are accumulated up to it. 0: as many as
    the processes have on their devices at once."""
    log_interval: int = 10
    """Steps between two log lines."""
    val_interval: int = 1
    """Epochs between two validations (with --validate)."""
    save_interval: int = 1
    """Epochs between two checkpoints; the last epoch is always saved."""
    save_steps: int = 0
    """Also save every so many steps within an epoch; 0 for never."""
    keep_last: int = 3
    """Checkpoints kept besides the best one."""
    mixup: float = 0.0
    """Mixup: each clip and label is blended with another's, by shares from Beta(mixup, mixup).
    0 for none."""
    cutmix: float = 0.0
    """CutMix: a rectangle of each clip comes from another, its area from Beta(cutmix, cutmix).
    0 for none. With mixup, too, each batch draws one of them."""
    label_smoothing: float = 0.0
    """Share of the target that all classes have alike, the rest being the label's."""
    freeze: tuple[str, ...] = ()
    """Stages that are not trained, batch norm's statistics neither: of stem, res2 to res5."""
    head_only: bool = False
    """Train the classifier alone, on features of each video that are computed once and kept in
    output_dir/features, with the weights of model.pretrained below it; nothing is augmented."""
    head_clips: int = 4
    """Clips of each video for it: as many as num_clips of a test, and their centre crops."""
    freeze_bn: bool = False
    """Batch norm uses its running statistics in training, too, and leaves them as they are."""
    sync_bn: bool = False
    """Batch norm over the clips of all processes; GPUs only."""
    precise_bn_interval: int = 10
    """Epochs between two computations of batch norm's statistics over precise_bn_batches, which
    then take the place of the running ones; also before each validation and after the last."""
    precise_bn_batches: int = 200
    """Batches per process for it, or all of the epoch's if there are fewer; 0 for never."""
    multigrid: bool = False
    """Multigrid training (Wu et al. 2020) instead of clips and batches of one size; optim.steps,
    optim.step_factors and epochs are then those of the run that it speeds up."""
    multigrid_epoch_factor: float = 1.5
    """How many times as many epochs multigrid training takes; each is several times quicker."""
    ema: float = 0.0
    """Decay per step of an exponential moving average of the weights, kept beside them; 0: none."""
    best_by: Literal["raw", "ema"] = "raw"
    """Whose validation decides on SlowFast_best.pdparams, which then holds those weights."""
    amp: Literal["off", "O1", "O2"] = "off"
    """Mixed precision, on GPUs; others say so and compute in float32. O1: convolutions, the
    classifier and what stands between convolutions compute in amp_dtype. O2: pooling in the head,
    too. Weights, batch norm's statistics and the loss are float32."""
    amp_dtype: Literal["bfloat16", "float16"] = "bfloat16"
    """The low precision; float16 has its loss scaled, and leaves out steps that overflow."""


@dataclass(frozen=True)
class Config:
    """Everything a run depends on."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    test: TestConfig = field(default_factory=TestConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    output_dir: str = "output/SlowFast"
    """Folder of checkpoints, logs and curves."""
    seed: int = 0
    """Seed of initial weights, order, augmentation and dropout."""

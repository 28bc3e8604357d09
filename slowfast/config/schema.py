"""The one schema of every run: each setting with its type, range, default and meaning.

docs/config.md is made from it: ``python -m docs.config_page``. Rules about
several settings stand in ``check.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from slowfast.config import ranges
from slowfast.config.ranges import AboveZero, ClassNumber, Count, Natural, NotNegative, Share
from slowfast.errors import UserError

STAGES = ("stem", "res2", "res3", "res4", "res5")

DEPTHS = {
    14: (1, 1, 1, 1), 26: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3),
}  # fmt: skip
"""Blocks of res2..res5 by depth (He et al. 2016; 14 and 26 are ours)."""


class ConfigError(UserError):
    """A config that cannot be used; the message names the key, the value and what is allowed."""


@dataclass(frozen=True)
class ModelConfig:
    """The network (paper section 3)."""

    name: Literal["slowfast", "slow_only", "fast_only"] = "slowfast"
    """Both pathways, or one of them alone (the paper's single-pathway baselines)."""
    num_classes: Annotated[int, ranges.COUNT_OR_ZERO] = 400
    """Number of classes, K. 0: as many as data.labels has names, which is the number that a
    checkpoint's config then has."""
    slow_depth: Literal[14, 26, 50, 101, 152] = 50
    """Depth of the slow pathway's ResNet. 14 and 26 are ours: one and two blocks per stage."""
    fast_depth: Literal[14, 26, 50, 101, 152] = 50
    """Depth of the fast pathway's ResNet."""
    pretrained: Annotated[str, ranges.PATH] = ""
    """Weights that training starts from; a classifier of other classes is left out. The network,
    the size of the clips and the test are by default as in the config beside the weights."""
    width: Count = 64
    """Channels of the slow stem; the stages have 4, 8, 16 and 32 times as many."""
    beta_inv: Count = 8
    """Slow channels per fast channel (the paper's 1/beta); must divide width."""
    alpha: Count = 8
    """Fast frames per slow frame."""
    slow_frames: Literal["linspace", "strided"] = "linspace"
    """Which frames the slow pathway sees: spread evenly from first to last, or every alpha-th."""
    temporal_blocks: Annotated[tuple[int, ...], ranges.FOUR_OR_NONE] = ()
    """How many blocks of res2..res5 have a temporal kernel; empty: all of them."""
    stem_kernel: Annotated[Count, ranges.ODD] = 7
    """Spatial kernel of both stems; 3 suits frames of 32 pixels."""
    fusion_kernel: Annotated[Count, ranges.ODD] = 5
    """Temporal kernel of the lateral connections."""
    lateral_norm: bool = True
    """Batch norm and ReLU after each lateral convolution."""
    head_pooling: Literal["dense", "global"] = "dense"
    """Where the classifier looks: at each position of a window as large as the training crop, or
    once at the whole clip."""
    average_positions: Literal["prob", "score"] = "prob"
    """What a prediction averages over those positions: probabilities, or logits before one softmax
    (PyTorchVideo)."""
    dropout: Share = 0.5
    """Probability of dropping a feature before the classifier."""
    labels_per_box: Literal["several", "one"] = "several"
    """With train.task=detection: any number of classes in a box (sigmoid, binary cross-entropy), or
    one (softmax, cross-entropy; boxes without a label are left out of the loss), as with
    multilabel=False of mmaction2."""
    nonlocal_blocks: Annotated[tuple[int, ...], ranges.RISING] = ()
    """Blocks of the slow pathway's res4, counted from 0, that a non-local block follows (Wang et
    al. 2018): [6, 13, 20] in PySlowFast's R101 networks for AVA."""
    dilations: Annotated[tuple[Count, ...], ranges.TWO] = (2, 2)
    """With train.task=detection, in which res5 has stride 1: the dilation of its 3 x 3
    convolutions in the slow and in the fast pathway. Published networks have (2, 2), (2, 1) and
    (1, 1), which their tensors do not tell."""
    roi_size: Count = 7
    """With detection: RoIAlign gives each box a grid of so many cells each way, of which the
    largest counts. 7: PySlowFast; 8: mmaction2."""
    roi_aligned: bool = True
    """With detection: RoIAlign shifts boxes by half a cell of the feature map, as it should.
    PySlowFast's published networks were trained without."""
    roi_sampling: Natural = 0
    """With detection: points that RoIAlign takes in each cell each way; 0: as many as cells of the
    feature map lie in it."""
    roi_time: Literal["mean", "max"] = "mean"
    """With detection: how features over time become one, before RoIAlign."""
    roi_context: bool = False
    """With detection: the classifier also sees the features of the whole picture (mmaction2)."""
    roi_dropout_first: bool = False
    """With detection: dropout before the largest cell of a box is taken (mmaction2), not after."""


@dataclass(frozen=True)
class DataConfig:
    """The lists, and how a clip is cut from a video for training and validation."""

    root: Annotated[str, ranges.PATH] = "data/k400"
    """Folder that relative paths in the lists start from. The four files below are looked for in
    the current folder first, then here."""
    train_list: Annotated[str, ranges.PATH] = "data/k400/train.list"
    """Training list: one ``path label`` per line."""
    val_list: Annotated[str, ranges.PATH] = "data/k400/val.list"
    """List for validation during training."""
    test_list: Annotated[str, ranges.PATH] = ""
    """List for --test; empty: the same as val_list."""
    labels: Annotated[str, ranges.PATH] = ""
    """File of class names, such as one per line in index order, or a name from slowfast/labels,
    such as kinetics400; empty: classes are shown by number."""
    frame_pattern: Annotated[str, ranges.NUMBERS_FRAMES] = "img_{:05d}.jpg"
    """File name of frame i in a frame folder. {name} is the folder's own name, as in
    {name}-{:06d}.jpg."""
    frame_start: Annotated[int, ranges.MINUS_ONE_ON] = -1
    """Number of the first frame in a frame folder. -1: 0 or 1, as each folder shows."""
    frame_fps: AboveZero = 30.0
    """Frame rate of frame folders, frames per second."""
    num_frames: Count = 32
    """Frames of a clip, T, a multiple of model.alpha. The fast pathway sees all of them."""
    sampling_stride: Count = 2
    """The clip takes every so many frames of the video, at target_fps."""
    target_fps: AboveZero = 30.0
    """Frame rate that sampling_stride counts in; at any other rate a clip lasts as many seconds."""
    spacing: Literal["spread", "stride"] = "spread"
    """Training and validation: a clip's frames are spread evenly from its first to its last one
    (PySlowFast on Kinetics), or are sampling_stride apart, which may begin before a short video
    (PySlowFast on Charades)."""
    min_short_side: int = 256
    """Training resizes the short side to a size drawn between this one and max_short_side, pixels.
    Validation resizes it to this one. At least crop_size."""
    max_short_side: int = 320
    """The largest size of the short side in training, pixels."""
    crop_size: Count = 224
    """Side of the square training and validation crop, pixels."""
    inverse_short_side: bool = False
    """Draw 1 / short side evenly instead of the short side: small ones come more often
    (PySlowFast)."""
    crop_area: Annotated[tuple[Annotated[AboveZero, ranges.SHARE], ...], ranges.PAIR_OR_NONE] = ()
    """Training: the smallest and the largest share of the picture's area that a crop has. The crop
    is resized to crop_size, and no short side is drawn (mmaction2). Empty: square crops, as
    above."""
    crop_aspect: Annotated[tuple[AboveZero, ...], ranges.PAIR] = (0.75, 4 / 3)
    """With crop_area: the smallest and the largest ratio of width to height, before resizing."""
    flip: Share = 0.5
    """Training: probability of a horizontal flip."""
    flip_pairs: tuple[int, ...] = ()
    """Classes that a flip turns into each other, pair after pair: [2, 4, 30, 41, 52, 66] for
    Something-Something V1."""
    flip_by_name: bool = False
    """Also swap all classes in data.labels whose names differ only in "left" and "right"."""
    rand_augment: Natural = 0
    """Training: RandAugment operations per clip, the same for all its frames; 0: none."""
    rand_augment_magnitude: Annotated[NotNegative, ranges.UP_TO_TEN] = 9.0
    """How strong these operations are."""
    erase: Share = 0.0
    """Training: probability that noise fills a random rectangle of the clip."""
    mean: Annotated[tuple[float, ...], ranges.COLOURS] = (0.45, 0.45, 0.45)
    """Mean of red, green and blue in [0, 1], which is subtracted."""
    std: Annotated[tuple[AboveZero, ...], ranges.COLOURS] = (0.225, 0.225, 0.225)
    """Standard deviation of red, green and blue, by which the difference is divided."""
    num_workers: Natural = 8
    """Reader processes per process of the run; 0: it reads by itself."""
    decoder: Literal["auto", "pyav", "opencv"] = "auto"
    """Library that reads video files; auto: PyAV, or OpenCV where PyAV is not installed."""
    read_seconds: Annotated[AboveZero, ranges.UP_TO_A_MILLION] = 60.0
    """Seconds that a reader process may go without getting on with a video. After that it is ended,
    and the video counts as unreadable."""
    on_error: Literal["raise", "skip", "substitute"] = "raise"
    """What happens at an unreadable video: the run ends, or its place in the batch stays empty, or
    another video of the list is read instead. A test never substitutes one."""
    max_errors: Natural = 100
    """The run ends if one process meets more unreadable videos than this in an epoch or a test."""


@dataclass(frozen=True)
class TestConfig:
    """The multi-view test (paper section 4): num_clips x num_crops views of each video."""

    num_clips: Count = 10
    """Clips spread over the video; not with detection, where the key frames tell."""
    spatial: Literal["crops", "whole"] = "crops"
    """What is computed of a clip: num_crops crops, or its whole picture once, which costs less
    than 3 crops that overlap. The network then answers for each position, and the answers are
    averaged. Not with detection, where it is always the whole picture."""
    num_crops: Literal[1, 3] = 3
    """With spatial=crops: crops along the longer side: 3, or only the centre; not with
    detection."""
    short_side: int = 256
    """Size that the short side is resized to, pixels; at least crop_size."""
    protocol: Literal[
        "pyslowfast", "pytorchvideo", "pytorchvideo-0.1", "mmaction2", "mmaction2-1.2", "charades"
    ] = "pyslowfast"
    """Whose rules choose the frames of the clips and the place of the crops, see
    slowfast/data/clips/protocols.py; with detection those around a key frame, in training, too.
    Weights reach their published accuracy with the rules of the system that trained them."""
    crop_size: Count = 256
    """Side of the square crop, pixels."""
    average_clips: Literal["prob", "score", "max"] = "prob"
    """How the views become one answer: the mean of their probabilities, the probabilities of their
    mean logits, or each class's largest probability. Not with detection, which has one view."""
    threshold: Share = 0.5
    """With train.task=multi: the probability from which on a class counts as predicted: for F1, in
    what is predicted and drawn, and where an int8 network is compared with fp32. An exported
    network brings it along."""
    batch_size: Count = 1
    """Videos that are tested together, so that their views fill the chunks; key frames: as many as
    views_per_chunk at least."""
    views_per_chunk: Natural = 0
    """Views that are computed at once; fewer need less memory. 0: as many as are fastest on this
    machine, which is tried once; 6 in eager mode."""
    backend: Literal["auto", "eager", "paddle", "onnxruntime", "openvino"] = "auto"
    """What computes the network where it is not trained: Paddle in eager mode or its inference
    library, ONNX Runtime, or OpenVINO. auto: eager mode on a GPU, else the fastest one that is
    installed and comes to the same numbers."""
    precision: Literal["auto", "fp32", "bf16", "int8"] = "fp32"
    """Numbers that the network is computed with where it is not trained (docs/running.md). auto,
    which --infer takes in place of fp32: bf16 if the processor has it and the probabilities stay
    within 2 % of fp32 on clips of noise, else fp32."""
    calibration_list: Annotated[str, ranges.PATH] = ""
    """With precision=int8: list of videos to calibrate on, and to compare with fp32. Empty: the
    list that --test tests."""

    @property
    def row_kind(self) -> Literal["prob", "score"]:
        """What the network gives for each view: its probabilities, or its logits."""
        return "score" if self.average_clips == "score" else "prob"

    @property
    def views_per_clip(self) -> int:
        """Number of views of a clip."""
        return self.num_crops if self.spatial == "crops" else 1


@dataclass(frozen=True)
class DetectionConfig:
    """Who does what, where (train.task=detection; paper section 5): actions of people in boxes, at
    key frames. data.train_list and data.val_list are then annotations in AVA's form, and data.root
    the folder of their videos or frame folders (docs/detection.md)."""

    train_boxes: Annotated[str, ranges.PATH] = ""
    """Boxes that a person detector found in the training videos: .csv of PySlowFast, .pkl of
    mmaction2, or .jsonl. They are learned from besides the annotated ones."""
    val_boxes: Annotated[str, ranges.PATH] = ""
    """The same for validation and test, where only these are classified. Empty: the annotated
    boxes, which gives a higher average precision than there is with a detector."""
    train_excluded: Annotated[str, ranges.PATH] = ""
    """Key frames of the training list to leave out, ``video,second`` a line."""
    val_excluded: Annotated[str, ranges.PATH] = ""
    """The same for validation and test; what becomes of them, detection.rule says."""
    train_frames: Annotated[str, ranges.PATH] = ""
    """Frame list of PySlowFast for the training videos, where they are frames; empty: frame folders
    by data.frame_pattern, or video files."""
    val_frames: Annotated[str, ranges.PATH] = ""
    """The same for validation and test."""
    box_score: Share = 0.8
    """Least score of a detected box."""
    keeps_best: bool = False
    """Keep a frame's best box also where its score is below box_score (mmaction2)."""
    learns_negatives: bool = True
    """Learn that a detected box without annotation shows none of the classes (PySlowFast), or leave
    it out (mmaction2)."""
    match_iou: Share = 0.9
    """Training: detected boxes have the actions of the annotated person that they overlap so much
    with (intersection over union), where their file has none itself."""
    start: float = 900.0
    """The time, as annotated, of the first frame of a video or frame folder. 900: AVA's 15 minutes
    cut out; 0: whole films."""
    rate: AboveZero = 1.0
    """Units of annotated time in a second. 1: times are seconds; the frame rate: they are numbers
    of frames (MultiSports: 25), and data.target_fps must be the same."""
    valid: tuple[float, ...] = (902.0, 1798.0)
    """First and last time, as annotated, of key frames that are used; empty: all."""
    val_every: Count = 1
    """Validation during training: only key frames whose time is a multiple of this; PySlowFast has
    4. A test takes all."""
    jitter: bool = False
    """Training: each frame of a clip is drawn from sampling_stride neighbours (mmaction2 0.x and
    1.x); with test.protocol=mmaction2 or mmaction2-1.2."""
    first_id: ClassNumber = 1
    """Number of the first class in the annotations."""
    ids: Annotated[tuple[ClassNumber, ...], ranges.RISING] = ()
    """Numbers of the classes in the annotations, in the order of the classes, where they are not
    consecutive: actions of other numbers are left out. Empty: from first_id on, which is not used
    otherwise."""
    scored: Annotated[str, ranges.PATH] = ""
    """Action list whose classes count in the mean average precision: a .pbtxt or a text file with
    AVA's numbers, or the name ava60 for the 60 of AVA's benchmark. Empty: all classes."""
    rule: Literal["official", "official-2019", "pyslowfast", "mmaction2"] = "official"
    """Whose rule of average precision (docs/detection.md): they differ in how many detections of a
    frame count, and in frames without annotations."""


@dataclass(frozen=True)
class TimelineConfig:
    """What happens when (--infer PATH --timeline): windows slide over the video, and neighbours
    that agree become a segment (slowfast/predict/timeline/segments.py)."""

    every: AboveZero = 1.0
    """Seconds from the start of one window to that of the next; a window is as long as a clip."""
    smooth: Annotated[Count, ranges.ODD] = 3
    """Windows that a score is averaged over, the nearest counting most: 1 2 1. 1: none."""
    enter: Annotated[AboveZero, ranges.SHARE] = 0.4
    """A class's segment begins where its probability reaches this."""
    leave: Annotated[AboveZero, ranges.SHARE] = 0.3
    """It ends where its probability falls below this; at most enter. Above 0.25, which is what
    smoothing over 3 windows leaves of a neighbour, a change is cut where it is."""
    gap: NotNegative = 1.0
    """Segments of a class with no more seconds between them become one."""
    shortest: NotNegative = 1.0
    """Shorter segments are left out, seconds; not one as long as the video."""


@dataclass(frozen=True)
class OptimConfig:
    """SGD with momentum, and a learning rate that warms up linearly and then falls."""

    base_lr: AboveZero = 0.1
    """Learning rate at a total batch of base_batch_size."""
    base_batch_size: Count = 64
    """Total batch that base_lr and warmup_start_lr are meant for."""
    scale_lr: bool = True
    """Scale both learning rates by total batch / base_batch_size."""
    schedule: Literal["cosine", "step"] = "cosine"
    """How the learning rate falls: along half a cosine to 0, or in steps."""
    steps: tuple[NotNegative, ...] = (0.0, 94.0, 154.0)
    """With schedule=step: the epochs at which the learning rate changes, rising from 0."""
    step_factors: tuple[float, ...] = (1.0, 0.1, 0.01)
    """With schedule=step: base_lr is multiplied by this from each of these epochs on."""
    warmup_epochs: NotNegative = 34.0
    """Epochs of linear warm-up, at most train.epochs; 0: none."""
    warmup_start_lr: NotNegative = 0.01
    """Learning rate at the first step."""
    momentum: NotNegative = 0.9
    """Momentum of SGD."""
    nesterov: bool = True
    """Nesterov's form of momentum."""
    weight_decay: NotNegative = 1e-4
    """L2 penalty on the parameters of convolutions and of the classifier."""
    bn_weight_decay: NotNegative = 0.0
    """L2 penalty on batch norm's scale and shift."""
    grad_clip: NotNegative = 0.0
    """Largest L2 norm of all gradients together; larger ones are scaled down to it. 0: no limit."""


@dataclass(frozen=True)
class TrainConfig:
    """The training loop."""

    task: Literal["single", "multi", "detection"] = "single"
    """What a video shows: one class (softmax, cross-entropy, accuracy), or any number of them
    (sigmoid, binary cross-entropy, average precision), or any number in each box (detection)."""
    epochs: Count = 196
    """Passes over the training list."""
    batch_size: Count = 8
    """Clips that a process has on its device at once."""
    global_batch_size: Natural = 0
    """Clips per step over all processes; gradients are accumulated until there are as many. 0: as
    many as the devices of all processes hold at once."""
    recompute: Literal["none", "stages", "blocks"] = "none"
    """What training computes a second time, in backward, to need less memory: nothing; each of
    res2..res5 as a whole; or each of their residual blocks, which needs the least. The numbers
    stay the same."""
    log_interval: Count = 10
    """Steps from one log line to the next."""
    val_interval: Count = 1
    """Epochs from one validation to the next (with --validate)."""
    save_interval: Count = 1
    """Epochs from one checkpoint to the next; the last epoch is always saved."""
    save_steps: Natural = 0
    """Also save every so many steps within an epoch; 0: never."""
    show_interval: Natural = 10
    """Epochs from one picture of training clips in VisualDL to the next, from the first step on. 0:
    no pictures, also none of each validation's classes."""
    histogram_interval: Natural = 0
    """Epochs from one histogram of weights and gradients in VisualDL to the next; 0: none."""
    keep_last: Count = 3
    """Checkpoints that are kept besides the best one."""
    mixup: NotNegative = 0.0
    """Mixup: each clip and its label are blended with another's, in shares drawn from
    Beta(mixup, mixup). 0: none."""
    cutmix: NotNegative = 0.0
    """CutMix: a rectangle of each clip comes from another clip; its area is drawn from
    Beta(cutmix, cutmix). 0: none. With mixup as well, one of the two is drawn for each batch."""
    label_smoothing: Share = 0.0
    """Share of the target that is spread evenly over all classes; the label has the rest. With
    task=multi: over a class's yes and no."""
    class_weights: Annotated[str, ranges.PATH] = "none"
    """Weights of the classes in the loss: none; balanced, for rare classes to count as much as
    frequent ones; or a file with a number a line, in the order of the classes. With task=multi they
    are those of a class's yes."""
    sampling: Literal["plain", "balanced"] = "plain"
    """Which videos an epoch has: each once, or as many of each class, those of rare classes several
    times, each time augmented anew."""
    focal_gamma: NotNegative = 0.0
    """Unless task=single: focal loss (Lin et al. 2017), in which what the network knows already
    counts less. 0: none; theirs is 2."""
    focal_alpha: AboveZero = 1.0
    """Unless task=single: factor of the loss, that of mmaction2's focal loss."""
    freeze: Annotated[tuple[str, ...], ranges.some_of(STAGES)] = ()
    """Stages that are not trained; the statistics of their batch norm stay as they are, too."""
    head_only: bool = False
    """Train only the classifier, on features that the weights of model.pretrained compute once per
    video; they are kept in output_dir/features. Nothing is augmented."""
    head_clips: Count = 4
    """With head_only: clips of each video, spread as num_clips of a test; centre crops."""
    freeze_bn: bool = False
    """Batch norm uses its running statistics also in training, and does not change them."""
    sync_bn: bool = False
    """Batch norm over the clips of all processes; only on GPUs."""
    precise_bn_interval: Count = 10
    """Epochs from one computation of batch norm's statistics over precise_bn_batches to the next;
    they replace the running ones. Also done before each validation and after the last epoch."""
    precise_bn_batches: Natural = 200
    """Batches per process for that, or all of an epoch if it has fewer; 0: never."""
    multigrid: bool = False
    """Multigrid training (Wu et al. 2020) instead of clips and batches of one size. optim.steps,
    optim.step_factors and epochs stay those of the run that it speeds up."""
    multigrid_epoch_factor: AboveZero = 1.5
    """Multigrid training takes this many times as many epochs; each is several times quicker."""
    ema: Annotated[NotNegative, ranges.BELOW_ONE] = 0.0
    """Decay per step of an exponential moving average of the weights, which is saved beside them;
    0: none."""
    best_by: Literal["raw", "ema"] = "raw"
    """Which weights SlowFast_best.pdparams holds: the trained or the averaged ones. The epoch in
    which these did best in validation counts."""
    amp: Literal["off", "O1", "O2"] = "off"
    """Mixed precision, on GPUs; a CPU says so and computes in float32. O1: convolutions, the
    classifier and what stands between convolutions compute in amp_dtype. O2: pooling in the head,
    too. Weights, batch norm's statistics and the loss stay float32."""
    amp_dtype: Literal["bfloat16", "float16"] = "bfloat16"
    """The low precision. With float16 the loss is scaled, and steps that overflow are skipped."""


@dataclass(frozen=True)
class Config:
    """Everything a run depends on."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    test: TestConfig = field(default_factory=TestConfig)
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    timeline: TimelineConfig = field(default_factory=TimelineConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    output_dir: Annotated[str, ranges.PATH] = "output/SlowFast"
    """Folder of checkpoints, logs and curves."""
    seed: Annotated[Natural, ranges.IN_64_BITS] = 0
    """Seed of initial weights, order, augmentation and dropout."""

    @property
    def has_one_label(self) -> bool:
        """Whether it is boxes that have one label each."""
        return self.train.task == "detection" and self.model.labels_per_box == "one"

    def with_test(self, **changes: Any) -> Config:
        """A copy with other settings of the test."""
        return replace(self, test=replace(self.test, **changes))

    def of_probabilities(self) -> Config:
        """A copy in which views give probabilities: their mean, where it was that of logits."""
        return self if self.test.row_kind == "prob" else self.with_test(average_clips="prob")

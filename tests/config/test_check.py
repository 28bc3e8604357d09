"""Values out of their range, and values that do not fit each other."""

from typing import get_args, get_type_hints

import pytest

from slowfast.config import ConfigError, DetectionConfig, load_config, ranges


@pytest.mark.parametrize(("overrides", "complaint"), [
    (["data.num_frames=30"], "data.num_frames=30 is not divisible by model.alpha=8"),
    (["model.width=60"], "model.width=60 is not divisible by model.beta_inv=8"),
    (["model.width=0"], "model.width=0 must be between 1 and 1,000,000"),
    (["model.alpha=0"], "model.alpha=0 must be between 1 and 1,000,000"),
    (["model.num_classes=100000000000"],
     "model.num_classes=100000000000 must be between 1 and 1,000,000, or 0 for as many as "
     "data.labels has"),
    (["model.stem_kernel=4"], "model.stem_kernel=4 is not odd"),
    (["model.fusion_kernel=6"], "model.fusion_kernel=6 is not odd"),
    (["model.temporal_blocks=[1]"], "model.temporal_blocks=[1] needs 4 numbers, or none"),
    (["model.dropout=1.5"], "model.dropout=1.5 must be between 0 and 1"),
    (["data.flip=-0.1"], "data.flip=-0.1 must be between 0 and 1"),
    (["data.mean=[0.5]"], "data.mean=[0.5] needs 3 numbers, one per colour"),
    (["data.std=[1, 0, 1]"], "data.std=(1.0, 0.0, 1.0) must be above 0"),
    (["data.target_fps=0"], "data.target_fps=0.0 must be above 0"),
    (["data.flip_pairs=[1, 2, 3]"],
     "data.flip_pairs=[1, 2, 3] is not two classes of 0..399, and two others, and so on"),
    (["data.flip_pairs=[1, 400]"],
     "data.flip_pairs=[1, 400] is not two classes of 0..399, and two others, and so on"),
    (["data.flip_pairs=[1, 2, 2, 3]"],
     "data.flip_pairs=[1, 2, 2, 3] is not two classes of 0..399, and two others, and so on"),
    (["data.flip_by_name=true"], "data.flip_by_name=True needs the class names in data.labels"),
    (["data.num_workers=-1"], "data.num_workers=-1 must not be negative"),
    (["data.min_short_side=321"], "data.min_short_side=321 is above data.max_short_side=320"),
    (["data.crop_size=257"], "data.crop_size=257 is above data.min_short_side=256"),
    (["test.crop_size=257"], "test.crop_size=257 is above test.short_side=256"),
    (["data.frame_pattern=img.jpg"],
     "data.frame_pattern='img.jpg' does not number the frames, as img_{:05d}.jpg does"),
    (["timeline.leave=0.5"], "timeline.leave=0.5 is above timeline.enter=0.4"),
    (["timeline.smooth=2"], "timeline.smooth=2 is not odd"),
    (["train.epochs=10"], "optim.warmup_epochs=34 is above train.epochs=10"),
    (["seed=-1"], "seed=-1 must not be negative"),
    (["optim.steps=[0, 5]"],
     "optim.steps=[0.0, 5.0] must rise from 0, with a number of "
     "optim.step_factors=[1.0, 0.1, 0.01] for each"),
    (["optim.steps=[0, 5, 5]"],
     "optim.steps=[0.0, 5.0, 5.0] must rise from 0, with a number of "
     "optim.step_factors=[1.0, 0.1, 0.01] for each"),
    (["train.freeze=[stem, res9]"],
     "train.freeze=['stem', 'res9'] may name stem, res2, res3, res4, res5"),
    (["model.num_classes=0"],
     "model.num_classes=0 takes the number of class names in data.labels, which names no "
     "file"),
    (["data.crop_area=[0.5]"], "data.crop_area=[0.5] is not two rising numbers, or none"),
    (["data.crop_area=[0, 1]"], "data.crop_area=(0.0, 1.0) must be above 0"),
    (["data.crop_area=[1, 1.5]"], "data.crop_area=(1.0, 1.5) must be between 0 and 1"),
    (["data.crop_aspect=[]"], "data.crop_aspect=[] is not two rising numbers"),
    (["data.rand_augment_magnitude=10.5"], "data.rand_augment_magnitude=10.5 is above 10"),
    (["data.read_seconds=2000000"], "data.read_seconds=2e+06 is above 1,000,000"),
    (["train.focal_gamma=2"],
     "train.focal_gamma and train.focal_alpha are for several labels: train.task=multi or "
     "detection"),
    (["train.task=detection", "train.mixup=0.5", "train.multigrid=true"],
     "train.task=detection cannot use train.mixup, train.multigrid"),
    (["train.task=detection", "train.head_only=true"],
     "train.task=detection cannot use train.head_only"),
    (["train.task=detection", "data.crop_area=[0.1,1]"],
     "train.task=detection cuts square crops: leave out data.crop_area"),
    (["train.task=detection", "data.erase=0.5"],
     "train.task=detection cannot use data.rand_augment and data.erase"),
    (["detection.ids=[1,2,9223372036854775808]"],
     "detection.ids=(1, 2, 9223372036854775808) is not of 0 to 1,000,000,000"),
    (["detection.ids=[-1,2,3]"], "detection.ids=(-1, 2, 3) is not of 0 to 1,000,000,000"),
    (["detection.first_id=3000000000"],
     "detection.first_id=3000000000 is not of 0 to 1,000,000,000"),
    (["train.task=detection", "model.labels_per_box=one", "train.focal_gamma=1"],
     "model.labels_per_box=one has plain cross-entropy: leave out train.focal_gamma, "
     "train.focal_alpha and train.class_weights"),
    (["train.task=detection", "detection.ids=[3,5]"],
     "detection.ids has 2 numbers for model.num_classes=400"),
    (["train.task=detection", "detection.rate=25"],
     "times are numbers of frames, detection.rate=25 a second, but clips count frames at "
     "data.target_fps=30: they must be equal"),
    (["train.task=detection", "detection.jitter=true"],
     "detection.jitter=True moves pictures as mmaction2 does: test.protocol=mmaction2 or "
     "mmaction2-1.2, not pyslowfast"),
    (["train.task=detection", "detection.ids=[1,2]", "model.num_classes=2",
      "detection.first_id=0"],
     "detection.first_id=0 has no meaning with detection.ids, which has the number of each class"),
    (["train.task=multi", "detection.val_boxes=a.csv", "detection.scored=ava60"],
     "detection.val_boxes, detection.scored: only with train.task=detection, and it is multi"),
    (["train.task=detection", "test.precision=int8"],
     "test.precision=int8 is for classes of whole clips: with train.task=detection take fp32 or "
     "bf16"),
    (["detection.valid=[5,1]"],
     "detection.valid=[5.0, 1.0] is not a first and a last time, or nothing"),
    (["model.nonlocal_blocks=[6]"],
     "model.nonlocal_blocks=[6] are not blocks of res4, which has 6"),
    (["train.class_weights=balanced", "train.sampling=balanced"],
     "train.class_weights=balanced and train.sampling=balanced both make up for classes of "
     "unequal size: choose one"),
    (["train.ema=1"], "train.ema=1 is not below 1"),
    (["train.best_by=ema"],
     "train.best_by=ema needs an average of the weights: train.ema, such as 0.999"),
    (["train.sync_bn=true", "data.on_error=skip"],
     "train.sync_bn needs batches of one size in all processes: data.on_error=raise or "
     "substitute"),
    (["train.head_only=true", "train.mixup=0.2", "train.amp=O1"],
     "train.head_only=True trains the classifier on features that are computed once: leave "
     "out train.mixup, train.amp"),
    (["optim.grad_clip=-1"], "optim.grad_clip=-1.0 must not be negative"),
    (["seed=18446744073709551616"], "seed=18446744073709551616 does not fit into 64 bits"),
])  # fmt: skip
def test_values_out_of_range_are_refused(overrides: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, overrides)
    assert str(caught.value) == complaint


def test_values_that_depend_on_each_other_can_be_changed_together() -> None:
    cfg = load_config(None, ["data.num_frames=30", "model.alpha=5"])
    assert (cfg.data.num_frames, cfg.model.alpha) == (30, 5)


@pytest.mark.parametrize("protocol", ["mmaction2", "mmaction2-1.2"])
def test_settings_of_boxes_that_belong_together(protocol: str) -> None:
    """mmaction2 1.x moves frames in training as 0.x does; MultiSports counts frames."""
    keys = ["train.task=detection", "detection.jitter=true", f"test.protocol={protocol}"]
    cfg = load_config(None, [*keys, "detection.rate=25", "data.target_fps=25"])
    assert (cfg.detection.jitter, cfg.detection.rate, cfg.data.target_fps) == (True, 25, 25)
    load_config(None, ["train.task=detection", "detection.rate=0.5"])  # not numbers of frames


def test_every_file_of_boxes_needs_detection() -> None:
    kinds = get_type_hints(DetectionConfig, include_extras=True)
    files = [key for key, kind in kinds.items() if ranges.PATH in get_args(kind)]
    assert len(files) == 7
    for key in files:
        with pytest.raises(ConfigError, match=f"detection.{key}: only with train.task=detection"):
            load_config(None, [f"detection.{key}=some.csv"])


def test_classes_that_are_counted_later_may_have_any_numbers() -> None:
    """Of the annotations; their own number comes from the class names."""
    words = ["model.num_classes=0", "data.labels=ava", "detection.ids=[3,5]"]
    assert load_config(None, words).detection.ids == (3, 5)

"""Mixup and CutMix: what is in the clip is in the targets, in the same shares."""

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray

from slowfast.models.pathways import slow_clip
from slowfast.train.recipe.mix import box_mask, mix

SIDE = 12


def clip(count: int, num_frames: int = 8) -> NDArray[np.float32]:
    """Noise ``[N, 3, T, H, W]``."""
    shape = (count, 3, num_frames, SIDE, SIDE)
    return np.random.default_rng(7).normal(0, 1, shape).astype(np.float32)


def mixed(
    count: int, seed: int, mixup: float = 0.0, cutmix: float = 0.0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Clips of classes 0, 1, 2 ... after mixing, so that target k tells clip k's share."""
    clips, targets = mix(
        paddle.to_tensor(clip(count)),
        np.arange(count),
        num_classes=count + 2,
        mixup=mixup,
        cutmix=cutmix,
        rng=np.random.default_rng(seed),
    )
    assert targets.dtype == paddle.float32 and clips.dtype == paddle.float32
    assert targets.shape == [count, count + 2]
    np.testing.assert_allclose(targets.numpy().sum(axis=1), 1, rtol=1e-6)
    return clips.numpy(), targets.numpy()


@pytest.mark.parametrize("count", [2, 5, 8])
def test_mixup_blends_clips_by_the_shares_in_the_targets(count: int) -> None:
    for seed in range(5):
        clips, targets = mixed(count, seed, mixup=0.8)
        wanted = np.einsum("nk,kcthw->ncthw", targets[:, :count], clip(count))
        np.testing.assert_allclose(clips, wanted, atol=1e-5)
        others = {round(float(row[row > 0].min()), 4) for row in targets if (row > 0).sum() == 2}
        assert len(others) <= 1  # one lambda for the batch


@pytest.mark.parametrize("count", [2, 5, 8])
def test_cutmix_takes_a_box_of_the_area_in_the_targets(count: int) -> None:
    whole = clip(count)
    for seed in range(8):
        clips, targets = mixed(count, seed, cutmix=1.0)
        areas = set()
        for n, (found, target) in enumerate(zip(clips, targets, strict=True)):
            partner = next((int(k) for k in target.nonzero()[0] if k != n), n)
            is_cut = (found != whole[n]).any(axis=(0, 1))
            rows, columns = is_cut.any(axis=1), is_cut.any(axis=0)
            np.testing.assert_array_equal(is_cut, rows[:, None] & columns)  # a box ...
            np.testing.assert_array_equal(  # ... of all frames, and all of it the partner's
                found, np.where(is_cut, whole[partner], whole[n])
            )
            if partner != n:
                assert target[partner] == pytest.approx(is_cut.mean(), abs=1e-6)
                areas.add(is_cut.tobytes())
        assert len(areas) <= 1  # one box for the batch


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
@pytest.mark.parametrize("rule", ["linspace", "strided"])
def test_both_pathways_see_the_same_mixture(kind: str, rule: str) -> None:
    alphas = {"mixup": 0.0, "cutmix": 0.0, kind: 1.0}
    fast, labels = paddle.to_tensor(clip(5)), np.arange(5)
    slow = slow_clip(fast, 4, rule)
    for seed in range(5):
        mixed_fast, targets = mix(
            fast, labels, num_classes=5, rng=np.random.default_rng(seed), **alphas
        )
        mixed_slow, same = mix(
            slow, labels, num_classes=5, rng=np.random.default_rng(seed), **alphas
        )
        np.testing.assert_array_equal(slow_clip(mixed_fast, 4, rule).numpy(), mixed_slow.numpy())
        np.testing.assert_array_equal(targets.numpy(), same.numpy())


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0.0), (0.0, 1.0), (0.8, 1.0)])
def test_a_single_clip_stays_as_it_is(mixup: float, cutmix: float) -> None:
    for seed in range(4):
        clips, targets = mixed(1, seed, mixup, cutmix)
        np.testing.assert_array_equal(clips, clip(1))
        np.testing.assert_allclose(targets, [[1, 0, 0]], rtol=1e-6)


def test_partners_of_one_class_keep_it() -> None:
    _, targets = mix(
        paddle.to_tensor(clip(4)), np.array([2, 2, 2, 2]), num_classes=3, mixup=1.0, cutmix=0.0,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    np.testing.assert_allclose(targets.numpy(), np.eye(3)[[2, 2, 2, 2]], rtol=1e-6)


def test_with_both_each_comes_up_half_the_time() -> None:
    pixels, label = paddle.zeros([2, 3, 1, 4, 4]), np.array([0, 1])
    pixels[1] = 1.0
    blended = pasted = 0
    for seed in range(200):
        clips, _ = mix(
            pixels, label, num_classes=2, mixup=1.0, cutmix=1.0, rng=np.random.default_rng(seed)
        )
        values = {*clips.numpy().ravel().tolist()}
        blended += not values <= {0.0, 1.0}
        pasted += values <= {0.0, 1.0} and (clips.numpy() != pixels.numpy()).any()
    # Of two clips half of the permutations change nothing, of small boxes some are empty.
    assert abs(blended - 50) < 4 * np.sqrt(200 * 0.25 * 0.75)
    assert 20 < pasted < 75


def test_lambda_is_from_the_beta_distribution() -> None:
    """Beta(0.2, 0.2) has mean 0.5 and variance 1 / (4 (2 * 0.2 + 1))."""
    shares = []
    for seed in range(400):
        _, targets = mix(
            paddle.zeros([2, 3, 1, 2, 2]), np.array([0, 1]), num_classes=2, mixup=0.2, cutmix=0.0,
            rng=np.random.default_rng(seed),
        )  # fmt: skip
        if targets[0, 1] > 0:
            shares.append(float(targets[0, 0]))
    assert 150 < len(shares) < 250
    assert np.mean(shares) == pytest.approx(0.5, abs=0.13)
    assert np.var(shares) == pytest.approx(1 / 5.6, abs=0.03)


@pytest.mark.parametrize(
    ("share", "centre", "rows", "columns"),
    [
        (0.75, (5, 10), range(3, 7), range(5, 15)),  # half the sides, 5 x 10; halves round down
        (0.75, (0, 0), range(2), range(5)),  # cut off at the corner
        (0.75, (9, 19), range(7, 10), range(14, 20)),
        (0.0, (5, 10), range(10), range(20)),
        (1.0, (5, 10), range(0), range(0)),
    ],
)
def test_a_box_by_hand(share: float, centre: tuple[int, int], rows: range, columns: range) -> None:
    wanted = np.zeros((10, 20), bool)
    wanted[rows.start : rows.stop, columns.start : columns.stop] = True
    np.testing.assert_array_equal(box_mask(10, 20, share, centre), wanted)


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_several_labels_are_blended_as_one_is(kind: str) -> None:
    """Where each clip has class 0 as well, and the last one no class at all."""
    alphas = {"mixup": 0.0, "cutmix": 0.0, kind: 1.0}
    labels = np.eye(5, 8, 2, dtype=np.float32)
    labels[:, 0] = 1.0
    labels[4] = 0.0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        clips, targets = mix(paddle.to_tensor(clip(5)), labels, num_classes=8, rng=rng, **alphas)
        alone, shares = mixed(5, seed, **{kind: 1.0})  # of classes 0 to 4, one a clip
        np.testing.assert_array_equal(clips.numpy(), alone)
        assert targets.dtype == paddle.float32
        np.testing.assert_allclose(targets.numpy(), shares[:, :5] @ labels, atol=1e-6)

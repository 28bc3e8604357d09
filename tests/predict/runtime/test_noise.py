from pathlib import Path

import numpy as np
from support.tiny_run import tiny_config

from slowfast.predict.runtime.noise import boxes_on_noise, inputs_of_noise, noise


def test_the_clips_of_noise(tmp_path: Path) -> None:
    clips = noise(tiny_config(tmp_path, "data.num_frames=16", "test.short_side=40"))
    assert clips.shape == (2, 16, 32, 32, 3) and clips.dtype == np.uint8
    assert [(clip.min(), clip.max()) for clip in clips] == [(0, 255), (112, 143)]
    more = noise(tiny_config(tmp_path, "data.num_frames=16", "test.short_side=40"), 3)
    np.testing.assert_array_equal(more[:2], clips)


def test_boxes_lie_on_the_noise(tmp_path: Path) -> None:
    """With detection alone; clips have unequal numbers of them, and those of fewer clips are the
    first ones. The pictures are no squares."""
    cfg = tiny_config(tmp_path, "train.task=detection")
    clips, boxes, counts = inputs_of_noise(cfg)
    assert clips.shape == (2, 8, 32, 40, 3)
    assert boxes.dtype == np.float32 and counts.dtype == np.int32
    assert counts.tolist() == [8, 7]
    assert boxes.shape == (15, 4)
    high, wide = clips.shape[2:4]
    x1, y1, x2, y2 = boxes[:8].T
    assert ((x2 > wide) | (y2 > high)).any() and (x1 < 0).any() and (x1 >= wide * 0.9).any()
    assert ((x2 - x1) * (y2 - y1) == 0).any() and ((x1 > 0) & (x2 < wide)).any()
    for own, all_of_them in zip(boxes_on_noise(cfg, 1), (boxes, counts), strict=True):
        np.testing.assert_array_equal(own, all_of_them[: len(own)])
    assert boxes_on_noise(tiny_config(tmp_path), 2) == ()

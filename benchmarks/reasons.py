"""Whether explanations are right where it is known what they must say: on the demo's data.

    python -m benchmarks.reasons -w output/demo/SlowFast_best.pdparams

Of the validation videos' clips, see ``ValClips``: the share of the heat that lies on the drop, and
the fast pathway's share in the decision against classes that only motion tells apart (the same
thing, moving in another way) and against classes that only appearance tells apart.
"""

# ruff: noqa: E402  (libraries are told to be quiet before they are imported)
from slowfast.log import quiet_libraries

quiet_libraries()

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.cli.network import network_of
from slowfast.cli.run_config import config_for
from slowfast.config import Config
from slowfast.data.clips import sampling, transforms
from slowfast.data.clips.datasets import ValClips, open_sample
from slowfast.data.lists.read_lists import read_list
from slowfast.data.samples import Sample
from slowfast.data.shapes import moving_shapes
from slowfast.data.shapes.moving_shapes import HOWS, WHATS
from slowfast.data.shapes.moving_shapes_files import MARKER, SPLITS

Floats = NDArray[np.floating[Any]]


def main(arguments: list[str] | None = None) -> int:
    """Prints the numbers, a line of JSON; returns the exit status, 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("-w", "--weights", required=True)
    options = parser.parse_args(arguments)
    cfg = config_for(None, [], options.weights)
    model = network_of(options.weights, cfg, "cpu").model()
    from slowfast.models.slow_frames import SLOW_FRAMES
    from slowfast.predict.explain.reasons import reasons_of  # here: it imports Paddle

    samples = read_list(cfg.data.val_list, cfg.data.root, cfg.model.num_classes)
    clips = ValClips(samples, cfg.data)
    slow = SLOW_FRAMES[cfg.model.slow_frames](cfg.data.num_frames, cfg.model.alpha)
    areas, on_drop = [], []
    motion, appearance = list[float](), list[float]()
    for index, sample in enumerate(samples):
        assert isinstance(sample.label, int)
        reasons = reasons_of(model, clips(index).frames, sample.label, cfg.data)
        drop_THW = where_the_drop_is(sample, cfg)
        areas.append(drop_THW.mean())
        heats = zip(reasons.heat, (drop_THW[slow], drop_THW), strict=True)
        on_drop.append([share_inside(heat, drop) for heat, drop in heats])
        what, how = divmod(sample.label, len(HOWS))
        for other in range(cfg.model.num_classes):
            other_what, other_how = divmod(other, len(HOWS))
            if (what == other_what) != (how == other_how):
                found = motion if what == other_what else appearance
                found.append(reasons.shares(sample.label, other)[1])
    inside = np.mean(on_drop, axis=0)
    shares = {
        "area of the drop": np.mean(areas),
        "heat of the slow pathway on it": inside[0],
        "heat of the fast pathway on it": inside[1],
        "fast pathway's share where only motion differs": np.mean(motion),
        "fast pathway's share where only appearance differs": np.mean(appearance),
    }
    rounded = {name: round(float(share), 3) for name, share in shares.items()}
    print(json.dumps({"videos": len(samples), "stage": f"res{reasons.stage}", **rounded}))
    return 0


def where_the_drop_is(sample: Sample, cfg: Config) -> NDArray[np.bool_]:
    """Whether a pixel of the clip shows the drop, ``[T, H, W]``."""
    data, path = cfg.data, Path(sample.path)
    seed = json.loads(Path(data.root, MARKER).read_text())["seed"]
    rng = np.random.default_rng([seed, SPLITS.index(path.parent.name), int(path.stem)])
    reader, span = open_sample(sample, data)
    assert isinstance(sample.label, int)
    what, how = divmod(sample.label, len(HOWS))
    size = reader.frames(np.array([0])).shape[1:3]
    layers = moving_shapes.draw_layers(WHATS[what], [HOWS[how]], rng, reader.num_frames, size)
    seen = sampling.clip_at(0.5, reader.num_frames, span, data.num_frames)
    alphas = np.repeat(layers[seen, ..., 3:], 3, axis=-1)
    crops = [transforms.centre_crop(a, data.min_short_side, data.crop_size) for a in alphas]
    return np.stack(crops)[..., 0] > 127


def share_inside(heat: Floats, inside_THW: NDArray[np.bool_]) -> float:
    """Share of the heat, enlarged to the frames, that lies where ``inside`` is true."""
    _, height, width = inside_THW.shape
    heat_THW = np.stack([cv2.resize(each, (width, height)) for each in heat])
    return float(heat_THW[inside_THW].sum() / heat_THW.sum())


if __name__ == "__main__":
    sys.exit(main())

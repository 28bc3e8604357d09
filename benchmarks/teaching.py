"""*Teach* on the page: seconds from the last upload to the first answer, with R50 4x16.

From the repository's root, in the project's environment with its extra ``web``:

    python -m benchmarks.teaching [--clips 10]

Two actions have so many clips each, of 3 s, 340x256. All are uploaded at once, so all features are
computed in the time that is told; then it learns, and a new clip is tried. The work is done as the
page does it, without the browser: each request in a process of its own, the network in this one.
The network has random weights; what is learned means nothing.
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import videos
from slowfast import machine
from slowfast.config import Config, load_config
from slowfast.config.built_in import find_config
from slowfast.log import quiet_libraries
from slowfast.predict.runtime.backends import open_backend
from slowfast.web import lesson
from slowfast.web.jobs import Desk, Step, start_fork_server
from slowfast.web.page import WORK
from slowfast.web.site import Shared

NETWORK, SECONDS, SIZE = "slowfast_r50_4x16x1_256e", 3, (340, 256)


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10, help="clips of each action")
    count = parser.parse_args().clips
    quiet_libraries()
    start_fork_server(WORK)
    with tempfile.TemporaryDirectory(prefix="teaching-") as folder:
        cfg, weights = _network(Path(folder))
        from slowfast.cli.network import network_of

        network = network_of(weights, cfg, "cpu")
        desk = Desk(lambda kind: open_backend(network, cfg, kind))
        about = desk.backend("features").about  # as when the page is opened
        shared = Shared(cfg, weights, [], 600.0)
        clips = [_clip(Path(folder), seed) for seed in range(2 * count + 1)]
        session = Path(folder, "session")
        session.mkdir()
        times = [time.perf_counter()]
        for action, paths in zip("ab", (clips[:count], clips[count:-1]), strict=True):
            for item in desk.run(lesson.take, paths, action, session, shared):
                if isinstance(item, lesson.Example):
                    lesson.add_example(session, item)
        times.append(time.perf_counter())
        found = lesson.examples(session)
        for item in desk.run(lesson.learn, session, found, Path(folder), shared):
            if not isinstance(item, Step):
                lesson.keep(session, found, item)
        times.append(time.perf_counter())
        answer: Any = [*desk.run(lesson.recognise, clips[-1], session, shared)][-1]
        times.append(time.perf_counter())
    assert answer.keys() == {"a", "b"}
    features, learning, trying = (b - a for a, b in itertools.pairwise(times))
    print(
        f"{machine.processor()} ({', '.join(machine.instruction_sets())}), {about}\n"
        f"{2 * count} clips of {SECONDS} s, {lesson.NUM_CLIPS} views each: features "
        f"{features:.1f} s, learning and its checkpoint {learning:.1f} s, a new clip "
        f"{trying:.1f} s; together {times[-1] - times[0]:.1f} s (target: below 60)"
    )


def _network(folder: Path) -> tuple[Config, str]:
    """A config, and a file of random weights for it."""
    machine.import_paddle()
    from slowfast.models.variants import build_model
    from slowfast.weights.save import write_pickles

    cfg = load_config(find_config(NETWORK), ["data.labels="])
    model = build_model(cfg.model, cfg.data.crop_size)
    path = folder / "random.pdparams"
    write_pickles({path: {name: x.numpy() for name, x in model.state_dict().items()}})
    return cfg, str(path)


def _clip(folder: Path, seed: int) -> str:
    frames = itertools.islice(videos.moving_textures(SIZE, seed), SECONDS * videos.FPS)
    return str(videos.write_h264(folder / f"{seed}.mp4", frames, videos.WILD))


if __name__ == "__main__":
    main()

"""Clip features: what the classifier sees of a clip, and the files that they are kept in.

Legend: N clips, C channels of the classifier's input, n clips of a chunk.
"""

import dataclasses
import hashlib
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import yaml
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.annotations import Sample
from slowfast.data.loader import Loader, workers_that_fit
from slowfast.data.sliding import ChunkKey, ClipChunk, SlidingClips
from slowfast.data.video import VideoError
from slowfast.engine.preprocess import normalize
from slowfast.engine.run_folder import FolderError
from slowfast.engine.score_rows import WITHOUT_INFLUENCE
from slowfast.files import atomic, write_whole
from slowfast.log import logger
from slowfast.models.slowfast import VideoClassifier
from slowfast.weights.load import CLASSIFIER

META = "features.yaml"
"""Beside the features: what they depend on."""
USUAL_SECONDS = 10.0
"""Of a video as ``data.read_seconds`` has it in mind; a chunk that spans more gets more time."""
LONGEST = 10.0**6
"""Seconds that a reader is waited for at most; poll(2) takes no more than twice as many."""
OF_THE_HEAD = {
    "model": {"num_classes", "average_positions"},
    "test": {"num_clips", "num_crops", "average_clips"},
}
"""Keys of the config that come after the features, or choose among clips."""

Plan = dict[str, Any]
"""What features depend on, by name."""


def make_plan(model: VideoClassifier, cfg: Config, **more: Any) -> Plan:
    """What clip features depend on: the weights below the classifier, the config's keys that
    matter, and ``more``."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if name not in CLASSIFIER:
            digest.update(name.encode() + tensor.numpy().tobytes())
    plan: Plan = {"weights": digest.hexdigest(), **more}
    for section, ignored in WITHOUT_INFLUENCE.items():
        for key, value in dataclasses.asdict(getattr(cfg, section)).items():
            if key not in ignored | OF_THE_HEAD.get(section, set()):
                plan[f"{section}.{key}"] = list(value) if isinstance(value, tuple) else value
    return plan


def claim_folder(folder: Path, plan: Plan) -> None:
    """Writes ``features.yaml`` to a folder, or checks that it has the same plan.

    Raises:
        FolderError: the features there are of other weights or settings.
    """
    meta = folder / META
    if not meta.exists():
        write_whole(meta, yaml.safe_dump(plan, sort_keys=False, allow_unicode=True))
        return
    try:
        found = yaml.safe_load(meta.read_text(encoding="utf-8"))
        odd = [key for key in found | plan if found.get(key) != plan.get(key)]
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise FolderError(f"{meta} is damaged: delete it, and the features beside it") from error
    if odd:
        there, here = (str(p.get(odd[0]))[:12] for p in (found, plan))
        raise FolderError(
            f"{folder} holds features of other {'weights' if odd[0] == 'weights' else 'settings'} "
            f"({odd[0]}: {there} there, {here} here): name another folder"
        )


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Writes an ``.npy`` file, whole or not at all; ``numpy.load`` reads it, without pickle."""
    with atomic(path) as file:
        np.save(file, array, allow_pickle=False)


def clip_rows(seconds: NDArray[np.float64], features_NC: NDArray[np.float32]) -> NDArray[Any]:
    """The structured array of a video: fields ``start``, ``end``, ``features``, a row a clip."""
    fields = [("start", "<f8"), ("end", "<f8"), ("features", "<f4", features_NC.shape[1:])]
    rows = np.empty(len(features_NC), np.dtype(fields))
    rows["start"], rows["end"], rows["features"] = seconds[:, 0], seconds[:, 1], features_NC
    return rows


def sliding_features(
    model: VideoClassifier,
    samples: list[Sample],
    cfg: Config,
    *,
    every: float,
    report: Callable[[float, int], None],
) -> Iterator[tuple[int, NDArray[Any] | VideoError]]:
    """Each video's ``clip_rows``, as they become ready, or why it cannot be read.

    Args:
        every: see ``SlidingClips``.
        report: called with the videos that are done, and parts of them, and the clips.
    """
    model.eval()
    with sliding_loader(samples, cfg, every) as loader:
        parts: dict[int, list[tuple[NDArray[np.float64], NDArray[np.float32]]]] = {}
        shares: dict[int, float] = {}
        num_done = num_clips = 0
        for index, chunk in chunks_in_turn(loader, len(samples), loader.num_workers):
            if isinstance(chunk, ClipChunk):
                # A copy: else they keep the chunk's frames, which lie in the same shared memory.
                row = (chunk.seconds.copy(), chunk_features(model, chunk, cfg))
                parts.setdefault(index, []).append(row)
                num_clips += len(chunk.clips)
            shares[index] = chunk.share if isinstance(chunk, ClipChunk) else 1.0
            if not isinstance(chunk, ClipChunk) or chunk.is_last:
                num_done, found = num_done + 1, parts.pop(index, [])
                del shares[index]
                if isinstance(chunk, VideoError):
                    yield index, chunk
                else:
                    seconds, features = zip(*found, strict=True)
                    yield index, clip_rows(np.concatenate(seconds), np.concatenate(features))
            report(num_done + sum(shares.values()), num_clips)


@paddle.no_grad()
def chunk_features(model: VideoClassifier, chunk: ClipChunk, cfg: Config) -> NDArray[np.float32]:
    """The features ``[n, C]`` of a chunk's clips."""
    frames_FHWC = paddle.to_tensor(chunk.frames)
    clips_nTHWC = paddle.stack(
        [paddle.gather(frames_FHWC, paddle.to_tensor(clip)) for clip in chunk.clips]
    )
    features: NDArray[np.float32] = model.embed(
        normalize(clips_nTHWC, cfg.data.mean, cfg.data.std)
    ).numpy()
    return features


def sliding_loader(
    samples: list[Sample], cfg: Config, every: float
) -> Loader[ChunkKey, ClipChunk | None]:
    """The loader of the chunks of these videos."""
    clips = cfg.test.views_per_chunk
    chunk_bytes = clips * cfg.data.num_frames * cfg.test.crop_size**2 * 3
    workers, reason = workers_that_fit(
        cfg.data.num_workers, chunk_bytes, distributed.processes_on_this_machine()
    )
    if reason:
        logger.warning(reason)
    return Loader(
        SlidingClips(samples, cfg.data, cfg.test, every=every, clips_at_once=clips),
        num_workers=min(workers, len(samples)),
        describe=lambda key: samples[key.sample].path,
        seconds=min(cfg.data.read_seconds * max(clips * every / USUAL_SECONDS, 1.0), LONGEST),
    )


def chunks_in_turn(
    loader: Loader[ChunkKey, ClipChunk | None], num_videos: int, num_readers: int
) -> Iterator[tuple[int, ClipChunk | VideoError | None]]:
    """All chunks of all videos, each video's in order: its place, and the chunk.

    The loader gives batch j to reader ``j % num_readers``: each reader has one video at a time,
    all to itself. How many chunks a video has shows only as they come, so some are asked for in
    vain. A video ends with a chunk that is the last, a VideoError, or None.
    """
    waiting = deque(range(num_videos))
    at: list[ChunkKey | None] = [None] * max(num_readers, 1)  # each reader's next
    asked: deque[ChunkKey | None] = deque()

    def requests() -> Iterator[list[ChunkKey]]:
        for reader in itertools.cycle(range(len(at))):
            if at[reader] is None and waiting:
                at[reader] = ChunkKey(waiting.popleft(), 0)
            key = at[reader]
            if key is None and not any(at):
                return
            asked.append(key)
            at[reader] = key and key._replace(number=key.number + 1)
            yield [key] if key else []

    for items in loader.run(requests()):
        key = asked.popleft()
        readers = [i for i, own in enumerate(at) if key and own and own.sample == key.sample]
        if key is None or not readers:  # asked for in vain
            continue
        (chunk,) = items
        if not isinstance(chunk, ClipChunk) or chunk.is_last:
            at[readers[0]] = None
        yield key.sample, chunk

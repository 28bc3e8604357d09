"""The commands that pip installs. Each calls ``begin`` before it imports its module."""

import importlib
from functools import partial

from slowfast.start import begin


def _run(module: str) -> int:
    begin()
    status: int = importlib.import_module(module).main()
    return status


slowfast = partial(_run, "slowfast.cli.main")
"""main.py and ``python -m slowfast``, too."""
browse = partial(_run, "slowfast.tools.browse")
build_list = partial(_run, "slowfast.tools.build_list")
check_boxes = partial(_run, "slowfast.tools.check_boxes")
check_videos = partial(_run, "slowfast.tools.check_videos")
compare = partial(_run, "slowfast.tools.compare")
convert_weights = partial(_run, "slowfast.tools.convert_weights")
demo = partial(_run, "slowfast.tools.demo")
"""run_demo.sh, too."""
extract_features = partial(_run, "slowfast.tools.extract_features")
find_similar = partial(_run, "slowfast.tools.find_similar")
launch = partial(_run, "slowfast.tools.launch")
"""The other run_*.sh, too."""
prepare_videos = partial(_run, "slowfast.tools.prepare_videos")
score = partial(_run, "slowfast.tools.score")
score_boxes = partial(_run, "slowfast.tools.score_boxes")
web = partial(_run, "slowfast.tools.web")
write_shards = partial(_run, "slowfast.tools.write_shards")

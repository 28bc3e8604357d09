"""Train, test and use SlowFast: ``python main.py --help``."""

import os
import sys
import warnings

# Paddle's remarks on import: that there is no ccache, and from its C++ part on every trace.
warnings.filterwarnings("ignore", message="No ccache found")
warnings.filterwarnings("ignore", message="When training, we now always track global mean")
os.environ.setdefault("GLOG_minloglevel", "2")

from slowfast.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())

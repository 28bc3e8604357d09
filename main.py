"""Train, test and use SlowFast: ``python main.py --help``."""

import sys

from slowfast.commands import slowfast

if __name__ == "__main__":
    sys.exit(slowfast())

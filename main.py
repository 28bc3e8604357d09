"""Train, test and use SlowFast: ``python main.py --help``."""

import sys

from slowfast.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

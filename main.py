"""Train, test and use SlowFast: ``python main.py --help``."""

import sys

from slowfast.quiet import quiet_libraries

quiet_libraries()

from slowfast.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())

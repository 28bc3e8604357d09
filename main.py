"""Train, test and use SlowFast: ``python main.py --help``."""

import sys

from slowfast.quiet import quiet_paddle

quiet_paddle()

from slowfast.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())

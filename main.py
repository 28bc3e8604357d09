"""Train, test and use SlowFast: ``python main.py --help``."""

import sys

from slowfast.quiet import quiet_libraries

if __name__ == "__main__":
    quiet_libraries()
    from slowfast.cli import main

    sys.exit(main())

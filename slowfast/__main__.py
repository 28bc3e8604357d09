"""``python -m slowfast``: what ``python main.py`` does in a clone."""

import sys

from slowfast.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

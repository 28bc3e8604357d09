"""``python -m slowfast``: what ``python main.py`` does in a clone."""

import sys

from slowfast.commands import slowfast

if __name__ == "__main__":
    sys.exit(slowfast())

"""Logging, which a command sets up, as it was before."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def logging_kept() -> Iterator[None]:
    """Puts back what a command that runs in this process does to the logger."""
    logger = logging.getLogger("slowfast")
    before = [*logger.handlers], logger.level, logger.propagate
    try:
        yield
    finally:
        for handler in logger.handlers:
            if handler not in before[0]:
                handler.close()
        logger.handlers, logger.level, logger.propagate = before

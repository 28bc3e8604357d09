"""Runs a command, main.py or a tool: starts logging, reports errors, sets the exit status.

The status is 0; 1, with one line on stderr, for an error that the user can fix; 130 or 143 after
Ctrl-C or SIGTERM. That nobody reads the output any more ends no command, see ``slowfast.start``.
Paddle is imported only for a command that needs it, after ``quiet_libraries``.
"""

import argparse
import math
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from slowfast import distributed
from slowfast.data.video.sources import URL
from slowfast.errors import UserError, error_line, masked, masked_url, printable
from slowfast.log import quiet_libraries, start_logging
from slowfast.machine import import_paddle
from slowfast.signals import INTERRUPTS, Terminated, handled_by
from slowfast.start import let_in

GOES_ON = "the same command goes on from here"
NO_PADDLE = (
    "error: PaddlePaddle is not installed: pip install 'paddlepaddle>=3.3,<3.4', or for a GPU as "
    "https://www.paddlepaddle.org.cn/install says"
)
PACKAGES = {
    "paddle": "paddlepaddle", "cv2": "opencv-python", "numpy": "numpy", "yaml": "pyyaml",
    "pooch": "pooch", "requests": "requests", "safetensors": "safetensors",
    "visualdl": "visualdl", "matplotlib": "matplotlib", "av": "av", "PIL": "pillow",
    "jinja2": "jinja2",
}  # fmt: skip
"""By the names of their modules: the packages that the project depends on."""


def program(module: str) -> str:
    """What the user typed to start ``module``: main.py, ``slowfast-NAME``, or ``python -m``."""
    script = module.replace(".tools.", "-").replace("_", "-")
    typed = Path(sys.argv[0]).name
    return typed if typed in ("main.py", script) else f"python -m {module}"


class Parser(argparse.ArgumentParser):
    """A parser of flags, where ``~`` begins a path in the home folder also if the shell left it:
    in flags of ``type=Path``, and of ``type=in_home`` for paths as text."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.register("type", Path, _path)

    def error(self, message: str) -> NoReturn:
        """Tells what is wrong with the flags, in one line, and ends."""
        self.exit(2, f"{self.prog}: error: {printable(masked(message))}\n")


in_home = os.path.expanduser


def _path(text: str) -> Path:
    if URL.match(text):
        raise argparse.ArgumentTypeError(f"{masked_url(text)} is an url, not a file or folder here")
    return Path(in_home(text))


def new_parser(module: str, about: str | None) -> Parser:
    """A parser of the flags of ``module``, whose help shows ``about`` with its line breaks."""
    lines = argparse.RawDescriptionHelpFormatter
    return Parser(prog=program(module), description=about, formatter_class=lines)


def run(
    work: Callable[[], int | None], *,
    hint: str = GOES_ON, with_paddle: bool = False, together: bool = False,
) -> int:  # fmt: skip
    """Runs the work of a command; returns its exit status.

    Args:
        work: returns a status, or None for 0; raises a UserError for what a user can fix.
        hint: what to do after an interruption; empty if nothing is kept.
        with_paddle: the work needs Paddle: imports it, with the settings of ``machine``.
        together: the processes of a run meet first, and end together.
    """
    quiet_libraries()

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in INTERRUPTS:  # ignore further signals
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    with handled_by(interrupt):
        try:
            let_in()
            start_logging(distributed.rank())
            _prepare(with_paddle, together)
            return _done(work())
        except (UserError, OSError) as error:
            line, status = error_line(error), 1
        except MemoryError as error:
            summary = str(error).rpartition("Error Message Summary:")[2]  # of Paddle, below dashes
            text = " ".join(summary.split()).lstrip("- ")
            line, status = f"error: out of memory{f': {text[:300]}' if text else ''}", 1
        except ModuleNotFoundError as error:
            if (package := PACKAGES.get(error.name or "")) is None:
                raise
            other = f"error: {package} is not installed: pip install {package}"
            line, status = NO_PADDLE if error.name == "paddle" else other, 1
        except RuntimeError:
            if (reason := distributed.error_of_another_process()) is None:
                raise
            line, status = reason, 1
        except KeyboardInterrupt as stopped:
            what = f": {stopped}" if str(stopped) else ""
            below_bar = "\n" if sys.stdout.isatty() else ""
            line = f"{below_bar}interrupted{what}{f' ({hint})' if hint else ''}"
            status = 143 if isinstance(stopped, Terminated) else 130
        print(line, file=sys.stderr, flush=True)
        distributed.leave(line)
        return status


def _prepare(with_paddle: bool, together: bool) -> None:
    if together:
        distributed.meet()
    if with_paddle:
        import_paddle()


def _done(status: int | None) -> int:
    distributed.leave()
    return status or 0


def whole_number(least: int, most: float = math.inf) -> Callable[[str], int]:
    """An argparse type: a whole number from ``least`` to ``most``."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
            end = "on" if most == math.inf else f"to {most:,}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} {end}")
        return int(text)

    return number


def number_between(above: float, most: float, *, below: float = math.inf) -> Callable[[str], float]:
    """An argparse type: a number above ``above``, up to ``most`` and below ``below``."""

    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (above < value <= most and value < below):
            end = f"below {below:g}" if below <= most else f"up to {most:,.0f}"
            end = "" if min(most, below) == math.inf else f" and {end}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a number above {above:g}{end}")
        return value

    return number

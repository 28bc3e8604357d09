"""The rooms of the package, from the import contracts of ``pyproject.toml``."""

from pathlib import Path
from typing import NamedTuple

from importlinter import api

ABOUT = {
    "__main__": "python -m slowfast",
    "commands": "the installed commands",
    "tools": "one command per file",
    "web": "the page in the browser",
    "demos": "run_demo.sh",
    "cli": "flags, config, lists: starts a verb",
    "train": "loop, step, recipe",
    "evaluate": "the test and its report",
    "predict": "a network over videos",
    "zoo": "published weights",
    "data": "lists, videos, clips",
    "models": "the network",
    "weights": "files to tensors",
    "metrics": "accuracy, precision",
    "shares": "a list, divided over processes",
    "config": "every setting",
    "journal": "what is done already",
    "launcher": "starts the processes of a run",
    "machine": "threads, memory",
    "pictures": "curves, matrices, frames",
    "places": "where files are kept",
    "files": "whole, or not there",
    "distributed": "rank, sums, gathers",
    "heartbeat": "processes' signs of life",
    "log": "lines, progress",
    "signals": "Ctrl-C, SIGTERM",
    "pickles": "read, never run",
    "overlap": "of boxes",
    "opcodes": "of pickles",
    "errors": "shown in one line",
    "start": "first steps",
}
"""What each room is for."""


class Room(NamedTuple):
    """A package or module directly under ``slowfast``."""

    name: str
    about: str
    without_paddle: bool
    """A contract forbids it to import Paddle."""


def rooms() -> list[list[Room]]:
    """The layers from the top down; the rooms of one layer do not import each other.

    Raises:
        KeyError: a room of the contract has no line in ``ABOUT``.
    """
    file = str(Path(__file__).parents[1] / "pyproject.toml")
    tables = api.read_configuration(file)["contracts_options"]
    (layers,) = (table["layers"] for table in tables if table["type"] == "layers")
    free = {
        module.removeprefix("slowfast.")
        for table in tables
        if table["type"] == "forbidden" and "paddle" in table["forbidden_modules"]
        for module in table["source_modules"]
    }
    names = [[name.strip() for name in layer.split("|")] for layer in layers]
    return [[Room(name, ABOUT[name], name in free) for name in layer] for layer in names]

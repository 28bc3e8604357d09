"""Writes a report: one HTML page that needs no other file and asks nobody for anything.

The templates beside this file extend ``base.html`` and build on the parts in ``macros.html``.
Whatever they print is made ``printable`` and escaped, so names of files and classes may hold
anything. The page's own policy allows no address but those inside it, and no script but its own.
"""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slowfast
from slowfast.errors import printable
from slowfast.files import write_whole

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
NOT_RECORDED = "not recorded"


def write_page(path: Path, template: str, facts: Mapping[str, Any]) -> None:
    """Writes the page ``path``, whole or not at all.

    Args:
        template: the name of a file beside this one.
        facts: what it prints, by name; ``title`` is the page's.

    Raises:
        OSError: the disk is full, or similar; names ``path``.
    """
    write_whole(path, rendered(template, facts), errors="replace")


def rendered(template: str, facts: Mapping[str, Any]) -> str:
    """The text of a page, see ``write_page``; a fact that is missing is an error."""
    script = (FOLDER / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    from markupsafe import Markup

    own = {"script": Markup(script), "script_digest": digest, "version": slowfast.__version__}
    return _environment().get_template(template).render(**own, **facts)


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1: ``83.3 %``; a dash where there is none."""
    return "\N{EN DASH}" if share is None else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def count(number: float) -> str:
    """A whole number: ``1,234``."""
    return f"{number:,.0f}"


def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # here: most runs need none

    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_harmless,
    )  # fmt: skip
    environment.filters |= {"percent": percent, "count": count}
    environment.globals["not_recorded"] = NOT_RECORDED
    return environment


def _harmless(value: Any) -> Any:
    """What is printed for a value; markup of our own macros stays as it is."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value

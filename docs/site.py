"""The documentation as a site, English and Chinese: ``python -m docs.site [--out site]``.

mkdocs reads this file as its hooks, too (``hooks`` in mkdocs.yml): what Markdown on GitHub and the
site do differently is changed here, when a page is built.
"""

import argparse
import logging
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import jieba
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from mkdocs.structure.files import File

from slowfast.cli.command import run
from slowfast.errors import UserError

DOCS = Path(__file__).resolve().parent
CONFIGS = {"": DOCS.parent / "mkdocs.yml", "zh": DOCS / "mkdocs.zh.yml"}
"""Where a language is in the site, and what builds it."""
OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+[^)]*\)")
FIRST = re.compile(r"\A((?:<a id=[^\n]*\n)+)\n?(# [^\n]*\n)")
PAGE = re.compile(r"\[([^\]]*)\]\((\w+\.md)[^)]*\)")
ALTERNATE = re.compile(r' *<link rel="alternate"[^>]*>\n?')


MARK = ".slowfast-site"
"""A file in every site that this command has built, and so may replace."""


def main(arguments: list[str] | None = None) -> int:
    """Builds both languages; a site that is there stays until the new one is whole."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description=__doc__)
    parser.add_argument("--out", type=Path, default=DOCS.parent / "site", help="default: site")
    out = parser.parse_args(arguments).out.resolve()
    return run(lambda: _write(out), hint="")


def _write(out: Path) -> None:
    is_free = not out.exists() or (out.is_dir() and not any(out.iterdir()))
    if not is_free and not (out / MARK).is_file():
        raise UserError(f"{out} is there, and no site of this command: name another folder")
    if out == DOCS or DOCS in out.parents:
        raise UserError(f"{out} is among the pages themselves: name a folder outside of {DOCS}")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    jieba.setLogLevel(logging.WARNING)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out} cannot be made: {error.strerror}") from None
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f"{out.name}-") as folder:
        # It cuts Chinese into words, for the search; else it leaves a file in /tmp.
        jieba.dt.tmp_dir = folder
        new = Path(folder) / "site"
        try:
            for place, config in CONFIGS.items():
                build(load_config(str(config), site_dir=str(new / place)))
        except Abort as error:
            raise UserError(str(error)) from None
        (new / MARK).touch()
        if out.exists():
            out.rename(Path(folder) / "before")  # deleted with the folder
        new.rename(out)
    print(f"{out / 'index.html'}")


def on_files(files: Any, config: Any) -> Any:
    """The Chinese pages show the pictures of the English ones."""
    for picture in sorted((DOCS / "pictures").iterdir()):
        name = f"pictures/{picture.name}"
        if files.get_file_from_path(name) is None:
            files.append(File.generated(config, name, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Links to files that are no pages, and to pages without a Chinese form yet, become text; a
    page begins with its title."""

    def written(link: re.Match[str]) -> str:
        here, there = Path(config.docs_dir) / link[2], DOCS / link[2]
        return link[1] if there.is_file() and not here.is_file() else link[0]

    markdown = FIRST.sub(r"\2\n\1", markdown.replace("](../pictures/", "](pictures/"))
    return PAGE.sub(written, OUTSIDE.sub(r"\1", markdown))


def on_page_context(context: Any, page: Any, config: Any, **_: Any) -> Any:
    """The language switch leads to the same page."""
    english, chinese = config.extra["alternate"]
    inside = config.theme["language"] == "zh"
    english["link"] = f"../{page.url}" if inside else page.url
    chinese["link"] = page.url if inside else f"zh/{page.url}"
    return context


def on_post_page(output: str, **_: Any) -> str:
    """Without these links: Material's script asks for a site map under each of them."""
    return ALTERNATE.sub("", output)


if __name__ == "__main__":
    sys.exit(main())

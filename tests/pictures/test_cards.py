"""Cards are made where nothing is drawn."""

import subprocess
import sys

from support.tiny_run import environment


def test_cards_are_made_without_what_draws_them() -> None:
    text = (
        "import sys\n"
        "import slowfast.train.browsing.clip_cards, slowfast.pictures.cards as cards\n"
        "assert cards.Card('1').rows == () and cards.Sheet('a').legend == ()\n"
        "assert not {'matplotlib', 'PIL', 'paddle'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", text]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

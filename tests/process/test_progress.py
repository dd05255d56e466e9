"""Does whoever waits see that something is going on, and is nothing of it left afterwards?"""

from __future__ import annotations

import io
import os
import pty
import re
from contextlib import suppress

import pytest

from graph.progress import StartProgress


def shown_on_a_terminal() -> str:
    """What a terminal gets: a step with two parts, a sentence, another step."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, StartProgress(terminal) as progress:
        progress.step("starting")
        progress.share("lessons", 1, 4)
        progress.share("files", 3, 4)
        progress.say("It answers.")
        progress.step("stopping")
    shown = b""
    # A terminal gives as much at once as it likes, and an error where nobody writes to it any more.
    with suppress(OSError):
        while some := os.read(ours, 100_000):
            shown += some
    os.close(ours)
    return shown.decode()


def test_on_a_terminal_there_are_bars_which_go_when_the_work_is_done() -> None:
    text = shown_on_a_terminal()
    assert all(part in text for part in ("starting", "  lessons", "  files", "stopping"))
    assert "━" in text
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert (text.count(hidden), text.count(shown)) == (2, 2), "the cursor comes back"
    # The last that is written about a bar is that its line is cleared; the sentence stays.
    last_bar = text.rindex("━", 0, text.index("It answers."))
    assert re.search(r"\x1b\[2K[^━]*It answers\.", text[last_bar:])
    assert re.search(r"\x1b\[2K[^━]*\Z", text)


def test_elsewhere_each_step_is_one_line() -> None:
    stream = io.StringIO()
    with StartProgress(stream) as progress:
        progress.step("starting")
        progress.step("starting")
        progress.share("lessons", 0, 2)
        progress.share("files", 0, 4)
        progress.share("lessons", 2, 2)
        progress.share("files", 4, 4)
        progress.say("It answers.")
        progress.step("stopping")
    assert stream.getvalue().splitlines() == [
        "starting ...",
        "  lessons ...",
        "  files ...",
        "It answers.",
        "stopping ...",
    ]


def test_a_listener_who_has_gone_stops_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w")
    with StartProgress(stream) as progress:
        progress.step("starting")
        progress.say("It answers.")
    with pytest.raises(BrokenPipeError):
        stream.close()

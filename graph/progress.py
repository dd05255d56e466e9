"""What does whoever started the program see while it starts and stops?

Moving bars on a terminal, plain lines elsewhere. Everything goes to standard error. The bars vanish with the step, so
that what stays on a terminal is what was said.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class StartProgress:
    """Steps and shares of steps on `stream`. Use it as a context manager: its end takes the bars away."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._moving = self._stream.isatty()
        self._bars: Progress | None = None
        self._step: TaskID | None = None
        self._shares: dict[str, TaskID | None] = {}
        self._name = ""

    def __enter__(self) -> StartProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.rest()

    def step(self, name: str) -> None:
        """A step begins; the one before it is done."""
        if name == self._name:
            return
        self._name = name
        if not self._moving:
            self._write(f"{name} ...")
            return
        if self._step is not None:
            self._shown.remove_task(self._step)
        self._step = self._shown.add_task(name, total=None)

    def share(self, name: str, done: int, total: int) -> None:
        """How far a part is; several may go on side by side within a step, each with a bar of its own."""
        if name not in self._shares:
            self._shares[name] = self._shown.add_task(f"  {name}", total=None) if self._moving else None
            if not self._moving:
                self._write(f"  {name} ...")
        bar = self._shares[name]
        if bar is not None and total > 1:
            self._shown.update(bar, completed=done, total=total)
        if bar is not None and done >= total:
            self._shown.remove_task(bar)
            self._shares[name] = None

    def say(self, sentence: str) -> None:
        """A line that stays."""
        self.rest()
        self._write(sentence)

    def rest(self) -> None:
        """Nothing is going on until the next step: the bars go."""
        if self._bars is not None:
            self._bars.stop()
        self._bars = self._step = None
        self._shares.clear()
        self._name = ""

    @property
    def _shown(self) -> Progress:
        """The bars; made when the first step begins, because importing them takes a fifth of a second."""
        if self._bars is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(24),
                TimeElapsedColumn(),
                console=Console(file=self._stream, highlight=False),
                transient=True,
            )
            self._bars.start()
        return self._bars

    def _write(self, line: str) -> None:
        with suppress(OSError):  # whoever listened has gone: no reason to stop, nor to stop otherwise
            self._stream.write(f"{line}\n")
            self._stream.flush()

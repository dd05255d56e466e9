"""What does whoever started the program see while it starts? A line per step, a bar for what takes long."""

from __future__ import annotations

import sys
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class StartProgress:
    """Steps on standard error: moving bars on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stderr, highlight=False)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(24),
            TimeElapsedColumn(),
            console=self.console,
            transient=False,
        )
        self._task: TaskID | None = None
        self._name = ""
        self._since = monotonic()

    def __enter__(self) -> StartProgress:
        if self.console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._finish(kind is None)
        self._bars.stop()

    def step(self, name: str) -> None:
        """A step begins; the one before it is done."""
        if name == self._name:
            return
        self._finish(True)
        self._name, self._since = name, monotonic()
        if self.console.is_terminal:
            self._task = self._bars.add_task(name, total=None)
        else:
            self.console.print(f"{name} ...")

    def share(self, name: str, done: int, total: int) -> None:
        """How far a step is."""
        self.step(name)
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total)

    def _finish(self, good: bool) -> None:
        if self._task is not None and good:
            self._bars.update(self._task, completed=1, total=1)
            self._bars.stop_task(self._task)
        self._task = None

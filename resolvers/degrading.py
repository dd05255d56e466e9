"""What does a verb or a read say of a store's failure? The words of `loaders/`, for the graph to show."""

from __future__ import annotations

from loaders.degrading import Degrades, Undeclared, degradation, degrades, degrades_with

__all__ = ["Degrades", "Undeclared", "degradation", "degrades", "degrades_with"]

"""Straight lines through points. A framework that knows nothing of who watches it."""

from toy.core import Line, Model, Team, ToyError, cross_validate, load, train

__version__ = "1.0"

__all__ = ["Line", "Model", "Team", "ToyError", "cross_validate", "load", "train"]

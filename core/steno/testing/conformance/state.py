"""What belongs to a process as a whole, in a form that can be compared."""

from __future__ import annotations

import locale
import logging
import multiprocessing.process
import os
import random
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["process_state", "random_state"]

_OURS = ("STENO_", "MLFLOW_", "XDG_DATA_HOME")


def process_state() -> dict[str, Any]:
    """Everything but the random generators."""
    root = logging.getLogger()
    return {
        "the working directory": Path.cwd().name,
        "the locale": locale.setlocale(locale.LC_ALL),
        "the warnings filters": [str(each) for each in warnings.filters],
        "warnings.showwarning": id(warnings.showwarning),
        "the root logger": (root.level, list(map(id, root.handlers)), len(root.filters), type(root).__name__),
        "logging.disable": logging.root.manager.disable,
        "the logger class": logging.getLoggerClass().__qualname__,
        "sys.path": list(sys.path),
        "the environment": {key: value for key, value in os.environ.items() if not key.startswith(_OURS)},
        "the streams": (id(sys.stdout), id(sys.stderr), id(sys.stdin)),
        "the hooks for exceptions": (id(sys.excepthook), id(threading.excepthook), id(sys.unraisablehook)),
        "the hooks for tracing": (sys.gettrace() is None, sys.getprofile() is None),
        "the signal handlers": {str(each): str(signal.getsignal(each)) for each in sorted(signal.valid_signals())},
        "os.fork": id(getattr(os, "fork", None)),
        "multiprocessing": (id(multiprocessing.process.BaseProcess.start), id(multiprocessing.process.BaseProcess.run)),
        "the recursion limit": sys.getrecursionlimit(),
    }


def random_state() -> dict[str, Any]:
    """The random generators that everybody shares."""
    kind, keys, position, *_ = np.random.get_state()
    torch = sys.modules.get("torch")
    return {
        "the random generator": random.getstate(),
        "numpy's random generator": (kind, np.asarray(keys).tobytes(), position),
        "torch's random generator": None if torch is None else torch.get_rng_state().numpy().tobytes(),
    }

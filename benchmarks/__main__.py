"""`python -m benchmarks`: all figures, side by side with MLflow where there is one.

python -m benchmarks                                    # MLflow too, if it is importable here
python -m benchmarks --peer-python PATH/bin/python      # an interpreter that has MLflow
python -m benchmarks --quick fits metrics               # some suites, fewer repeats
python -m benchmarks --markdown --json figures.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

from benchmarks.fresh import steno_and_peer
from benchmarks.suites import QUICK, SUITES, THOROUGH, rows
from benchmarks.table import as_json, as_markdown, as_text

__all__ = ["main"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Steno's figures beside MLflow's.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"any of {', '.join(SUITES)}; all unless given")
    parser.add_argument("--peer-python", metavar="PATH", help="interpreter in which `import mlflow` works")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, rougher figures")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file too")
    given = parser.parse_args()
    unknown = [name for name in given.suites if name not in SUITES]
    if unknown:
        parser.error(f"no suite {', '.join(unknown)}, accepted are {', '.join(SUITES)}")
    started = time.monotonic()
    trackers = steno_and_peer(given.peer_python)
    versions = {tracker.name: tracker.version for tracker in trackers}

    def say(text: str) -> None:
        if sys.stderr.isatty() or os.environ.get("CI") is None:
            print(f"\r\033[K{time.monotonic() - started:5.0f} s  {text}", end="", file=sys.stderr, flush=True)

    found = list(rows(trackers, QUICK if given.quick else THOROUGH, given.suites or list(SUITES), say))
    print("\r\033[K", end="", file=sys.stderr)
    print((as_markdown if given.markdown else as_text)(found, versions))
    machine = {"python": platform.python_version(), "system": platform.system(), "cores": os.cpu_count()}
    print(
        f"\nMedians. Python {machine['python']}, {machine['system']}, {machine['cores']} cores; one thread a library."
    )
    if given.json:
        Path(given.json).write_text(json.dumps(as_json(found, versions, machine), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

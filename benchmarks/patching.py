"""What a patch costs: a call that has nothing to record, installing and undoing, memory, discovery of plugins."""

from __future__ import annotations

import statistics
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.clock import Stopwatch
from benchmarks.fresh import asked, report
from benchmarks.recorded import wait_until_recorded

__all__ = ["CASES"]

CASES = {
    "nested": "inside another training",
    "off": "inside `with steno.off():`",
    "install": "all of scikit-learn",
    "memory": "GaussianNB",
    "plugins": "300 distributions, 20 of them plugins, one broken, one that sleeps 3 s",
}


def main() -> None:
    """Measure one case."""
    case = asked()
    report(MEASURES[case["case"]](case))


def _nested(case: dict[str, Any]) -> dict[str, float]:
    import steno
    from benchmarks.idle import Idle, Repeating

    def once(*, on: bool) -> float:
        (steno.enable if on else steno.disable)("sklearn")
        return float(Repeating(Idle(), case["calls"]).fit().ns_)

    return _added(once)


def _off(case: dict[str, Any]) -> dict[str, float]:
    import steno
    from benchmarks.idle import Idle, ns_of_a_call

    def once(*, on: bool) -> float:
        (steno.enable if on else steno.disable)("sklearn")
        with steno.off():
            return ns_of_a_call(Idle().fit, case["calls"])

    return _added(once)


def _added(once: Callable[..., float]) -> dict[str, float]:
    import steno

    steno.autolog(silent=True, log_models=False)
    pairs = [(once(on=False), once(on=True)) for _ in range(9)]
    return {
        "plain_us": statistics.median(plain for plain, _ in pairs) / 1000,
        "added_us": statistics.median(patched - plain for plain, patched in pairs) / 1000,
    }


def _install(case: dict[str, Any]) -> dict[str, float]:
    from sklearn.utils import all_estimators

    import steno

    all_estimators()
    watch = Stopwatch()
    steno.autolog(silent=True)
    first = watch.stop().cpu_ms
    installs, undos = [], []
    for _ in range(case["repeats"]):
        watch = Stopwatch()
        steno.disable("sklearn")
        undos.append(watch.stop().cpu_ms)
        watch = Stopwatch()
        steno.enable("sklearn")
        installs.append(watch.stop().cpu_ms)
    return {
        "first_ms": first,
        "install_ms": statistics.median(installs),
        "undo_ms": statistics.median(undos),
        "patches": len(steno.status()["sklearn"].patches),
    }


def _memory(case: dict[str, Any]) -> dict[str, float]:
    import psutil
    from sklearn.datasets import load_iris
    from sklearn.naive_bayes import GaussianNB

    import steno

    steno.autolog(silent=True, log_models=False)
    X, y = load_iris(return_X_y=True)
    process = psutil.Process()

    def fits(count: int) -> float:
        for _ in range(count):
            GaussianNB().fit(X, y)
        wait_until_recorded(steno)
        return float(process.memory_info().rss)

    warm = fits(500)
    return {"grown_mb": (fits(case["fits"]) - warm) / 2**20, "fits": case["fits"]}


def _plugins(case: dict[str, Any]) -> dict[str, float]:
    folder = Path("distributions").resolve()
    folder.mkdir()
    for number in range(300):
        info = folder / f"package_{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: package-{number}\nVersion: 1.0\n")
        points = "[console_scripts]\nrun = package:main\n"
        if number < 20:
            points += f"[steno]\nframework{number} = plugin_{number}\n"
            (folder / f"plugin_{number}.py").write_text(_PLUGIN.format(number=number))
        (info / "entry_points.txt").write_text(points)
    (folder / "plugin_0.py").write_text("this is no Python")
    (folder / "plugin_1.py").write_text("import time; time.sleep(3)")
    sys.path.append(str(folder))
    import steno

    watch = Stopwatch()
    steno.autolog(silent=True)
    span = watch.stop()
    return {"cpu_ms": span.cpu_ms, "wall_ms": span.wall_ms, "seen": len(steno.status())}


_PLUGIN = textwrap.dedent("""
    from steno.plugin import Integration, hookimpl, train

    class Framework(Integration):
        name = "framework{number}"

        @train("framework{number}:fit")
        def fit(self, call):
            yield

    @hookimpl
    def steno_integrations(register):
        register(Framework())
""")

MEASURES: dict[str, Callable[[dict[str, Any]], dict[str, float]]] = {
    "nested": _nested,
    "off": _off,
    "install": _install,
    "memory": _memory,
    "plugins": _plugins,
}


if __name__ == "__main__":
    main()

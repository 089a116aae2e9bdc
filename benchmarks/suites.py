"""Which cases are measured, how often, and how what the processes report becomes rows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import fits, imports, metrics, patching, rounds, stores
from benchmarks.fresh import Tracker, measure
from benchmarks.table import Row

__all__ = ["SUITES", "Plan", "rows"]

Say = Callable[[str], None]
Reports = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How thorough to be.

    Attributes:
        processes: fresh processes for each figure of the cheap suites.
        fit_processes: fresh processes for each figure of the fits.
        blocks: blocks of steady fits in one process, at most.
        fits: fits in a block.
        calls: calls of `log_metric` in one process, at most.
        limit_s: seconds after which a slow tracker's calls are cut off.
        repeats: pairs of trainings for the cost of a boosting round, installs and undos of all patches.
        many: trainings in one process over which memory is watched.
    """

    processes: int
    fit_processes: int
    blocks: int
    fits: int
    calls: int
    limit_s: float
    repeats: int
    many: int


THOROUGH = Plan(processes=7, fit_processes=3, blocks=8, fits=4, calls=100_000, limit_s=4.0, repeats=15, many=10_000)
QUICK = Plan(processes=3, fit_processes=1, blocks=3, fits=2, calls=20_000, limit_s=1.5, repeats=5, many=2_000)


def rows(trackers: Sequence[Tracker], plan: Plan, wanted: Sequence[str], say: Say) -> Iterator[Row]:
    """All rows of the wanted suites, as they are measured."""
    for name in wanted:
        yield from SUITES[name](trackers, plan, say)


def _reports(trackers: Sequence[Tracker], module: str, case: dict[str, Any], processes: int, say: Say) -> Reports:
    """Reports by tracker. Trackers take turns, so that a busy minute of the machine meets both."""
    found: Reports = {tracker.name: [] for tracker in trackers}
    for turn in range(processes):
        for tracker in trackers:
            say(f"{module} {case['case']} {tracker.name} {turn + 1}/{processes}")
            found[tracker.name].append(measure(tracker.python, module, {**case, "tracker": tracker.name}))
    return found


def _median(reports: Reports, key: str) -> dict[str, float]:
    return {name: statistics.median(report[key] for report in found) for name, found in reports.items()}


def _imports(trackers: Sequence[Tracker], plan: Plan, say: Say) -> Iterator[Row]:
    for case, title in imports.CASES.items():
        found = _reports(trackers, "imports", {"case": case}, plan.processes, say)
        what = title.replace("`import {tracker}`", "`import`")
        yield Row("Start (CPU time)", what, "ms", _median(found, "cpu_ms"))


def _stores(trackers: Sequence[Tracker], plan: Plan, say: Say) -> Iterator[Row]:
    for case, title in stores.CASES.items():
        found = _reports(trackers, "stores", {"case": case}, plan.processes, say)
        yield Row("One run with one metric (wall time)", title, "ms", _median(found, "wall_ms"))


def _fits(trackers: Sequence[Tracker], plan: Plan, say: Say) -> Iterator[Row]:
    for models in (False, True):
        word = "model saved" if models else "no model"
        found = {}
        for case, title in fits.CASES.items():
            arguments = {"case": case, "models": models, "blocks": plan.blocks, "fits": plan.fits}
            found[title] = _reports(trackers, "fits", arguments, plan.fit_processes, say)
        for key, group in (
            ("cpu_ms", f"Added to a fit, {word}, steady (CPU time, all threads)"),
            ("wall_ms", f"Added to a fit, {word}, steady (what the caller waits)"),
            ("first_cpu_ms", f"Added to the first fit, {word} (CPU time)"),
        ):
            for title, reports in found.items():
                base = _median(reports, "plain_wall_ms" if key == "wall_ms" else "plain_cpu_ms")["steno"]
                yield Row(group, title, "ms", _median(reports, key), base, _missing(reports))


def _missing(reports: Reports) -> list[str]:
    lost = {name: sum(report["runs_missing"] for report in found) for name, found in reports.items()}
    return [f"{name} lacks {count} runs" for name, count in lost.items() if count]


def _rounds(trackers: Sequence[Tracker], plan: Plan, say: Say) -> Iterator[Row]:
    for case, title in rounds.CASES.items():
        found = _reports(trackers, "rounds", {"case": case, "repeats": plan.repeats}, plan.fit_processes, say)
        base = _median(found, "plain_wall_us")["steno"]
        yield Row("Added to a boosting round", f"{title}, what the loop waits", "us", _median(found, "wall_us"), base)
        base = _median(found, "plain_cpu_us")["steno"]
        yield Row("Added to a boosting round", f"{title}, CPU time, all threads", "us", _median(found, "cpu_us"), base)


def _metrics(trackers: Sequence[Tracker], plan: Plan, say: Say) -> Iterator[Row]:
    for case, title in metrics.CASES.items():
        calls = plan.calls if case == "one" else plan.calls // 5
        arguments = {"case": case, "calls": calls, "limit_s": plan.limit_s}
        found = _reports(trackers, "metrics", arguments, min(plan.processes, 5), say)
        lost = [
            f"{name} lost {count} points"
            for name, reports in found.items()
            if (count := sum(report["sent"] - report["arrived"] for report in reports))
        ]
        group = f"Metrics, {title}"
        yield Row(group, "the call, p50", "us", _median(found, "p50_us"))
        yield Row(group, "the call, p99", "us", _median(found, "p99_us"))
        yield Row(group, "CPU time a point, all threads", "us", _median(found, "cpu_us"))
        yield Row(group, "sustained, counted by reading back", "points/s", _median(found, "per_s"), notes=lost)


def _patching(trackers: Sequence[Tracker], plan: Plan, say: Say) -> Iterator[Row]:
    """Beside the bare operation: no peer patches in a way that could be compared."""
    ours = [tracker for tracker in trackers if tracker.name == "steno"]

    def measured(case: str, processes: int = plan.processes) -> Reports:
        arguments = {"case": case, "calls": plan.calls, "repeats": plan.repeats, "fits": plan.many}
        return _reports(ours, "patching", arguments, processes, say)

    for case in ("nested", "off"):
        found = measured(case)
        base = _median(found, "plain_us")["steno"]
        group = "Added to a patched call that has nothing to record (CPU time)"
        yield Row(group, patching.CASES[case], "us", _median(found, "added_us"), base)
    found = measured("install")
    group = f"Patches of {patching.CASES['install']}, {_median(found, 'patches')['steno']:.0f} functions (CPU time)"
    yield Row(group, "the first `autolog()`, after every module of it was imported", "ms", _median(found, "first_ms"))
    yield Row(group, "`enable`, once more", "ms", _median(found, "install_ms"))
    yield Row(group, "`disable`", "ms", _median(found, "undo_ms"))
    found = measured("plugins")
    group = f"`autolog()` among {patching.CASES['plugins']}"
    yield Row(group, "CPU time", "ms", _median(found, "cpu_ms"))
    yield Row(group, "what the caller waits", "ms", _median(found, "wall_ms"))
    found = measured("memory", 1)
    yield Row(f"Memory after {plan.many:,} fits", patching.CASES["memory"], "MB", _median(found, "grown_mb"))


SUITES: dict[str, Callable[[Sequence[Tracker], Plan, Say], Iterator[Row]]] = {
    "imports": _imports,
    "stores": _stores,
    "fits": _fits,
    "rounds": _rounds,
    "metrics": _metrics,
    "patching": _patching,
}

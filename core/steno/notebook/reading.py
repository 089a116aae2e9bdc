"""From the runs that ended in a cell to the card: reads the store, within a few hundredths of a second."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import steno
from steno.display import curves, headline, lower_is_better
from steno.entities import Run, RunInfo
from steno.errors import StenoError
from steno.notebook.card import Best, Card, card_html, card_text, many_html, many_text

__all__ = ["after_cell", "run_html"]

_SHOWN = 5
_FEW = 20
_SLACK = 5
_LINES = 3
_CANDIDATES = 5
_CPU_S = 0.03
_WALL_S = 0.15


class _Reader:
    """Reads what the cards show beyond the runs themselves, until the time for it is used up."""

    def __init__(self) -> None:
        self._client = steno.Client()
        self._until = time.thread_time() + _CPU_S, time.perf_counter() + _WALL_S

    @property
    def late(self) -> bool:
        return time.thread_time() > self._until[0] or time.perf_counter() > self._until[1]

    def run(self, info: RunInfo) -> Run:
        """The run as it is now: scores may have come after it ended."""
        try:
            return self._client.get_run(info.run_id)
        except StenoError:  # a locked or vanished store: the card still says how the run ended
            return Run(info)

    def some(self, infos: Sequence[RunInfo]) -> list[Run]:
        """A few runs, read together."""
        newest = {run.info.run_id: run for run in self._search(infos, max_results=len(infos) + _SLACK)}
        return [newest.get(info.run_id) or self.run(info) for info in infos]

    def best_of(self, infos: Sequence[RunInfo]) -> list[Run]:
        """The best of many runs, found by the store."""
        sample = self.some(infos[-_SHOWN:])
        key = _telling_metric(sample)
        if key is None:
            return sample
        since = min(info.start_time for info in infos)
        found = self._search(
            infos,
            filter_string=f"attributes.start_time >= {since}",
            order_by=[_order(key)],
            max_results=_SHOWN + _SLACK,
        )
        ended = {info.run_id for info in infos}
        return [run for run in found if run.info.run_id in ended][:_SHOWN] or sample

    def _search(self, infos: Sequence[RunInfo], **how: Any) -> list[Run]:
        try:
            return self._client.search_runs(list({info.experiment_id for info in infos}), **how)
        except StenoError:
            return []

    def curves(self, run: Run) -> dict[str, list[float]]:
        """The curves of the first family of metrics."""
        keys = next(iter(curves(run.data.latest)), [])[:_LINES]
        found: dict[str, list[float]] = {}
        for key in keys:
            if self.late:
                break
            try:
                points = self._client.get_metric_history(run.info.run_id, key)
            except StenoError:
                break
            if len(points) > 1:
                found[key] = [point.value for point in points]
        return found

    def best(self, run: Run, keys: Sequence[str]) -> dict[str, Best]:
        """For each metric the best finished run of the experiment that started earlier."""
        found: dict[str, Best] = {}
        for key in keys:
            if lower_is_better(key) is None or '"' in key or self.late:
                continue
            # No filter: its grammar takes 60 ms to load, and hardly a run is later than this one.
            runs = self._search([run.info], order_by=[_order(key)], max_results=_CANDIDATES)
            earlier = next((other for other in runs if _earlier(other, run) and key in other.data.latest), None)
            if earlier is not None:
                found[key] = Best(earlier.data.metrics[key], earlier.info.run_name)
        return found


def after_cell(infos: Sequence[RunInfo], total: int) -> dict[str, str]:
    """The card of the runs that ended in a cell, by MIME type; empty if they recorded nothing.

    Args:
        infos: the runs that are known, in order of their end.
        total: how many ended in all.
    """
    reader = _Reader()
    if total > _FEW:
        return _many(reader, _best_first(reader.best_of(infos)), total, infos)
    runs = [run for run in reader.some(infos) if _recorded(run)] if total > 1 else [reader.run(infos[0])]
    if len(runs) > 1:
        return _many(reader, _best_first(runs), len(runs), [run.info for run in runs])
    return _one(reader, runs[0]) if runs and _recorded(runs[0]) else {}


def _one(reader: _Reader, run: Run) -> dict[str, str]:
    card = Card(run, curves=reader.curves(run))
    card = Card(run, reader.best(run, card.keys), card.curves)
    return {"text/plain": card_text(card), "text/html": card_html(card)}


def _many(reader: _Reader, runs: Sequence[Run], total: int, infos: Sequence[RunInfo]) -> dict[str, str]:
    cards = [Card(run, curves=reader.curves(run)) for run in runs[:_SHOWN]]
    failed = sum(info.status in ("FAILED", "KILLED") for info in infos)
    more = total - len(cards)
    return {"text/plain": many_text(cards, more), "text/html": many_html(cards, more, failed)}


def run_html(run: Run) -> str:
    """The card of a run that was asked for, as it is in the user's hands: nothing of it is read again."""
    return card_html(Card(run, curves=_Reader().curves(run)))


def _earlier(other: Run, run: Run) -> bool:
    """Whether the other run was finished and came first."""
    return (
        other.info.run_id != run.info.run_id
        and other.info.status == "FINISHED"
        and other.info.start_time <= run.info.start_time
    )


def _recorded(run: Run) -> bool:
    """Whether the run holds anything, or failed: an empty `with start_run()` is no news."""
    return bool(run.data.latest or run.data.params or run.outputs.model_outputs) or run.info.status != "FINISHED"


def _telling_metric(runs: Sequence[Run]) -> str | None:
    """The first metric that most of the runs have and whose direction is known."""
    counts = Counter(key for run in runs for key in run.data.latest)
    ranked = sorted(headline(counts, len(counts)), key=lambda key: -counts[key])
    return next((key for key in ranked if lower_is_better(key) is not None and '"' not in key), None)


def _order(key: str) -> str:
    return f'metrics."{key}" {"ASC" if lower_is_better(key) else "DESC"}'


def _best_first(runs: Sequence[Run]) -> list[Run]:
    """By their telling metric, the best first; runs without it last."""
    key = _telling_metric(runs)
    if key is None:
        return list(runs)
    sign = 1 if lower_is_better(key) else -1

    def rank(run: Run) -> tuple[bool, float]:
        value = run.data.metrics.get(key, math.nan)
        return (True, 0.0) if math.isnan(value) else (False, sign * value)

    return sorted(runs, key=rank)

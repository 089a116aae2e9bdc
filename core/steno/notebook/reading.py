"""From the runs that ended in a cell to the card: reads the store, within a few hundredths of a second."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence

import steno
from steno.display import curves, headline, lower_is_better
from steno.entities import Run
from steno.errors import StenoError
from steno.notebook.card import Best, Card, card_html, card_text, many_html, many_text

__all__ = ["after_cell", "run_html"]

_SHOWN = 5
_LINES = 3
_BUDGET_S = 0.03


class _Reader:
    """Reads what the cards show beyond the runs themselves, until the time for it is used up."""

    def __init__(self) -> None:
        self._client = steno.Client()
        self._until = time.perf_counter() + _BUDGET_S

    @property
    def late(self) -> bool:
        return time.perf_counter() > self._until

    def fresh(self, run: Run) -> Run:
        """The run as it is now: scores may have come after it ended."""
        try:
            return self._client.get_run(run.info.run_id)
        except StenoError:  # a locked or vanished store: the card shows what the run said when it ended
            return run

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
            lower = lower_is_better(key)
            if lower is None or '"' in key or self.late:
                continue
            try:
                runs = self._client.search_runs(
                    [run.info.experiment_id],
                    filter_string=f"attributes.status = 'FINISHED' AND attributes.start_time < {run.info.start_time}",
                    order_by=[f'metrics."{key}" {"ASC" if lower else "DESC"}'],
                    max_results=1,
                )
            except StenoError:
                break
            if runs and key in runs[0].data.metrics and runs[0].info.run_id != run.info.run_id:
                found[key] = Best(runs[0].data.metrics[key], runs[0].info.run_name)
        return found


def after_cell(runs: Sequence[Run], total: int) -> dict[str, str]:
    """The card of the runs that ended in a cell, by MIME type; empty if they recorded nothing.

    Args:
        runs: the runs that are known, in order of their end.
        total: how many ended in all.
    """
    recorded = [run for run in runs if _recorded(run)]
    if not recorded:
        return {}
    reader = _Reader()
    total -= len(runs) - len(recorded)
    if total == 1:
        run = reader.fresh(recorded[0])
        card = Card(run, curves=reader.curves(run))
        card = Card(run, reader.best(run, card.keys), card.curves)
        return {"text/plain": card_text(card), "text/html": card_html(card)}
    shown = [reader.fresh(run) for run in _best_first(recorded)[:_SHOWN]]
    cards = [Card(run, curves=reader.curves(run)) for run in _best_first(shown)]
    more, failed = total - len(cards), sum(run.info.status in ("FAILED", "KILLED") for run in recorded)
    return {"text/plain": many_text(cards, more), "text/html": many_html(cards, more, failed)}


def run_html(run: Run) -> str:
    """The card of a run that was asked for, as it is in the user's hands: nothing of it is read again."""
    return card_html(Card(run, curves=_Reader().curves(run)))


def _recorded(run: Run) -> bool:
    """Whether the run holds anything, or failed: an empty `with start_run()` is no news."""
    return bool(run.data.latest or run.data.params or run.outputs.model_outputs) or run.info.status != "FINISHED"


def _best_first(runs: Sequence[Run]) -> list[Run]:
    """By the first metric that most of them have, the best first; runs without it last."""
    counts = Counter(key for run in runs for key in run.data.latest)
    ranked = sorted(headline(counts, len(counts)), key=lambda key: -counts[key])
    key = next((key for key in ranked if lower_is_better(key) is not None), None)
    if key is None:
        return list(runs)
    sign = 1 if lower_is_better(key) else -1

    def rank(run: Run) -> tuple[bool, float]:
        value = run.data.metrics.get(key, math.nan)
        return (True, 0.0) if math.isnan(value) else (False, sign * value)

    return sorted(runs, key=rank)

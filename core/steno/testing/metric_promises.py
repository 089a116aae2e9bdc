"""What a store promises of metrics: every point in order, the latest value, charts that keep spikes."""

from __future__ import annotations

import math

from steno.entities import Metric
from steno.store.base import Store
from steno.store.records import Curve, Point, Points
from steno.testing.run_promises import created
from steno.testing.store_promise import StorePromises, expect, promised

__all__ = ["MetricPromises"]


class MetricPromises(StorePromises):
    """Metrics."""

    @promised("Your users' curves would run back and forth, or lack points", "metric_history", "apply")
    def test_history_is_ordered_as_promised(self, store: Store) -> None:
        """Points come by (step, timestamp), equals as they were recorded, whatever the batches."""
        store.apply([created(), Curve("r", "a", [1.0, 2.0, 3.0], [5, 1, 1], [0, 9, 9])])
        store.apply([Point("r", "a", 4.0, 1, 3), Points("r", {"a": 5.0}, 1, 9)])
        wanted = [
            Metric("a", 4.0, 3, 1),
            Metric("a", 2.0, 9, 1),
            Metric("a", 3.0, 9, 1),
            Metric("a", 5.0, 9, 1),
            Metric("a", 1.0, 0, 5),
        ]
        expect("The history", store.metric_history("r", "a").points(), wanted)
        for run_id, key in (("r", "none"), ("none", "a")):
            found = store.metric_history(run_id, key).points()
            expect(f"The history of the metric {key!r} of the run {run_id!r}, which has none,", found, [])

    @promised("Your users would compare runs by values that are not their last", "apply", "get_run")
    def test_the_latest_value_is_the_greatest(self, store: Store) -> None:
        """The latest point is the greatest by step, then time, then value, and NaN is below minus infinity."""
        store.apply([created(), Point("r", "a", 1.0, 5, 0), Point("r", "b", math.nan, 3, 3)])
        store.apply([Point("r", "a", 9.0, 4, 9), Point("r", "b", -math.inf, 3, 3), Point("r", "b", math.nan, 3, 3)])
        low = Metric("b", -math.inf, 3, 3)
        expect("The latest point, of NaN and minus infinity,", store.get_run("r").data.latest["b"], low)
        store.apply([Point("r", "b", math.nan, 3, 3)])
        expect("The latest point, NaN having come later,", store.get_run("r").data.latest["b"], low)
        store.apply([Points("r", {"a": 2.0, "b": 0.0}, 3, 3), Point("r", "b", -0.0, 3, 3)])
        latest = store.get_run("r").data.latest
        expect("The latest point, an earlier step having come later,", latest["a"], Metric("a", 1.0, 0, 5))
        expect("The latest point of equal ones", latest["b"], Metric("b", -0.0, 3, 3))

    @promised("Your users would not see the spike that ruined a training", "chart", "metric_history")
    def test_charts_keep_spikes_and_are_short(self, store: Store) -> None:
        """A chart has at most the points asked for, and the least and the greatest value are in it."""
        values = [math.sin(i / 50) for i in range(5000)]
        values[1234], values[77], values[78] = 50.0, math.nan, -math.inf
        store.apply([created(), Curve("r", "a", values, list(range(5000)), [0] * 5000)])
        chart = store.chart("r", "a", points=200)
        sizes = len(chart), len(chart.lows), len(chart.highs)
        expect("The size of a chart of 200 points, of a least and a greatest value each,", sizes, (100, 100, 100))
        expect("The greatest and the least value of it", (chart.highs.max(), chart.lows.min()), (50.0, -math.inf))
        expect("The steps of it", chart.steps.tolist(), list(range(0, 5000, 50)))
        whole = store.chart("r", "a", points=20_000)
        for side in (whole.lows, whole.highs):
            expect("A chart of more points than there are", side.tolist(), values)
        few = len(store.chart("r", "none")), len(store.chart("r", "a", points=1))
        expect("The sizes of a chart of nothing and of a single point", few, (0, 1))

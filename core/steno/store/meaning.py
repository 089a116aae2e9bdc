"""What a filter and an order mean, said over entities. The SQL planner must give the same answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from steno.entities import Experiment, ParamValue, Run
from steno.store.paging import SortKey
from steno.store.rules import param_number
from steno.store.search import All, Comparison, Field, Node, Order, holds

__all__ = ["experiment_matches", "experiment_sort_key", "run_matches", "run_sort_key"]

_PRESENT, _SECOND, _MISSING = 0, 1, 2


def run_matches(node: Node, run: Run) -> bool:
    """Whether a run fits a filter."""
    if isinstance(node, All):
        return all(run_matches(part, run) for part in node.parts)
    return _fits(node, _of_run(node.field, run))


def experiment_matches(node: Node, experiment: Experiment) -> bool:
    """Whether an experiment fits a filter."""
    if isinstance(node, All):
        return all(experiment_matches(part, experiment) for part in node.parts)
    return _fits(node, _of_experiment(node.field, experiment))


def run_sort_key(order: Sequence[Order], run: Run) -> SortKey:
    """Where a run stands in an order."""
    return tuple(_ranked(term.field, _of_run(term.field, run)) for term in order)


def experiment_sort_key(order: Sequence[Order], experiment: Experiment) -> SortKey:
    """Where an experiment stands in an order."""
    return tuple(_ranked(term.field, _of_experiment(term.field, experiment)) for term in order)


def _fits(comparison: Comparison, values: Sequence[Any]) -> bool:
    if comparison.operator in ("is null", "is not null"):
        return bool(values) is (comparison.operator == "is not null")
    if comparison.field.entity == "param":
        values = [param_number(value) if comparison.is_numeric else str(value) for value in values]
    return any(value is not None and holds(comparison, value) for value in values)


def _of_run(field: Field, run: Run) -> Sequence[Any]:
    """The values that a run has for a field: none, one, or one for each dataset."""
    match field.entity:
        case "metric":
            return _at(run.data.metrics, field.key)
        case "param":
            return _at(run.data.params, field.key)
        case "tag":
            return _at(run.data.tags, field.key)
        case "attribute":
            value = getattr(run.info, field.key)
            return () if value is None else (value,)
    used = run.inputs.dataset_inputs
    return [(item.context or None) if field.key == "context" else getattr(item.dataset, field.key) for item in used]


def _of_experiment(field: Field, experiment: Experiment) -> Sequence[Any]:
    if field.entity == "tag":
        return _at(experiment.tags, field.key)
    value = getattr(experiment, field.key)
    return () if value is None else (value,)


def _at(values: Mapping[str, Any], key: str) -> Sequence[Any]:
    return (values[key],) if key in values else ()


def _ranked(field: Field, values: Sequence[Any]) -> tuple[int, Any]:
    if not values:
        return _MISSING, None
    value = values[0]
    if isinstance(value, ParamValue):
        number = param_number(value)
        return (_SECOND, str(value)) if number is None else (_PRESENT, number)
    if field.entity == "metric" and math.isnan(value):
        return _SECOND, None
    return _PRESENT, value

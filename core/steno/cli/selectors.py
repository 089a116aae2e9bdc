"""Which run or experiment the user means: an id or the beginning of one, a name, `@last`, `@best:METRIC`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import steno
from steno.display import ago, lower_is_better
from steno.entities import Experiment, Run
from steno.errors import InvalidInputError, NotFoundError

__all__ = ["all_experiments", "find_experiment", "find_run", "recent_runs"]

_HEX = re.compile(r"[0-9a-f]{2,32}")
_PAGE = 1000
_ID_LENGTH = 32


def all_experiments(client: steno.Client) -> list[Experiment]:
    """Every active experiment of the store, newest first."""
    found: list[Experiment] = []
    token = None
    while True:
        page = client.search_experiments(max_results=_PAGE, page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return found


def find_experiment(client: steno.Client, text: str) -> Experiment:
    """The experiment of this name or id.

    Raises:
        NotFoundError: there is none; the message lists those there are.
    """
    known = all_experiments(client)
    for attribute in ("name", "experiment_id"):
        for experiment in known:
            if getattr(experiment, attribute) == text:
                return experiment
    names = ", ".join(repr(experiment.name) for experiment in known[:8]) or "none yet"
    raise NotFoundError(f"no experiment has the name or id {text!r}, there are: {names}: type `steno experiments ls`")


def recent_runs(
    client: steno.Client,
    experiments: list[Experiment],
    *,
    limit: int | None = None,
    filter_string: str = "",
    order_by: list[str] | None = None,
) -> list[Run]:
    """Runs of these experiments, newest first unless ordered; all of them if `limit` is None."""
    runs: list[Run] = []
    token = None
    ids = [experiment.experiment_id for experiment in experiments]
    while ids:
        wanted = _PAGE if limit is None else min(_PAGE, limit - len(runs))
        page = client.search_runs(
            ids, filter_string=filter_string, order_by=order_by or [], max_results=wanted, page_token=token
        )
        runs.extend(page)
        token = page.token
        if not token or (limit is not None and len(runs) >= limit):
            break
    return runs


def find_run(client: steno.Client, text: str, now_ms: float) -> Run:
    """The one run that `text` means.

    Raises:
        NotFoundError: no run has this id, beginning of an id, or name.
        InvalidInputError: several have it; the message lists their ids.
    """
    experiments = all_experiments(client)
    if text.startswith("@"):
        return _selected(client, experiments, text)
    found = _whole(client, text) or _named(client, experiments, text) or _starting(client, experiments, text)
    if not found:
        raise NotFoundError(
            f"no run has the id or name {text!r}; a whole id, its beginning, a name, @last and @best:METRIC are "
            "accepted: type `steno runs ls`"
        )
    if len(found) > 1:
        choices = ", ".join(f"{run.info.run_id[:10]} ({ago(run.info.start_time, now_ms)})" for run in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise InvalidInputError(f"{text!r} means {len(found)} runs: {choices}{more}; type the beginning of one id")
    return found[0]


def _whole(client: steno.Client, text: str) -> list[Run]:
    """The run with this very id, deleted or not."""
    try:
        return [client.get_run(text)] if len(text) == _ID_LENGTH and _HEX.fullmatch(text) else []
    except NotFoundError:
        return []


def _selected(client: steno.Client, experiments: list[Experiment], text: str) -> Run:
    if text == "@last":
        found = recent_runs(client, experiments, limit=1)
    elif text.startswith("@best:") and text != "@best:":
        found = _best(client, experiments, text.removeprefix("@best:"))
    else:
        raise InvalidInputError(f"selector {text!r} is unknown, accepted are @last and @best:METRIC")
    if not found:
        raise NotFoundError(f"{text} finds no run: the store has none yet; `steno demo` records some")
    return found[0]


def _best(client: steno.Client, experiments: list[Experiment], key: str) -> list[Run]:
    lower = lower_is_better(key)
    if lower is None:
        raise InvalidInputError(
            f"whether a greater {key!r} is better is unknown, its name does not say: "
            f"""type `steno runs ls --order-by 'metrics."{key}" DESC'`"""
        )
    order = [f'metrics."{key}" {"ASC" if lower else "DESC"}']
    runs = [run for run in recent_runs(client, experiments, limit=1, order_by=order) if key in run.data.metrics]
    if not runs:
        raise NotFoundError(f"no run has the metric {key!r}: type `steno runs show @last` to see what there is")
    return runs


def _named(client: steno.Client, experiments: list[Experiment], text: str) -> list[Run]:
    return [run for run in _scan(client, experiments, text, "run_name") if run.info.run_name == text]


def _starting(client: steno.Client, experiments: list[Experiment], text: str) -> list[Run]:
    if not _HEX.fullmatch(text):
        return []
    return [run for run in _scan(client, experiments, text + "%", "run_id") if run.info.run_id.startswith(text)]


def _scan(client: steno.Client, experiments: list[Experiment], value: str, attribute: str) -> Iterator[Run]:
    """The runs whose attribute may match; a value that no filter can quote is looked for run by run."""
    if "'" in value or "\\" in value:
        yield from recent_runs(client, experiments)
        return
    comparator = "LIKE" if value.endswith("%") else "="
    yield from recent_runs(client, experiments, filter_string=f"attributes.{attribute} {comparator} '{value}'")

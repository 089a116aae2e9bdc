"""One run in full: how it stands, metrics, params, learning curves, data, models, files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import steno
from steno.cli.curve import Line, chart
from steno.cli.screen import curve_text, grid, indented, status_text, styled
from steno.display import ago, curves, duration, failure, family, headline, moment, number, seconds_of, size, subject
from steno.entities import DatasetInput, LoggedModel, Metric, ParamValue, Run

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

__all__ = ["File", "RunPage", "curve_parts", "read_page", "run_parts"]

_CHARTS = 3
_LINES = 6
_FILES = 400
_TRACE_LINES = 6


@dataclass(frozen=True, slots=True)
class File:
    """One artifact: `size_bytes` is None for a folder."""

    path: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class RunPage:
    """All that the page shows, read from the store.

    Attributes:
        histories: every point by metric, for the metrics that have a curve.
        more_curves: how many curves there are beyond these.
        more_files: whether there are files beyond these.
    """

    run: Run
    experiment: str
    histories: Mapping[str, Sequence[Metric]] = field(default_factory=dict)
    models: Sequence[LoggedModel] = ()
    files: Sequence[File] = ()
    more_curves: int = 0
    more_files: bool = False

    def to_json(self) -> dict[str, Any]:
        """The run as MLflow's JSON, with what belongs to it beside it."""
        return {
            **self.run.to_json(),
            "experiment_name": self.experiment,
            "metric_history": {key: [point.to_json() for point in points] for key, points in self.histories.items()},
            "logged_models": [model.to_json() for model in self.models],
            "artifacts": [
                {"path": file.path, "is_dir": file.size_bytes is None, "file_size": file.size_bytes or 0}
                for file in self.files
            ],
        }


def read_page(client: steno.Client, run: Run, *, everything: bool = False) -> RunPage:
    """Read what belongs to a run: what a screen shows of it, or everything."""
    run_id = run.info.run_id
    families = curves(run.data.latest)
    shown = [
        key for keys in families[: None if everything else _CHARTS] for key in (keys if everything else keys[:_LINES])
    ]
    histories = {key: client.get_metric_history(run_id, key) for key in shown}
    files = list(islice(_files(client, run_id), None if everything else _FILES + 1))
    return RunPage(
        run,
        client.get_experiment(run.info.experiment_id).name,
        {key: points for key, points in histories.items() if len(points) > 1},
        [client.get_logged_model(item.model_id) for item in run.outputs.model_outputs],
        files if everything else files[:_FILES],
        more_curves=sum(map(len, families)) - len(shown),
        more_files=not everything and len(files) > _FILES,
    )


def _files(client: steno.Client, run_id: str) -> Iterator[File]:
    """The run's artifacts, depth first, in order of name."""
    waiting: list[File] = _listed(client, run_id, None)
    while waiting:
        file = waiting.pop()
        yield file
        if file.size_bytes is None:
            waiting.extend(_listed(client, run_id, file.path))


def _listed(client: steno.Client, run_id: str, path: str | None) -> list[File]:
    rows = client.list_artifacts(run_id, path)
    files = [File(row.path, None if row.is_dir else row.file_size or 0) for row in rows]
    return sorted(files, key=lambda file: file.path, reverse=True)


def run_parts(page: RunPage, screen: Console, *, now_ms: float, with_tags: bool = False) -> Iterator[RenderableType]:
    """The page, part by part."""
    run = page.run
    yield _heading(page, now_ms)
    error, trace = failure(run)
    if error:
        yield ""
        yield indented(styled(("Error ", "bold red"), error))
    if trace:
        yield indented(styled((_end_of(trace), "dim")), 4)
    yield ""
    yield indented(_facts(run, screen))
    yield from curve_parts(page, screen)
    if page.more_curves:
        yield styled((f"\n  {page.more_curves} more curves are not drawn: --json has them", "dim"))
    if run.inputs.dataset_inputs:
        yield styled("\n", ("  Data", "bold"))
        yield indented(_datasets(run.inputs.dataset_inputs), 4)
    if page.models:
        yield styled("\n", ("  Models", "bold"))
        yield from (indented(_model(page.run, model), 4) for model in page.models)
    if page.files:
        yield styled("\n", ("  Files", "bold"))
        yield indented(_tree(page.files), 4)
    if page.more_files:
        yield styled((f"    the first {len(page.files)} are shown: --json has all of them", "dim"))
    yield from _context(run, with_tags=with_tags)


def curve_parts(page: RunPage, screen: Console, *, height: int = 10) -> Iterator[RenderableType]:
    """The learning curves, one chart for each family of metrics."""
    families: dict[str, list[str]] = {}
    for key in page.histories:
        families.setdefault(family(key), []).append(key)
    for name, keys in families.items():
        lines = []
        for key in keys:
            points = page.histories[key]
            lines.append(Line(f"{key} {number(points[-1].value)}", [p.step for p in points], [p.value for p in points]))
        rows = chart(lines, width=min(screen.width, 100) - 4, height=height)
        if rows:
            yield styled("\n", ("  Learning curve", "bold"), ("  ", ""), (name, "dim"))
            yield curve_text(rows, indent=4)


def _heading(page: RunPage, now_ms: float) -> Text:
    info = page.run.info
    seconds = duration(seconds_of(page.run, now_ms if info.status == "RUNNING" else None))
    verb = "for" if info.status == "RUNNING" else "after" if info.status in ("FAILED", "KILLED") else "in"
    facts = [part for part in (subject(page.run), f"experiment {page.experiment!r}") if part]
    return styled(
        status_text(info.status), f" {verb} {seconds}  ", (info.run_name, "bold"), "\n",
        ("  " + " · ".join(facts), "cyan"),
        (f" · started {moment(info.start_time)}, {ago(info.start_time, now_ms)}", "dim"),
        (f"\n  id {info.run_id}", "dim"),
        (" (deleted)" if info.lifecycle_stage == "deleted" else "", "red"),
    )  # fmt: skip


def _end_of(trace: str) -> str:
    """The innermost frames of a traceback, without the error that stands above it already."""
    lines = trace.rstrip().split("\n")
    frames = [line.removeprefix("  ") for line in lines if line.startswith(" ")]
    return "\n".join(frames[-_TRACE_LINES:])


def _facts(run: Run, screen: Console) -> RenderableType:
    """Metrics beside params where the screen is wide enough."""
    metrics, params = run.data.metrics, run.data.params
    left = grid()
    left.add_row(styled((f"Metrics ({len(metrics)})" if metrics else "No metrics", "bold")))
    for key in headline(metrics, len(metrics)):
        left.add_row(styled(key), styled((number(metrics[key]), "green")))
    right = grid()
    set_params = {key: value for key, value in params.items() if value.kind != "none" and value != "None"}
    right.add_row(styled((f"Params ({len(params)})" if params else "No params", "bold")))
    for key, value in set_params.items():
        right.add_row(styled(key), _param(value))
    unset = len(params) - len(set_params)
    if unset:
        right.add_row(styled((f"{unset} more {'is' if unset == 1 else 'are'} None", "dim")))
    both = grid(gap=4)
    if screen.width < 80:
        both.add_row(left)
        both.add_row("")
        both.add_row(right)
    else:
        both.add_row(left, right)
    return both


def _param(value: ParamValue, limit: int = 48) -> Text:
    line = " ".join(value.split())
    return styled((line if len(line) <= limit else line[: limit - 1] + "…", "yellow"))


def _datasets(inputs: Sequence[DatasetInput]) -> RenderableType:
    made = grid()
    for item in inputs:
        dataset = item.dataset
        made.add_row(
            styled(dataset.name), styled((item.context or "", "dim")), styled(_profile(dataset.profile)),
            styled((f"digest {dataset.digest[:16]}", "dim")),
        )  # fmt: skip
    return made


def _profile(text: str | None) -> str:
    """The counts of a dataset's profile, whatever it counts."""
    try:
        counts = json.loads(text or "{}")
    except ValueError:
        return ""
    if not isinstance(counts, dict):
        return ""
    named = {key.removeprefix("num_"): value for key, value in counts.items() if isinstance(value, int)}
    first = [key for key in ("rows", "columns") if key in named] or list(named)
    return ", ".join(f"{named[key]:,} {key}" for key in first)


def _model(run: Run, model: LoggedModel) -> Text:
    """A model and, in a line of its own so that it can be copied whole, how to load it."""
    how = (f'steno.pyfunc.load_model("runs:/{run.info.run_id}/{model.name}")', "dim")
    if model.status != "READY":
        how = (f"the model is {model.status.lower()}, it cannot be loaded", "red")
    return styled(model.name, "   ", (model.model_type, "cyan"), "\n  ", how)


def _tree(files: Sequence[File]) -> RenderableType:
    """Folders and files as a tree; `files` come depth first."""
    made = grid()
    folders = {""}
    last = {file.path.rpartition("/")[0]: file.path for file in files}
    for file in files:
        parent, _, name = file.path.rpartition("/")
        if file.size_bytes is None:
            folders.add(file.path)
        parts = parent.split("/") if parent else []
        stems = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
        rails = "".join("   " if last[stem.rpartition("/")[0]] == stem else "│  " for stem in stems)
        corner = "└─ " if last[parent] == file.path else "├─ "
        weight = "bold" if file.size_bytes is None else ""
        amount = "" if file.size_bytes is None else size(file.size_bytes)
        made.add_row(styled((rails + corner, "dim"), (name, weight)), styled((amount, "dim")))
    return made


def _context(run: Run, *, with_tags: bool) -> Iterator[RenderableType]:
    tags = run.data.tags
    if not tags:
        return
    if not with_tags:
        yield styled(("\n  --tags shows ", "dim"), (f"{len(tags)} tags", ""), (": user, source, git, versions", "dim"))
        return
    yield styled("\n", (f"  Tags ({len(tags)})", "bold"))
    made = grid()
    for key, value in sorted(tags.items()):
        made.add_row(styled((key, "dim")), styled(value))
    yield indented(made, 4)

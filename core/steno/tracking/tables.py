"""Tables as files of a run: written, appended to, and read back from many runs as one."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from steno.entities import Run
from steno.errors import InvalidInputError, NotFoundError, StenoWarning, shown
from steno.store.base import Store
from steno.tracking.artifacts import ArtifactFolder, local_path
from steno.tracking.media import plain
from steno.tracking.open_run import OpenRun
from steno.tracking.search_output import columns_of

__all__ = ["load_table", "log_table"]

TABLES_TAG = "mlflow.loggedArtifacts"
_TIMES = ("start_time", "end_time")
_LISTED = f"tags.`{TABLES_TAG}` LIKE '%table%'"
_PAGE = 1000
_BARE = re.compile(r'"(?:[^"\\]|\\.)*"|NaN|Infinity')  # text is matched whole, so that words inside it stay
_WRITTEN = {"NaN": "null", "Infinity": "1e999"}


def log_table(run: OpenRun, data: Any, artifact_file: str) -> None:
    """Write a table, or append it to the one of the same name; columns that one of them lacks are null there.

    Args:
        run: whose.
        data: a dict of columns (lists of one length, or single values), or a data frame.
        artifact_file: `.json` or `.parquet`.

    Raises:
        InvalidInputError: no table, columns of different length, or another extension.
    """
    suffix = _suffix(artifact_file)
    columns = _columns(data)
    with run.table_lock:
        path = run.artifacts.path(artifact_file)
        if path.exists():
            columns = _joined(_read_table(path), columns)
        if suffix == ".json":
            rows = [list(row) for row in zip(*columns.values(), strict=True)]
            run.artifacts.log_text(_table_json(list(columns), rows), artifact_file)
        else:
            with run.artifacts.writing(artifact_file) as hidden:
                _parquet().write_table(importlib.import_module("pyarrow").table(columns), hidden)
    run.note_artifact(TABLES_TAG, {"path": str(artifact_file), "type": "table"})


def _suffix(artifact_file: Any) -> str:
    suffix = PurePosixPath(str(artifact_file)).suffix.lower()
    if suffix not in (".json", ".parquet"):
        raise InvalidInputError(
            f"artifact_file is {shown(artifact_file)}, accepted are names that end in .json or .parquet"
        )
    return suffix


def _table_json(names: list[str], rows: list[list[Any]]) -> str:
    """The table as JSON that browsers read, too: NaN is null, and infinity a number that every reader takes for it."""
    text = json.dumps({"columns": names, "data": rows}, ensure_ascii=False)
    return _BARE.sub(lambda found: _WRITTEN.get(found[0], found[0]), text)


def _columns(data: Any) -> dict[str, list[Any]]:
    if not isinstance(data, Mapping):
        names = getattr(data, "columns", None)
        if names is None:
            raise InvalidInputError(f"table is {shown(data)}, accepted are a dict of columns and a data frame")
        data = {str(name): data[name] for name in list(names)}
    columns = {str(name): _cells(values) for name, values in data.items()}
    if all(values is None for values in columns.values()) and columns:
        columns = {name: [plain(data[name])] for name in data}  # one row, given as single values
    found = {name: values for name, values in columns.items() if values is not None}
    lengths = {name: len(values) for name, values in found.items()}
    if len(found) != len(columns) or len(set(lengths.values())) > 1:
        raise InvalidInputError(
            f"table has columns of different length ({lengths or shown(data)}): pass lists of one length"
        )
    return found


def _cells(values: Any) -> list[Any] | None:
    """The cells of a column; None for a single value."""
    tolist = getattr(values, "tolist", None) or getattr(values, "to_list", None)
    if isinstance(values, (str, bytes, Mapping)) or (tolist is None and not isinstance(values, (list, tuple))):
        return None
    cells = tolist() if tolist is not None else values
    return [plain(cell) for cell in cells] if isinstance(cells, (list, tuple)) else None


def _joined(old: dict[str, list[Any]], new: dict[str, list[Any]]) -> dict[str, list[Any]]:
    before = len(next(iter(old.values()), []))
    after = len(next(iter(new.values()), []))
    return {
        name: [*old.get(name, [None] * before), *new.get(name, [None] * after)] for name in dict.fromkeys([*old, *new])
    }


def _read_table(path: Path) -> dict[str, list[Any]]:
    if path.suffix.lower() == ".parquet":
        table: Any = _parquet().read_table(path)
        columns: dict[str, list[Any]] = table.to_pydict()
        return columns
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return {name: [row[place] for row in read["data"]] for place, name in enumerate(read["columns"])}
    except (ValueError, KeyError, TypeError, IndexError) as fault:
        raise InvalidInputError(
            f"{path.name!r} holds no table ({fault}), accepted is what log_table wrote: log under another name"
        ) from fault


def _parquet() -> Any:
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError as fault:
        raise InvalidInputError("a .parquet table needs pyarrow: pip install pyarrow, or name it .json") from fault


# -- reading


def load_table(
    store: Store,
    experiment_id: str,
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> Any:
    """The tables of one name of many runs as one data frame, those of the run started last first.

    Args:
        store: where the runs are.
        experiment_id: whose runs, unless they are named.
        artifact_file: the name that the table was logged under.
        run_ids: the runs.
        extra_columns: what to add about the run of each row: columns that `search_runs` has, such as "run_id".

    Raises:
        NotFoundError: no run has such a table.
        InvalidInputError: an extra column that no run has, or neither pandas nor polars is installed.
    """
    _suffix(artifact_file)
    if isinstance(run_ids, str) or isinstance(extra_columns, str):
        raise InvalidInputError("run_ids and extra_columns are lists: write load_table(..., extra_columns=['run_id'])")
    runs = [run for run in _candidates(store, experiment_id, run_ids) if _has_table(run, artifact_file)]
    if not runs:
        where = "these runs" if run_ids else f"experiment {experiment_id!r}"
        raise NotFoundError(
            f"no run of {where} has a table {artifact_file!r}: log one with steno.log_table(data, {artifact_file!r}), "
            "or name the experiment with steno.set_experiment(...)"
        )
    lacking = sorted({*(run_ids or ())} - {run.info.run_id for run in runs})
    if lacking:
        warnings.warn(f"no table {artifact_file!r} in the runs {', '.join(lacking)}", StenoWarning, stacklevel=3)
    joined: dict[str, list[Any]] = {}
    about = {name: _about(runs, name) for name in extra_columns or ()}
    times: set[str] = set()
    for place, run in enumerate(runs):
        columns = _read_table(ArtifactFolder(local_path(run.info.artifact_uri)).existing(artifact_file))
        rows = len(next(iter(columns.values()), []))
        for name, values in about.items():
            free = f"{name}_" if name in columns else name
            columns[free] = [values[place]] * rows
            times |= {free} if name in _TIMES else set()
        joined = _joined(joined, columns)
    return _frame(joined, times)


def _candidates(store: Store, experiment_id: str, run_ids: Sequence[str] | None) -> Iterator[Run]:
    if run_ids:
        runs = []
        for run_id in dict.fromkeys(run_ids):
            try:
                runs.append(store.get_run(run_id))
            except NotFoundError:
                continue
        yield from sorted(runs, key=lambda run: -run.info.start_time)
        return
    token = None
    while True:
        page = store.search_runs([experiment_id], filter_string=_LISTED, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if token is None:
            return


def _has_table(run: Run, artifact_file: str) -> bool:
    try:
        listed = json.loads(run.data.tags.get(TABLES_TAG, "[]"))
    except ValueError:  # somebody else wrote the tag
        return False
    return {"path": artifact_file, "type": "table"} in listed if isinstance(listed, list) else False


def _about(runs: Sequence[Run], name: str) -> list[Any]:
    known = columns_of(runs)
    if name not in known:
        raise InvalidInputError(f"extra column is {shown(name)}, accepted are {', '.join(known)}")
    return known[name]


def _frame(columns: dict[str, list[Any]], times: set[str]) -> Any:
    if _installed("pandas"):
        pandas: Any = importlib.import_module("pandas")
        for name in times:
            columns[name] = pandas.to_datetime(pandas.Series(columns[name], dtype="Int64"), unit="ms", utc=True)
        return pandas.DataFrame(columns)
    if _installed("polars"):
        polars: Any = importlib.import_module("polars")
        time = polars.Datetime("ms", "UTC")
        frame = polars.DataFrame(columns, strict=False)
        return frame.with_columns(polars.col(name).cast(polars.Int64).cast(time) for name in sorted(times))
    raise InvalidInputError(
        "load_table needs pandas or polars, and neither is installed: pip install pandas, or read the file at "
        "steno.artifacts.download_artifacts(run_id=..., artifact_path=...)"
    )


def _installed(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None

"""The tables. Plain SQLAlchemy Core, the same on SQLite and PostgreSQL; golden copy in `tests/golden/schema.sql`.

Metrics are kept twice: `metric_chunk` has every point, packed; `metric` has the latest point of each series, and is
what searches read. `run.doc` is a cache of everything that hangs on a finished run, NULL while the run is going.
Keys are numbers, names are in `key`. NaN is NULL in every column of values. Times are milliseconds since 1970.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from steno.store.text import KEY_LENGTH, VALUE_LENGTH

__all__ = [
    "SCHEMA_VERSION",
    "dataset",
    "ddl",
    "experiment",
    "experiment_tag",
    "journal",
    "key",
    "logged_model",
    "logged_model_tag",
    "metadata",
    "metric",
    "metric_chunk",
    "param",
    "run",
    "run_dataset",
    "schema_version",
    "tag",
]

SCHEMA_VERSION = 1

metadata = sa.MetaData()
Column = sa.Column
Int = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite's rowid needs the word INTEGER
Float: sa.Double[float] = sa.Double()


def _text(length: int) -> sa.String:
    """Text that sorts by code point in every database, as Python does."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


schema_version = sa.Table("schema_version", metadata, Column("version", Int, nullable=False))

key = sa.Table(
    "key",
    metadata,
    Column("id", Int, primary_key=True),
    Column("name", _text(KEY_LENGTH), nullable=False, unique=True),
    Column("full_name", sa.Text()),  # only where the name is too long for the index
)

experiment = sa.Table(
    "experiment",
    metadata,
    Column("id", Int, primary_key=True),
    Column("name", _text(500), nullable=False),
    Column("artifact_uri", sa.Text(), nullable=False),
    Column("created_at", Int, nullable=False),
    Column("updated_at", Int, nullable=False),
    Column("deleted_at", Int),
    sqlite_autoincrement=True,  # an id is never given twice, not even after the last experiment is gone
)
_named = experiment.c.deleted_at.is_(None)
sa.Index("ux_experiment_name", experiment.c.name, unique=True, sqlite_where=_named, postgresql_where=_named)

run = sa.Table(
    "run",
    metadata,
    Column("id", Int, primary_key=True),  # order of creation: every tie and every page token
    Column("uuid", _text(256), nullable=False, unique=True),
    Column("experiment_id", Int, nullable=False),
    Column("name", sa.Text(), nullable=False),
    Column("owner", sa.Text(), nullable=False),
    Column("status", sa.SmallInteger(), nullable=False),
    Column("start_time", Int, nullable=False),
    Column("end_time", Int),
    Column("deleted_at", Int),
    Column("artifact_uri", sa.Text(), nullable=False),
    Column("doc", sa.Text()),  # last, so that what stands before it is read without it
    sa.Index("ix_run_time", "experiment_id", "start_time", "id"),
)

metric = sa.Table(
    "metric",
    metadata,
    Column("run_id", Int, nullable=False),
    Column("key_id", Int, nullable=False),
    Column("n", Int, nullable=False),
    Column("step", Int, nullable=False),
    Column("ts", Int, nullable=False),
    Column("value", Float),
    Column("bits", Int),  # the value's 64 bits where the database would change them: -0.0
    sa.PrimaryKeyConstraint("run_id", "key_id"),
    sa.Index("ix_metric", "key_id", "value", "run_id"),
    sqlite_with_rowid=False,
)

metric_chunk = sa.Table(
    "metric_chunk",
    metadata,
    Column("id", Int, primary_key=True),  # order of arrival
    Column("run_id", Int, nullable=False),
    Column("key_id", Int, nullable=False),
    Column("n", Int, nullable=False),
    Column("step0", Int, nullable=False),
    Column("step1", Int, nullable=False),
    Column("ts0", Int, nullable=False),
    Column("ts1", Int, nullable=False),
    Column("v0", Float),
    Column("v1", Float),
    Column("data", sa.LargeBinary(), nullable=False),
    sa.Index("ix_chunk", "run_id", "key_id", "id"),
)


def _attributes(name: str, owner: str, *columns: sa.Column[object]) -> sa.Table:
    """Texts by key: `value` is the part that is indexed, `rest` what goes beyond it."""
    return sa.Table(
        name,
        metadata,
        Column(owner, Int, nullable=False),
        Column("key_id", Int, nullable=False),
        Column("value", _text(VALUE_LENGTH), nullable=False),
        Column("rest", sa.Text()),
        *columns,
        sa.PrimaryKeyConstraint(owner, "key_id"),
        sa.Index(f"ix_{name}", "key_id", "value", owner),
        sqlite_with_rowid=False,
    )


param = _attributes(
    "param",
    "run_id",
    Column("kind", sa.String(8), nullable=False),
    Column("number", Float),  # what it is compared and sorted by when it is a number
)
_numeric = param.c.number.is_not(None)
sa.Index(
    "ix_param_number",
    param.c.key_id,
    param.c.number,
    param.c.run_id,
    sqlite_where=_numeric,
    postgresql_where=_numeric,
)
tag = _attributes("tag", "run_id")
experiment_tag = _attributes("experiment_tag", "experiment_id")
logged_model_tag = _attributes("logged_model_tag", "model_id")

dataset = sa.Table(
    "dataset",
    metadata,
    Column("id", Int, primary_key=True),
    Column("identity", sa.String(64), nullable=False, unique=True),  # hash of all that follows
    Column("name", sa.Text(), nullable=False),
    Column("digest", sa.Text(), nullable=False),
    Column("source_type", sa.Text(), nullable=False),
    Column("source", sa.Text(), nullable=False),
    Column("schema", sa.Text()),
    Column("profile", sa.Text()),
)

run_dataset = sa.Table(
    "run_dataset",
    metadata,
    Column("id", Int, primary_key=True),
    Column("run_id", Int, nullable=False),
    Column("dataset_id", Int, nullable=False),
    Column("context", sa.String(255), nullable=False),  # of the tags, the one that searches ask for; "" where it lacks
    Column("tags", sa.Text(), nullable=False),  # JSON
    sa.Index("ix_run_dataset", "run_id", "dataset_id", "context", unique=True),
)

logged_model = sa.Table(
    "logged_model",
    metadata,
    Column("id", Int, primary_key=True),
    Column("uuid", _text(256), nullable=False, unique=True),
    Column("run_id", Int, nullable=False),
    Column("experiment_id", Int, nullable=False),
    Column("name", sa.Text(), nullable=False),
    Column("artifact_uri", sa.Text(), nullable=False),
    Column("created_at", Int, nullable=False),
    Column("updated_at", Int, nullable=False),
    Column("status", sa.String(8), nullable=False),
    Column("model_type", sa.Text(), nullable=False),
    Column("step", Int, nullable=False),
    sa.Index("ix_logged_model_run", "run_id", "id"),
)

journal = sa.Table(
    "journal",
    metadata,
    Column("journal_id", _text(250), primary_key=True),
    Column("offset", Int, nullable=False),
    sqlite_with_rowid=False,
)


def ddl(dialect: sa.Dialect) -> str:
    """The statements that create the schema, as one script."""
    made: list[str] = []
    for table in metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)))
        made += [str(CreateIndex(index).compile(dialect=dialect)) for index in sorted(table.indexes, key=_name)]
    return "".join(f"{statement.strip()};\n\n" for statement in made)


def _name(index: sa.Index) -> str:
    return str(index.name)

"""How recorded values read on a screen: numbers, durations, which metrics matter, whether lower is better.

Shared by the command line and the notebook; text only, no terminal codes and no HTML.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from steno.entities import Metric, Run

__all__ = [
    "ago",
    "better",
    "curves",
    "duration",
    "failure",
    "family",
    "headline",
    "lower_is_better",
    "moment",
    "number",
    "position",
    "printable",
    "resampled",
    "seconds_of",
    "size",
    "sparkline",
    "subject",
]

_SEPARATOR = re.compile(r"[^a-z0-9]+")
_LOWER = re.compile(
    r"\b(\w*loss|\w*error|\w*loglik|merr|err|rms\w*e|m[as]p?h?e|smape|deviance|perplexity|ppl|nll|brier|wer|cer|fid|regret"
    r"|divergence|entropy|impurity|inertia|distance|hinge|pinball|quantile|bouldin|bic|aic)\b"
)
_HIGHER = re.compile(
    r"\b(\w*score|\w*accuracy|acc|\w*auc\w*|\w*roc|precision|recall|f1|fbeta|r2|map|ndcg|pre|mcc|kappa|iou|jaccard|dice"
    r"|bleu|rouge|specificity|sensitivity|variance|rand|silhouette|homogeneity|completeness|correlation|pearson|spearman"
    r"|matthews|reward|likelihood)\b"
)
_NEITHER = re.compile(r"\b(std|stddev|time|times|seconds|count)\b")
_NEGATED = re.compile(r"\bneg(ative)?\b")
_PART = re.compile(r"^(train(ing)?|val(id(ation)?)?|test|eval(uation)?|dev|holdout|oof)(_\d+)?(?=[-_/.])[-_/.]+")
_TRAINING = re.compile(r"(^|[-_/.])train(ing)?([-_/.]|$)", re.IGNORECASE)
_BARS = "▁▂▃▄▅▆▇█"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Recorded text without what would steer a terminal: control codes and changes of direction; line ends stay."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def number(value: float) -> str:
    """A number in at most four significant digits, or whole if it is whole and short.

    >>> [number(value) for value in (0.953216, 12.0, 123456.7, 0.000012345, float("nan"), -3.5)]
    ['0.9532', '12', '123457', '1.234e-05', 'nan', '-3.5']
    """
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e9:
        return str(int(value))
    if 1000 <= abs(value) < 1e9:
        return f"{value:.0f}"
    return f"{value:.4g}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them; "–" where there is no end yet.

    >>> [duration(value) for value in (0.0123, 0.84, 12.34, 192, 7500, None)]
    ['12 ms', '0.84 s', '12.3 s', '3 min 12 s', '2 h 05 min', '–']
    """
    if seconds is None:
        return "–"
    if seconds < 0.0995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def seconds_of(run: Run, now_ms: float | None = None) -> float | None:
    """How long the run took, or has been going until `now_ms`; None if that cannot be known."""
    if run.info.duration_s is not None or now_ms is None:
        return run.info.duration_s
    return (now_ms - run.info.start_time) / 1000


def ago(then_ms: float, now_ms: float) -> str:
    """How long ago a moment was, in one unit; the date if that is more than a week.

    >>> [ago(0, now * 1000) for now in (3, 42, 300, 7200, 200_000)]
    ['just now', '42 s ago', '5 min ago', '2 h ago', '2 days ago']
    """
    seconds = (now_ms - then_ms) / 1000
    if seconds < 10:
        return "just now"
    for limit, unit, word in ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h")):
        if seconds < limit:
            return f"{seconds // unit:.0f} {word} ago"
    days = int(seconds // 86_400)
    if days <= 7:
        return "1 day ago" if days == 1 else f"{days} days ago"
    return moment(then_ms)[:10]


def moment(milliseconds: float) -> str:
    """A point in time as local date and time, to the second."""
    local = dt.datetime.fromtimestamp(milliseconds / 1000, tz=dt.UTC).astimezone()
    return local.strftime("%Y-%m-%d %H:%M:%S")


def size(count: float) -> str:
    """A number of bytes.

    >>> [size(value) for value in (512, 2048, 5_300_000)]
    ['512 B', '2.0 kB', '5.3 MB']
    """
    if count < 1000:
        return f"{count:.0f} B"
    power = min(int(math.log10(count)) // 3, 4)
    return f"{count / 1000**power:.1f} {(' ', 'kB', 'MB', 'GB', 'TB')[power]}"


def lower_is_better(key: str) -> bool | None:
    """Whether a smaller value of this metric is better, from its name; None if the name does not say.

    >>> [lower_is_better(key) for key in ("val-mlogloss", "accuracy_score", "neg_mean_squared_error", "best_iteration")]
    [True, False, False, None]
    """
    words = _SEPARATOR.sub(" ", key.lower())
    if _NEITHER.search(words):  # std_test_score says how scores spread, mean_score_time how long scoring took
        return None
    if _NEGATED.search(words):
        return False
    if _LOWER.search(words):
        return True
    return False if _HIGHER.search(words) else None


def better(key: str, values: Iterable[float]) -> float | None:
    """The best of `values` by the metric's direction; None if that is unknown or nothing is a number."""
    lower = lower_is_better(key)
    known = [value for value in values if not math.isnan(value)]
    if lower is None or not known:
        return None
    return min(known) if lower else max(known)


def headline(metrics: Iterable[str], limit: int = 4) -> list[str]:
    """The metrics to show first: scores on held-out data before scores on training data, the rest last.

    >>> headline(["training_score", "epoch", "accuracy_score_X_test", "training_log_loss"], 3)
    ['accuracy_score_X_test', 'training_score', 'training_log_loss']
    """
    return sorted(metrics, key=_rank)[:limit]


_FAVOURITES = ("acc", "auc", "f1", "r2", "rmse", "root_mean", "logloss", "best_cv", "score", "loss")


def _rank(key: str) -> tuple[bool, bool, int]:
    low = key.lower()
    favourite = next((place for place, word in enumerate(_FAVOURITES) if word in low), len(_FAVOURITES))
    return lower_is_better(key) is None, bool(_TRAINING.search(key)), favourite


def family(key: str) -> str:
    """What a curve measures, without the data it was measured on: curves of one family share a chart.

    >>> family("validation_0-logloss"), family("val_loss"), family("loss"), family("train/acc")
    ('logloss', 'loss', 'loss', 'acc')
    """
    head, dash, tail = key.rpartition("-")
    return (tail if dash and head else _PART.sub("", key)) or key


def curves(latest: Mapping[str, Metric]) -> list[list[str]]:
    """The metrics that have a curve (their last step is not the first), in families, losses first."""
    families: dict[str, list[str]] = {}
    for key, point in latest.items():
        if point.step > 0 and not key.startswith("system/"):
            families.setdefault(family(key), []).append(key)
    return sorted(families.values(), key=lambda keys: (lower_is_better(keys[0]) is None, -len(keys)))


def resampled(values: Sequence[float], count: int) -> list[float]:
    """At most `count` values that keep the shape: the mean of the finite ones of each stretch.

    >>> resampled([1, 1, 2, 4, 5, 5], 3)
    [1.0, 3.0, 5.0]
    """
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) <= count:
        return finite
    edges = [round(place * len(finite) / count) for place in range(count + 1)]
    return [math.fsum(value / (b - a) for value in finite[a:b]) for a, b in itertools.pairwise(edges)]


def position(value: float, low: float, high: float) -> float:
    """Where `value` lies between `low` and `high`, from 0 to 1; ranges wider than a float can say are no trouble."""
    half = high / 2 - low / 2
    return min(1.0, max(0.0, (value / 2 - low / 2) / half)) if half > 0 else 0.0


def sparkline(values: Sequence[float], width: int = 12) -> str:
    """A curve in one line of text; "" if there is no finite value.

    >>> sparkline([8, 4, 2, 1, 1])
    '█▄▂▁▁'
    """
    shape = resampled(values, width)
    if not shape:
        return ""
    low, high = min(shape), max(shape)
    return "".join(_BARS[round(position(value, low, high) * (len(_BARS) - 1))] for value in shape)


def subject(run: Run) -> str:
    """What was trained, as far as the run says: the estimator's name, else the framework."""
    tags = run.data.tags
    return tags.get("estimator_name") or tags.get("mlflow.autologging") or ""


def failure(run: Run) -> tuple[str, str]:
    """What ended the run too early, in a line such as "ValueError: Input X contains NaN.", and its traceback or ""."""
    text = run.data.tags.get("steno.error", "")
    if not text.startswith("{"):
        return text, ""
    try:
        error = json.loads(text)
    except ValueError:
        return text, ""
    parts = [str(error.get(key) or "") for key in ("type", "message", "traceback")]
    return ": ".join(part for part in parts[:2] if part), parts[2]

"""The card of a run as HTML: no script, nothing from elsewhere, readable where its style is stripped.

Everything recorded is escaped here, by `_safe`; markup is written in this module and nowhere else. Classes begin with
`steno-`. Colours follow the reader: the host's own dark theme where it says so, else `prefers-color-scheme`.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from steno.display import (
    duration,
    failure,
    headline,
    lower_is_better,
    number,
    position,
    printable,
    resampled,
    seconds_of,
    subject,
)
from steno.entities import Run

__all__ = ["Best", "Card", "card_html", "card_text", "many_html", "many_text"]

_SPARK = (148, 34)
_POINTS = 74
_TILES = 4
_COLOURS = ("var(--steno-a)", "var(--steno-b)", "var(--steno-c)")
_BREAK = re.compile(r"[-_/.]")
_STATUS = {
    "FINISHED": ("good", "finished"),
    "FAILED": ("bad", "failed"),
    "KILLED": ("warn", "killed"),
    "RUNNING": ("going", "running"),
    "SCHEDULED": ("going", "scheduled"),
}
_DARK = (
    "--steno-good:#3fb950;--steno-bad:#ff7b72;--steno-warn:#d29922;"
    "--steno-a:#58a6ff;--steno-b:#f0883e;--steno-c:#bc8cff"
)
_LIGHT = (
    "--steno-good:#1a7f37;--steno-bad:#cf222e;--steno-warn:#9a6700;"
    "--steno-a:#0969da;--steno-b:#bc4c00;--steno-c:#8250df"
)
_STYLE = f"""<style>
.steno-card{{{_LIGHT};--steno-line:color-mix(in srgb,currentColor 16%,transparent);
--steno-soft:color-mix(in srgb,currentColor 62%,transparent);
font:13px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:inherit;max-width:760px;margin:4px 0;
padding:10px 14px;border:1px solid var(--steno-line);border-radius:8px;box-sizing:border-box}}
@media (prefers-color-scheme:dark){{.steno-card{{{_DARK}}}}}
[data-jp-theme-light=true] .steno-card,.vscode-light .steno-card,[theme=light] .steno-card{{{_LIGHT}}}
[data-jp-theme-light=false] .steno-card,.vscode-dark .steno-card,[theme=dark] .steno-card{{{_DARK}}}
.steno-head{{display:flex;gap:4px 10px;align-items:baseline;flex-wrap:wrap}}
.steno-name{{font-weight:600;overflow-wrap:anywhere}}
.steno-dot{{display:inline-block;width:8px;height:8px;border-radius:50%;background:currentColor;margin-right:7px}}
.steno-good{{color:var(--steno-good)}}.steno-bad{{color:var(--steno-bad)}}.steno-warn{{color:var(--steno-warn)}}
.steno-going{{color:var(--steno-a)}}.steno-soft{{color:var(--steno-soft)}}.steno-end{{margin-left:auto}}
.steno-tiles{{display:flex;flex-wrap:wrap;gap:10px 28px;margin:8px 0 2px}}
.steno-key{{font-size:11.5px;color:var(--steno-soft);overflow-wrap:anywhere}}
.steno-value{{font-size:19px;font-weight:600;font-variant-numeric:tabular-nums;line-height:1.25}}
.steno-value small{{font-size:12px;font-weight:500;margin-left:5px}}
.steno-card svg{{display:block;overflow:visible}}
.steno-error{{margin:8px 0 2px;padding:6px 10px;border-left:3px solid var(--steno-bad);white-space:pre-wrap;
overflow-wrap:anywhere;font:12px/1.45 ui-monospace,Menlo,Consolas,monospace}}
.steno-card details{{margin-top:6px}}.steno-card summary{{cursor:pointer;color:var(--steno-soft);font-size:12px}}
.steno-pairs{{display:grid;grid-template-columns:repeat(auto-fill,minmax(205px,1fr));gap:2px 22px;margin-top:5px;
font-size:12px}}
.steno-pairs div{{display:flex;justify-content:space-between;gap:10px;border-bottom:1px solid var(--steno-line);
padding:1px 0}}
.steno-pairs b{{font-weight:500;text-align:right;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}}
.steno-card table{{border-collapse:collapse;width:100%;margin:6px 0 0;font-size:12.5px;color:inherit}}
.steno-card th,.steno-card td{{padding:4px 12px 4px 0;border:0;border-bottom:1px solid var(--steno-line);
background:none;text-align:left;vertical-align:middle;white-space:nowrap}}
.steno-card th{{font-weight:500;color:var(--steno-soft);font-size:11.5px;vertical-align:bottom;white-space:normal;
max-width:120px}}
.steno-card td:first-child{{max-width:190px;overflow:hidden;text-overflow:ellipsis}}
.steno-card tr>:last-child{{padding-right:0}}.steno-card tbody tr:last-child td{{border-bottom:0}}
.steno-card .steno-right{{text-align:right;font-variant-numeric:tabular-nums}}
</style>"""


@dataclass(frozen=True, slots=True)
class Best:
    """The best earlier value of a metric, and the run that has it."""

    value: float
    run_name: str


@dataclass(frozen=True, slots=True)
class Card:
    """What a card shows of one run.

    Attributes:
        best: the best earlier run of the experiment, by metric.
        curves: the values of the curves of one family, in order of steps, by metric.
    """

    run: Run
    best: Mapping[str, Best] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def error(self) -> str:
        """The exception that ended the run, "" if none did."""
        return failure(self.run)[0]

    @property
    def keys(self) -> list[str]:
        """The metrics on the card: one of several that are equal, such as a score and the accuracy."""
        told: list[float] = []
        keys: list[str] = []
        for key in headline(self.run.data.metrics, len(self.run.data.metrics)):
            value = self.run.data.metrics[key]
            if value not in told and not (keys and lower_is_better(key) is None):
                told.append(value)
                keys.append(key)
        return keys[:_TILES]


def card_html(card: Card) -> str:
    """The card of one run."""
    run = card.run
    parts = [_head(run), _error(card.error)]
    tiles = [_tile(card, key) for key in card.keys]
    spark = _sparks(card.curves)
    if tiles or spark:
        parts.append(f'<div class="steno-tiles">{"".join(tiles)}{spark}</div>')
    return _framed(*parts, _fold(card))


def many_html(cards: Sequence[Card], more: int, failed: int = 0) -> str:
    """One table for several runs, how many more there are, and how many of all did not finish."""
    keys = _shared_keys(cards)
    curved = any(card.curves for card in cards)
    params = _varying(cards)
    heads = "".join(f'<th class="steno-right">{_safe(_spaced(key, 0))}</th>' for key in (*params, *keys))
    rows = "".join(_row(card, params, keys, curved=curved) for card in cards)
    total = len(cards) + more
    count = f'<span class="steno-name">{total} runs</span>'
    if failed:
        count += f'<span class="steno-bad">{failed} did not finish</span>'
    rest = f'<span class="steno-soft steno-end">the best {len(cards)}, +{more} more</span>' if more else ""
    return _framed(
        f'<div class="steno-head">{count}{rest}</div>',
        f"<table><thead><tr><th>run</th><th>trained</th>{heads}{'<th></th>' if curved else ''}"
        f'<th class="steno-right">took</th></tr></thead><tbody>{rows}</tbody></table>',
    )


def card_text(card: Card) -> str:
    """The card in one line, for terminals and for notebooks read as text."""
    run = card.run
    facts = [
        " ".join(part for part in (f"steno: {run.info.run_name}", _STATUS[run.info.status][1]) if part),
        subject(run),
        duration(seconds_of(run)),
        *(f"{key} {number(run.data.metrics[key])}{_change_text(card, key)}" for key in card.keys[:3]),
        card.error.partition("\n")[0],
    ]
    return " · ".join(" ".join(printable(fact).split()) for fact in facts if fact)


def many_text(cards: Sequence[Card], more: int) -> str:
    """Several runs in one line."""
    best = card_text(cards[0]).removeprefix("steno: ") if cards else ""
    return f"steno: {len(cards) + more} runs · {best}"


def _framed(*parts: str) -> str:
    return f'{_STYLE}<div class="steno-card">{"".join(parts)}</div>'


def _head(run: Run) -> str:
    trained = f'<span class="steno-soft">{_safe(subject(run))}</span>' if subject(run) else ""
    colour, word = _STATUS[run.info.status]
    return (
        f'<div class="steno-head"><span>{_dot(run)}<span class="steno-name">{_safe(run.info.run_name)}</span></span> '
        f'{trained} <span class="steno-end steno-soft"><span class="steno-{colour}">{word}</span> '
        f"in {duration(seconds_of(run))}</span></div>"
    )


def _dot(run: Run) -> str:
    colour, word = _STATUS[run.info.status]
    return f'<span class="steno-dot steno-{colour}" title="{word}"></span>'


def _error(text: str) -> str:
    return f'<div class="steno-error">{_safe(text, 600)}</div>' if text else ""


def _tile(card: Card, key: str) -> str:
    value = number(card.run.data.metrics[key])
    return (
        f'<div><div class="steno-key">{_safe(_spaced(key))}</div>'
        f'<div class="steno-value">{_safe(value)} {_change_html(card, key)}</div></div>'
    )


def _change(card: Card, key: str) -> tuple[float, bool] | None:
    """The change against the best earlier run, and whether it is for the better."""
    best = card.best.get(key)
    lower = lower_is_better(key)
    if best is None or lower is None:
        return None
    delta = card.run.data.metrics[key] - best.value
    return (delta, (delta < 0) == lower) if math.isfinite(delta) else None


def _change_text(card: Card, key: str) -> str:
    change = _change(card, key)
    if change is None:
        return ""
    return " (= best)" if change[0] == 0 else f" ({change[0]:+.3g} vs best)"


def _change_html(card: Card, key: str) -> str:
    change = _change(card, key)
    if change is None:
        return ""
    delta, improved = change
    title = f"best earlier run: {card.best[key].run_name}, {number(card.best[key].value)}"
    if delta == 0:
        return f'<small class="steno-soft" title="{_safe(title)}">= best</small>'
    arrow, colour = ("▲" if delta > 0 else "▼"), ("good" if improved else "bad")
    return f'<small class="steno-{colour}" title="{_safe(title)}">{arrow} {abs(delta):.3g}</small>'


def _sparks(curves: Mapping[str, Sequence[float]]) -> str:
    if not curves:
        return ""
    names = " ".join(
        f'<span style="color:{colour}">{_safe(_spaced(key))}</span>'
        for key, colour in zip(curves, _COLOURS, strict=False)
    )
    return f'<div><div class="steno-key">{names}</div>{_svg(curves, *_SPARK)}</div>'


def _svg(curves: Mapping[str, Sequence[float]], width: int, height: int) -> str:
    """Curves as lines on one scale, the last point of each marked."""
    shapes = [resampled(values, _POINTS) for values in curves.values()]
    known = [value for shape in shapes for value in shape]
    if not known:
        return ""
    low, high = min(known), max(known)
    lines = []
    for shape, colour in zip(shapes, _COLOURS, strict=False):
        if not shape:
            continue
        step = width / max(len(shape) - 1, 1)
        dots = [(place * step, height * (1 - position(value, low, high))) for place, value in enumerate(shape)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
        lines.append(
            f'<polyline points="{path}" fill="none" stroke-width="1.6" style="stroke:{colour}"/>'
            f'<circle cx="{dots[-1][0]:.1f}" cy="{dots[-1][1]:.1f}" r="2.4" style="fill:{colour}"/>'
        )
    label = _safe(", ".join(f"{key} {number(values[-1])}" for key, values in curves.items() if len(values)))
    return (
        f'<svg width="{width}" height="{height + 6}" viewBox="0 -3 {width} {height + 6}" role="img" '
        f'aria-label="{label}"><title>{label}</title>{"".join(lines)}</svg>'
    )


def _fold(card: Card) -> str:
    """All params and the metrics that have no tile, folded."""
    metrics = {key: number(value) for key, value in card.run.data.metrics.items() if key not in card.keys}
    kinds = (("param", card.run.data.params), ("more metric", metrics))
    sections = [(_count(len(pairs), word), pairs) for word, pairs in kinds]
    told = ", ".join(summary for summary, pairs in sections if pairs)
    rows = "".join(_pairs(pairs) for _, pairs in sections if pairs)
    return f"<details><summary>{told}</summary>{rows}</details>" if told else ""


def _count(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _pairs(pairs: Mapping[str, str]) -> str:
    rows = "".join(
        f"<div><span>{_safe(key, 80)}</span> <b>{_safe(value, 120)}</b></div>" for key, value in pairs.items()
    )
    return f'<div class="steno-pairs">{rows}</div>'


def _row(card: Card, params: Sequence[str], keys: Sequence[str], *, curved: bool) -> str:
    metrics = card.run.data.metrics
    texts = [card.run.data.params.get(key, "–") for key in params]
    texts += [number(metrics[key]) if key in metrics else "–" for key in keys]
    values = "".join(f'<td class="steno-right">{_safe(text, 24)}</td>' for text in texts)
    spark = f"<td>{_svg(card.curves, 64, 16) if card.curves else ''}</td>" if curved else ""
    title = f' title="{_safe(card.error, 300)}"' if card.error else ""
    return (
        f'<tr><td{title}>{_dot(card.run)}<span class="steno-name">{_safe(card.run.info.run_name)}</span></td>'
        f"<td>{_safe(subject(card.run))}</td>{values}{spark}"
        f'<td class="steno-right steno-soft">{duration(seconds_of(card.run))}</td></tr>'
    )


def _shared_keys(cards: Sequence[Card]) -> list[str]:
    """Up to three metrics, those first that most of the runs have."""
    keys = headline(dict.fromkeys(key for card in cards for key in card.keys), 99)
    return sorted(keys, key=lambda key: -sum(key in card.run.data.metrics for card in cards))[:3]


def _varying(cards: Sequence[Card]) -> list[str]:
    """Up to two params that all the runs have and that tell them apart, numbers before text."""
    runs = [card.run.data.params for card in cards]
    params = {key: [run[key] for run in runs] for key in runs[0] if all(key in run for run in runs)} if runs else {}
    varying = [key for key, values in params.items() if len(set(values)) > 1]
    return sorted(varying, key=lambda key: any(value.number is None for value in params[key]))[:2]


def _spaced(key: str, limit: int = 24) -> str:
    """A long name with places to break: a zero-width space after each `_`, `-` and `/`."""
    return _BREAK.sub("\\g<0>\u200b", key) if len(key) > limit else key


def _safe(text: str, limit: int = 200) -> str:
    """Any recorded text as HTML text or attribute value."""
    return html.escape(printable(text if len(text) <= limit else text[: limit - 1] + "…"))

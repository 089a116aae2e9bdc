"""What people do with a patched function, tried under three ways of patching, in an interpreter that nothing else uses.

`python tests/docs/compatibility.py` writes the table of docs/explanation/what-autolog-does.md anew.
"""

from __future__ import annotations

import copy
import functools
import inspect
import json
import os
import pickle
import pydoc
import subprocess
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import wrapt

PAGE = Path(__file__).resolve().parents[2] / "docs/explanation/what-autolog-does.md"
BEGIN = "<!-- compatibility: made by `python tests/docs/compatibility.py` -->"
END = "<!-- /compatibility -->"
WAYS = {"wrapt": "plain wrapt", "attribute": "`STENO_PATCH=attribute`", "in place": "in place (default)"}
"""Each way of patching, and its column."""

REFUSALS = (TypeError, RuntimeError, pickle.PicklingError, wrapt.WrapperNotOutermostError)
"""What a patched function that cannot do something raises; anything else is a fault of the check."""

KINDS = ("isfunction", "isroutine", "ismethod", "iscoroutinefunction", "isgeneratorfunction")


class PlainWrapt:
    """Patches as wrapt's own functions make them and take them away."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Any]] = []

    def install(self, owner: Any, name: str, handler: Callable[..., Any], *, label: str) -> None:
        """Patch one attribute."""
        del label
        self._made.append((owner, name, wrapt.wrap_function_wrapper(owner, name, handler)))

    def undo(self) -> None:
        """Take all patches away; what is buried under another tool's wrapper raises."""
        while self._made:
            owner, name, wrapper = self._made[-1]
            wrapt.unwrap_object(owner, name, wrapper, missing_ok=True)
            self._made.pop()

    def reapply(self) -> None:
        """Nothing: wrapt keeps no record of patches."""


class Bench:
    """A method and a function of scikit-learn, to be patched.

    Attributes:
        way: how they are patched.
        calls: the names of patched functions as they were called.
        facts: what introspection said of the targets while nothing was patched.
    """

    def __init__(self) -> None:
        import sklearn.metrics
        from sklearn.datasets import load_iris
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import accuracy_score

        self.way = ""
        self.calls: list[str] = []
        self.X, self.y = load_iris(return_X_y=True)
        self.Model: Any = LogisticRegression
        self.metrics: Any = sklearn.metrics
        self.early_copy: Any = accuracy_score
        self.facts = self.described()
        self.method, self.code = vars(LogisticRegression)["fit"], LogisticRegression.fit.__code__
        self.weights = self.fitted().coef_.tobytes()

    def model(self) -> Any:
        """A small model."""
        return self.Model(max_iter=200)

    def fitted(self) -> Any:
        """The same, trained."""
        return self.model().fit(self.X, self.y)

    def described(self) -> dict[str, list[Any]]:
        """All that introspection says of the targets."""
        targets = (self.Model.fit, self.metrics.accuracy_score)
        return {
            "signature": [inspect.signature(each) for each in targets],
            "own signature": [inspect.signature(each, follow_wrapped=False) for each in targets],
            "argspec": [inspect.getfullargspec(each) for each in targets],
            "source": [inspect.getsource(each) for each in targets],
            "help": [pydoc.render_doc(each) for each in targets],
            "names": [(each.__name__, each.__qualname__, each.__module__, each.__doc__) for each in targets],
            "annotations": [inspect.get_annotations(each) for each in targets],
            "kinds": [[getattr(inspect, kind)(each) for kind in KINDS] for each in (*targets, self.Model().fit)],
        }

    @contextmanager
    def patched(self, *targets: tuple[Any, str]) -> Iterator[Any]:
        """The targets patched; yields what undoes it."""
        from steno.autologging.patches import PatchJournal

        os.environ["STENO_PATCH"] = "attribute" if self.way == "attribute" else "in place"
        patches: Any = PlainWrapt() if self.way == "wrapt" else PatchJournal()
        for owner, name in targets or ((self.Model, "fit"), (self.metrics, "accuracy_score")):
            patches.install(owner, name, self._note, label="compatibility")
        self.calls.clear()
        try:
            yield patches
        finally:
            patches.undo()

    def _note(self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.calls.append(wrapped.__name__)
        return wrapped(*args, **kwargs)


Check = Callable[[Bench], object]
CHECKS: dict[str, Check] = {}
"""What has to hold, in words, and whether it does; an exception counts as no."""


def check(text: str) -> Callable[[Check], Check]:
    """Enter a function as a check."""

    def enter(function: Check) -> Check:
        CHECKS[text] = function
        return function

    return enter


def while_patched(text: str, function: Check) -> None:
    """Enter a check that is made while both targets are patched."""

    def patched(bench: Bench) -> object:
        with bench.patched():
            return function(bench)

    CHECKS[text] = patched


# -- what it is

while_patched("`vars(Model)['fit']` is a plain function", lambda b: type(vars(b.Model)["fit"]) is types.FunctionType)
while_patched("`vars(Model)['fit']` is the object that it was", lambda b: vars(b.Model)["fit"] is b.method)
while_patched("`type(model.fit)` is `MethodType`", lambda b: type(b.Model().fit) is types.MethodType)
while_patched("`model.fit == model.fit`, with equal hashes", lambda b: len({(m := b.Model()).fit, m.fit}) == 1)
while_patched("`weakref.WeakMethod(model.fit)`", lambda b: weakref.WeakMethod((m := b.Model()).fit)() == m.fit)
for fact, text in {
    "signature": "`inspect.signature`",
    "own signature": "`inspect.signature(follow_wrapped=False)`",
    "argspec": "`inspect.getfullargspec`",
    "source": "`inspect.getsource`",
    "help": "`help()`",
    "names": "names, module, docstring",
    "annotations": "annotations",
    "kinds": "`isfunction`, `ismethod`, `iscoroutinefunction`, ...",
}.items():
    while_patched(f"{text}: unchanged", lambda b, fact=fact: b.described()[fact] == b.facts[fact])  # type: ignore[misc]

# -- who calls it

while_patched("a copy made by an earlier `from ... import` is watched", lambda b: b.early_copy(b.y, b.y) and b.calls)


@check("`get_scorer('accuracy')`, a table made at import, is watched")
def _scorer(bench: Bench) -> object:
    model = bench.fitted()
    with bench.patched():
        bench.metrics.get_scorer("accuracy")(model, bench.X, bench.y)
        return bench.calls == ["accuracy_score"]


@check("`super().fit` of a subclass is watched, once")
def _super(bench: Bench) -> object:
    class Sub(bench.Model):  # type: ignore[misc, name-defined]
        def fit(self, X: Any, y: Any) -> Any:
            return super().fit(X, y)

    with bench.patched():
        Sub(max_iter=200).fit(bench.X, bench.y)
        return bench.calls == ["fit"]


@check("an error ends in the framework's frame, with nothing chained")
def _error(bench: Bench) -> object:
    with bench.patched():
        try:
            bench.Model(C=-1).fit(bench.X, bench.y)
        except ValueError as error:
            trace, chained = error.__traceback__, error.__context__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            return chained is None and trace is not None and "sklearn" in trace.tb_frame.f_code.co_filename
    return False


while_patched("the model is the same bit for bit", lambda b: b.fitted().coef_.tobytes() == b.weights)

# -- pickles and copies


def _clean(thing: Any, dumps: Callable[[Any], bytes] = pickle.dumps) -> bool:
    data = dumps(thing)
    pickle.loads(data)
    return b"steno" not in data and b"wrapt" not in data


def _cloudpickled(thing: Any) -> bytes:
    import cloudpickle

    data: bytes = cloudpickle.dumps(thing)
    return data


while_patched("pickle of a fitted model", lambda b: _clean(b.fitted()))
while_patched("`copy.deepcopy` of a fitted model", lambda b: copy.deepcopy(b.fitted()).coef_.tobytes() == b.weights)
while_patched("pickle of `model.fit`", lambda b: _clean(b.Model().fit))
while_patched("cloudpickle of `model.fit`", lambda b: _clean(b.Model().fit, _cloudpickled))
while_patched("`copy.deepcopy` of `model.fit`", lambda b: copy.deepcopy((m := b.Model()).fit).__self__ is not m)
while_patched("pickle of `Model.fit`", lambda b: _clean(b.Model.fit))
while_patched("`copy.copy` of `Model.fit`", lambda b: copy.copy(b.Model.fit) is not None)
while_patched("pickle of a metric", lambda b: _clean(b.metrics.accuracy_score))
while_patched("pickle of `make_scorer(metric)`", lambda b: _clean(b.metrics.make_scorer(b.metrics.accuracy_score)))


@check("`model.fit` handed to one of joblib's worker processes")
def _process(bench: Bench) -> object:
    with bench.patched():
        return _in_worker(bench.model().fit, bench.X, bench.y).n_features_in_ == 4 and not bench.calls


def _in_worker(function: Callable[..., Any], *args: Any) -> Any:
    from joblib.externals.loky import get_reusable_executor

    return get_reusable_executor(max_workers=1).submit(function, *args).result()


@check("`Parallel(delayed(model.fit))` on threads is watched")
def _threads(bench: Bench) -> object:
    import joblib

    with bench.patched():
        jobs = (joblib.delayed(bench.model().fit)(bench.X, bench.y) for _ in range(2))
        joblib.Parallel(n_jobs=2, backend="threading")(jobs)
        return bench.calls == ["fit", "fit"]


# -- scikit-learn's own reflection


@check("`clone` and `get_params`")
def _clone(bench: Bench) -> object:
    from sklearn.base import clone

    with bench.patched():
        model = bench.fitted()
        return clone(model).get_params() == model.get_params()


@check("`has_fit_parameter`")
def _fit_parameter(bench: Bench) -> object:
    from sklearn.utils.validation import has_fit_parameter

    with bench.patched():
        return has_fit_parameter(bench.Model(), "sample_weight")


@check("`set_fit_request` with metadata routing")
def _routing(bench: Bench) -> object:
    import sklearn

    with bench.patched(), sklearn.config_context(enable_metadata_routing=True):
        routed = bench.Model().set_fit_request(sample_weight=True)
        return routed.get_metadata_routing().fit.requests == {"sample_weight": True}


while_patched("the HTML that a notebook shows", lambda b: b.fitted()._repr_html_())

# -- other tools, and the way back


@check("`mock.patch(autospec=True)` over it, and back")
def _mocked(bench: Bench) -> object:
    with bench.patched():
        with mock.patch.object(bench.Model, "fit", autospec=True) as fake:
            bench.model().fit(bench.X, bench.y)
            alone = fake.call_count == 1 and bench.calls == []
        bench.fitted()
        return alone and bench.calls == ["fit"]


@check("undone: the object and its code are what they were")
def _undone(bench: Bench) -> object:
    with bench.patched():
        bench.fitted()
    return vars(bench.Model)["fit"] is bench.method and bench.method.__code__ is bench.code


@check("undone under another tool's wrapper: theirs stays, ours is gone")
def _buried(bench: Bench) -> object:
    seen: list[str] = []
    with bench.patched((bench.Model, "fit")) as patches:
        ours = vars(bench.Model)["fit"]

        @functools.wraps(ours)
        def theirs(self: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append("theirs")
            return ours(self, *args, **kwargs)

        bench.Model.fit = theirs
        try:
            patches.undo()
            bench.fitted()
            return seen == ["theirs"] and bench.calls == []
        finally:
            bench.Model.fit = ours


# -- classes that are pickled by value, such as a notebook's own


def _by_value() -> Any:
    from sklearn.base import BaseEstimator

    class Mine(BaseEstimator):  # type: ignore[misc]
        def fit(self, X: Any, y: Any) -> Any:
            self.rows_ = len(X) + len(y)
            return self

    return Mine


@check("a class of the notebook's own: its pickle is free of us")
def _by_value_pickle(bench: Bench) -> object:
    Mine = _by_value()
    with bench.patched((Mine, "fit")):
        return _clean(Mine(), _cloudpickled)


@check("the same class, back from a worker process, is watched again after a sweep")
def _by_value_returned(bench: Bench) -> object:
    Mine = _by_value()
    with bench.patched((Mine, "fit")) as patches:
        _in_worker(lambda each: each.fit([1], [1]), Mine())
        patches.reapply()
        Mine().fit([1], [1])
        return bench.calls == ["fit"]


# -- the program, and the table


def answers() -> dict[str, dict[str, str]]:
    """What each check says in a fresh interpreter, by way of patching: "yes", "no" or an exception's name."""
    done = subprocess.run([sys.executable, "-W", "ignore", __file__, "answer"], capture_output=True, check=True)
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def answer_all() -> dict[str, dict[str, str]]:
    """The same, in this interpreter. What the last way leaves behind would be seen as a change by the next one."""
    bench = Bench()
    found = {}
    for bench.way in reversed(WAYS):
        found[bench.way] = {text: _answer(function, bench) for text, function in CHECKS.items()}
    return found


def _answer(function: Check, bench: Bench) -> str:
    try:
        return "yes" if function(bench) else "no"
    except REFUSALS as error:
        return type(error).__name__


def table() -> str:
    """The table, as Markdown."""
    found = answers()
    rows = [
        f"| | {' | '.join(WAYS.values())} |",
        f"|---|{'---|' * len(WAYS)}",
        *(f"| {text} | {' | '.join(_shown(found[way][text]) for way in WAYS)} |" for text in CHECKS),
        f"| **of {len(CHECKS)} hold** | "
        + " | ".join(f"**{list(found[way].values()).count('yes')}**" for way in WAYS)
        + " |",
    ]
    return "".join(f"{row}\n" for row in rows)


def _shown(answer: str) -> str:
    return {"yes": "yes", "no": "**no**"}.get(answer, f"**{answer}**")


def split(page: str) -> tuple[str, str, str]:
    """What stands before the table, the table, and what stands after it."""
    before, _, rest = page.partition(f"{BEGIN}\n")
    inside, _, after = rest.partition(END)
    return before, inside, after


def main() -> None:
    """Answer, or write the table."""
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(answer_all()))
        return
    before, _, after = split(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(f"{before}{BEGIN}\n{table()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

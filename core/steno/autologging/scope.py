"""Who records: the training in progress, quiet regions and names that are switched off, per thread and per task.

One `ContextVar` holds all of it, so that a patched function that has nothing to record asks one question and is out of
the way. A new thread starts with an empty context: what a user trains in a thread of their own is a training of its
own. Threads that work *for* a training get its scope by `carried`.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from contextlib import ContextDecorator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from steno.autologging.recording import Handle
    from steno.autologging.served import Served

__all__ = [
    "EVERYTHING",
    "InProgress",
    "Off",
    "Scope",
    "carried",
    "current",
    "here",
    "put",
    "rank",
    "without_what_is_over",
]

EVERYTHING = "*"
_ALL = frozenset({EVERYTHING})
_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")


class InProgress(Protocol):
    """A training as its scope sees it.

    Attributes:
        live: whether the framework is at work, so that observers may add to the run.
        account: what becomes of a training call inside it, in words.
        over: whether it has ended; a task or callback that it started may outlive it.
    """

    live: bool
    account: str
    over: bool

    @property
    def silent(self) -> bool:
        """Whether nothing is to be said about it."""

    def handle_for(self, service: Served) -> Handle:
        """This training's run, for another integration to write into."""


class Scope:
    """What holds for the code that runs now. It never changes: entering anything makes another.

    Attributes:
        training: the training in progress.
        quiet: whether this is inside a region in which nothing is recorded.
        off: names that are switched off here; "*" is all of them.
        outer: what held before, and holds again behind a `with steno.off()`.
        maker: the `steno.off()` that made it, if one did.
        closed: whether no training can begin here, whoever asks.
        all_off: whether everything is switched off here.
        inside: the function in which nothing is recorded, where `quiet`.
        declined: whose training call is in progress and not recorded; "*" is all of them.
        refusals: what `refusal` has answered, by name.
    """

    __slots__ = ("all_off", "closed", "declined", "inside", "maker", "off", "outer", "quiet", "refusals", "training")

    def __init__(
        self,
        training: InProgress | None = None,
        *,
        quiet: bool = False,
        off: frozenset[str] = frozenset(),
        outer: Scope | None = None,
        inside: Any = None,
        declined: frozenset[str] = frozenset(),
        maker: Off | None = None,
    ) -> None:
        self.maker = maker
        self.training = training
        self.inside = inside
        self.declined = declined
        self.refusals: dict[str, tuple[str, Scope | None]] = {}
        self.quiet = quiet
        self.off = off
        self.outer = outer
        self.all_off = EVERYTHING in off
        self.closed = training is not None or quiet or self.all_off

    def observed_by(self, name: str) -> InProgress | None:
        """The training that this integration may add to here, while the framework is at work; None if there is none."""
        training = self.training
        if training is None or not training.live or self.quiet or self.all_off or name in self.off:
            return None
        return training

    def refusal(self, name: str) -> tuple[str, Scope | None]:
        """Why this integration begins no training here, and the scope of what the call does all the same.

        There is no such scope where the call is itself a part of one that is not recorded. The answer is needed at each
        call, so it is kept in `refusals`.
        """
        reason, within = self._reason(name), None
        if name in self.declined or EVERYTHING in self.declined:
            reason = f"part of a call that is not recorded: {reason}"
        else:
            within = Scope(
                self.training,
                quiet=self.quiet,
                off=self.off,
                outer=self.outer,
                inside=self.inside,
                declined=_ALL if self.closed else self.declined | {name},
                maker=self.maker,
            )
        self.refusals[name] = reason, within
        return reason, within

    def _reason(self, name: str) -> str:
        if self.all_off:
            return "switched off here by steno.off()"
        if name in self.off:
            return f"switched off here by steno.off({name!r})"
        home, title = (getattr(self.inside, key, "") for key in ("__module__", "__qualname__"))
        return f"inside {home}.{title}, in which nothing is recorded" if title else "nothing is recorded here"


_SCOPE: ContextVar[Scope | None] = ContextVar("steno_scope", default=None)

current: Callable[[], Scope | None] = _SCOPE.get
put: Callable[[Scope | None], object] = _SCOPE.set


def without_what_is_over(scope: Scope) -> Scope | None:
    """What holds here once the training of this scope has ended: what is switched off, and nothing else.

    A task and a callback of an event loop run in a copy of the context that they were made in, and may outlive it.
    """
    left = Scope(off=scope.off) if scope.off else None
    put(left)
    return left


def here() -> Scope | None:
    """The scope that holds now, without a training that has ended."""
    scope = current()
    if scope is not None and scope.training is not None and scope.training.over:
        return without_what_is_over(scope)
    return scope


class Off(ContextDecorator):
    """Nothing of these integrations is recorded inside, in this thread and task.

    It keeps no state of its own, so that one may be nested, used again, and used in many threads at once. As a
    decorator it holds for the function's own code: of a coroutine while it is awaited, of a generator while it runs.

    Args:
        names: integrations; none given means all of them.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = frozenset(names) or frozenset({EVERYTHING})

    def __enter__(self) -> Off:
        put(self._upon(here()))
        return self

    def __exit__(self, *fault: object) -> None:
        put(self._taken_from(current()))

    def _upon(self, outer: Scope | None) -> Scope:
        if outer is None:
            return Scope(off=self._names, maker=self)
        return Scope(
            outer.training,
            quiet=outer.quiet,
            off=outer.off | self._names,
            outer=outer,
            inside=outer.inside,
            declined=outer.declined,
            maker=self,
        )

    def _taken_from(self, scope: Scope | None) -> Scope | None:
        """The scope without what this put upon it. A generator may be closed late, with other things on top by then."""
        if scope is None or scope.maker is None:
            return scope
        if scope.maker is self:
            return scope.outer
        outer = self._taken_from(scope.outer)
        return scope if outer is scope.outer else scope.maker._upon(outer)

    def __call__(self, function: Callable[..., Any]) -> Any:
        """Decorate a function, a coroutine function or a generator function."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                __tracebackhide__ = True
                with self:
                    return await function(*args, **kwargs)

            return awaited
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generated(*args: Any, **kwargs: Any) -> Any:
                __tracebackhide__ = True
                return (yield from _Steps(self, function(*args, **kwargs)))

            return generated
        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            def streamed(*args: Any, **kwargs: Any) -> Any:
                return _AsyncSteps(self, function(*args, **kwargs))

            return streamed
        return super().__call__(function)


class _Steps(Generator[Any, Any, Any]):
    """A generator that is inside `off` while it runs, and out of it while its consumer does."""

    def __init__(self, off: Off, inner: Generator[Any, Any, Any]) -> None:
        self._off = off
        self._inner = inner

    def send(self, value: Any) -> Any:
        """Run to the next yield."""
        with self._off:
            return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise inside, and run to the next yield."""
        with self._off:
            return self._inner.throw(*error)

    def close(self) -> None:
        """End it."""
        with self._off:
            self._inner.close()


class _AsyncSteps(AsyncGenerator[Any, Any]):
    """The same for an async generator."""

    def __init__(self, off: Off, inner: AsyncGenerator[Any, Any]) -> None:
        self._off = off
        self._inner = inner

    async def asend(self, value: Any) -> Any:
        """Run to the next yield."""
        with self._off:
            return await self._inner.asend(value)

    async def athrow(self, *error: Any) -> Any:
        """Raise inside, and run to the next yield."""
        with self._off:
            return await self._inner.athrow(*error)

    async def aclose(self) -> None:
        """End it."""
        with self._off:
            await self._inner.aclose()


def quieted(scope: Scope | None, function: Any) -> Scope:
    """The same scope, with nothing recorded inside `function`."""
    if scope is None:
        return Scope(quiet=True, inside=function)
    return Scope(scope.training, quiet=True, off=scope.off, inside=function, declined=scope.declined)


class _Carried:
    """A function that runs in the scope in which it was handed out, whatever thread runs it.

    Pickled for another process it is the plain function: a training is of one process, and a worker need not have
    steno.
    """

    __slots__ = ("_function", "_scope")

    def __init__(self, function: Callable[..., Any], scope: Scope) -> None:
        self._function = function
        self._scope = scope

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        before = current()
        if before is self._scope:
            return self._function(*args, **kwargs)
        put(self._scope)
        try:
            return self._function(*args, **kwargs)
        finally:
            put(before)

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial, (self._function,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)


class _Items:
    """An iterable of `(function, args, kwargs)` whose functions carry a scope; as lazy as the one it stands for."""

    def __init__(self, items: Iterable[Any], scope: Scope) -> None:
        self._items = items
        self._scope = scope

    def __iter__(self) -> Iterator[Any]:
        return _ItemsIterator(iter(self._items), self._scope)


class _SizedItems(_Items):
    """The same for an iterable that knows its length."""

    def __len__(self) -> int:
        return len(self._items)  # type: ignore[arg-type]  # made only for what has a length


class _ItemsIterator:
    """Not a generator: what the user's iterator raises, StopIteration included, passes as it is."""

    def __init__(self, items: Iterator[Any], scope: Scope) -> None:
        self._items = items
        self._scope = scope

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        __tracebackhide__ = True
        item = next(self._items)
        if type(item) is tuple and len(item) == 3 and callable(item[0]):
            return (_Carried(item[0], self._scope), *item[1:])
        return item


def carried(items: Any, scope: Scope) -> Any:
    """An iterable of `(function, args, kwargs)` whose functions run in `scope`; anything else comes back as it is."""
    if not isinstance(items, Iterable):
        return items
    return _SizedItems(items, scope) if hasattr(items, "__len__") else _Items(items, scope)


def rank() -> int:
    """This process's place among those that train together, 0 if it is alone.

    Processes that PyTorch has brought together learn it from there: not every launcher sets the environment that says
    it else, and one that starts a process per machine says the machine's.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    for variable in _RANKS:
        text = os.environ.get(variable, "")
        if text.isdecimal():
            return int(text)
    return 0

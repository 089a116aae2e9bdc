"""Trainings that are `async def` or generators: they last until they are awaited, exhausted or closed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine, Generator
from inspect import CO_COROUTINE, CO_GENERATOR
from types import CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steno.autologging.training import Training

__all__ = ["Suspended", "is_suspended"]

_KINDS = frozenset({CoroutineType, GeneratorType})


def is_suspended(function: Callable[..., Any], result: object) -> bool:
    """Whether the call has only begun; a plain function that happens to return a generator has done its work."""
    if type(result) not in _KINDS:
        return False
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code is not None and bool(code.co_flags & (CO_COROUTINE | CO_GENERATOR))


class Suspended(Generator[Any, Any, Any], Coroutine[Any, Any, Any]):
    """A generator or coroutine that is in its training's scope while it runs, and out of it in between.

    Whoever consumes it gets what it yields and raises; its end is the training's end.
    """

    def __init__(self, training: Training, inner: Any) -> None:
        self._training = training
        self._inner = inner
        weakref.finalize(self, training.stop).atexit = False  # nobody consumes it any more, which is as good as closing

    def send(self, value: Any) -> Any:
        """Run to the next yield or await."""
        return self._step(self._inner.send, value)

    def throw(self, *error: Any) -> Any:
        """Raise inside, and run to the next yield or await."""
        return self._step(self._inner.throw, *error)

    def _step(self, move: Callable[..., Any], *given: Any) -> Any:
        __tracebackhide__ = True
        with self._training as training:
            try:
                return move(*given)
            except StopIteration as stop:
                training.succeed(stop.value)
                raise

    def close(self) -> None:
        """The consumer wants no more of it, which is its right: what was trained until now is the training."""
        with self._training as training:
            self._inner.close()
            training.stop()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self

"""Seams become handlers: what a patched function does in place of going straight to the framework.

Every handler makes the framework's call exactly once, with the arguments it was given, and returns its result itself.
Where there is nothing to record it asks one question and is out of the way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from steno.autologging.provenance import UNKNOWN, callers_name
from steno.autologging.recording import Call, Handle, parameter_names
from steno.autologging.scope import carried, current, here, put, quieted, without_what_is_over
from steno.autologging.suspended import Suspended, is_suspended
from steno.autologging.training import Training

if TYPE_CHECKING:
    from steno.autologging.patches import Handler
    from steno.autologging.served import Served
    from steno.plugin import Seam

__all__ = ["handler_of"]

Original = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def handler_of(service: Served, seam: Seam, base: type | None = None) -> Handler:
    """The handler of one seam.

    Args:
        service: the integration that declared it.
        seam: the declaration.
        base: for methods of classes, the class whose instances are meant; a mixin may have others.
    """
    return _MAKERS[seam.kind](service, seam, base)


def _train(service: Served, seam: Seam, base: type | None) -> Handler:
    name, tally = service.name, service.tally

    def handle(wrapped: Original, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        __tracebackhide__ = True
        if base is not None and instance is not None and not isinstance(instance, base):
            return wrapped(*args, **kwargs)  # a mixin's method, in a class of somebody else's
        before = current()
        if before is not None and (before.closed or name in before.off):
            training = before.training
            if training is not None:
                if not training.over:
                    tally.inner += 1
                    tally.last_inner = training.account
                    return wrapped(*args, **kwargs)
                without_what_is_over(before)
                return handle(wrapped, instance, args, kwargs)
            reason, within = before.refusals.get(name) or before.refusal(name)
            if within is None:
                tally.inner += 1
                tally.last_inner = reason
                return wrapped(*args, **kwargs)
            tally.turned_away += 1
            tally.last_skip = reason
            put(within)
            try:
                return wrapped(*args, **kwargs)
            finally:
                put(before)
        if instance is not None and not service.answers_for(instance):
            return wrapped(*args, **kwargs)
        with Training(service, seam) as begun:
            begun.begin(wrapped, instance, args, kwargs)
            result = wrapped(*args, **kwargs)
            if is_suspended(wrapped, result):
                return Suspended(begun, result)
            begun.succeed(result)
        return result

    return handle


def _observe(service: Served, seam: Seam, _base: type | None) -> Handler:
    name, function, guard = service.name, seam.function, service.guard

    def handle(wrapped: Original, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        __tracebackhide__ = True
        result = wrapped(*args, **kwargs)
        scope = current()
        if scope is None:
            return result
        training = scope.observed_by(name)
        if training is None or guard.given_up(seam.name):
            return result
        handle = training.handle_for(service)
        with handle.step(seam.name) as step:
            function(service.integration, Call(service, handle, wrapped, instance, args, kwargs), result)
        if not step.failed:
            guard.passed(seam.name)
        return result

    return handle


def _quiet(_service: Served, _seam: Seam, _base: type | None) -> Handler:
    def handle(wrapped: Original, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        __tracebackhide__ = True
        before = here()
        if before is not None and before.quiet:
            return wrapped(*args, **kwargs)
        put(quieted(before, wrapped))
        try:
            return wrapped(*args, **kwargs)
        finally:
            put(before)

    return handle


def _workers(service: Served, seam: Seam, _base: type | None) -> Handler:
    guard = service.guard

    def handle(wrapped: Original, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        __tracebackhide__ = True
        scope = current()
        if scope is None:
            result = wrapped(*args, **kwargs)
            with guard.step(f"{seam.name} after"):
                service.sweep()  # classes that came back from worker processes have had their methods set anew
            return result
        if args:
            return wrapped(carried(args[0], scope), *args[1:], **kwargs)
        first = parameter_names(wrapped)[:1]
        return wrapped(**{key: carried(value, scope) if key in first else value for key, value in kwargs.items()})

    return handle


def _metric(service: Served, seam: Seam, _base: type | None) -> Handler:
    name, function, guard, provenance = service.name, seam.function, service.guard, service.provenance

    def handle(wrapped: Original, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        __tracebackhide__ = True
        before = here()
        if (before is not None and (before.closed or name in before.off)) or not provenance:
            return wrapped(*args, **kwargs)
        put(quieted(before, wrapped))  # a metric is made of others, and only the one that the user called counts
        try:
            result = wrapped(*args, **kwargs)
            if not guard.given_up(seam.name):
                with guard.step(seam.name):
                    call = _scored(service, wrapped, instance, args, kwargs)
                    if call is not None:
                        function(service.integration, call, result)
            return result
        finally:
            put(before)

    return handle


def _scored(service: Served, wrapped: Original, instance: Any, args: Args, kwargs: Kwargs) -> Call | None:
    """The call of a metric, with what it scores; None if that is no model of a run."""
    provenance = service.provenance
    found = provenance.search((*args, *kwargs.values()))
    if found is not None:
        call = Call(service, Handle(service, found.record), wrapped, instance, args, kwargs)
        call.source, call.model = found.source, found.model()
        return call
    record = None if instance is None else provenance.record_of(instance)
    if record is None:
        return None
    call = Call(service, Handle(service, record), wrapped, instance, args, kwargs)
    data = args[0] if args else next(iter(kwargs.values()), None)
    call.source, call.model = callers_name(data, service.packages) or UNKNOWN, instance
    return call


def _predicts(service: Served, seam: Seam, _base: type | None) -> Handler:
    name, function, guard, provenance = service.name, seam.function, service.guard, service.provenance

    def handle(wrapped: Original, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        __tracebackhide__ = True
        result = wrapped(*args, **kwargs)
        if not provenance.models or (instance is not None and provenance.record_of(instance) is None):
            return result
        scope = here()
        if (scope is not None and (scope.closed or name in scope.off)) or guard.given_up(seam.name):
            return result
        with guard.step(seam.name):
            call = Call(service, Handle(service), wrapped, instance, args, kwargs)
            pair = function(service.integration, call, result)
            record = None if pair is None else provenance.record_of(pair[0])
            if record is not None:
                source = callers_name(pair[1], service.packages) or UNKNOWN
                provenance.remember(result, pair[0], record, source)
        return result

    return handle


_MAKERS: dict[str, Callable[[Served, Seam, type | None], Handler]] = {
    "train": _train,
    "observe": _observe,
    "quiet": _quiet,
    "workers": _workers,
    "metric": _metric,
    "predicts": _predicts,
}

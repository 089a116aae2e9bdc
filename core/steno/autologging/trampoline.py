"""Code that stands in for a function's own: same parameters, same kind, same name, and it calls somebody else.

The trampoline of `def fit(self, X, *, w=None)` is, in effect, `return __steno_a7__(self, X, w=w)`. Put into the
function's `__code__`, it redirects every call, through whatever name or copy the function is reached, while the
function object stays itself. What it calls is a *module global*, not a constant or a closure cell: compilers of
Python code (`torch.compile`) trace a global and give up on an object among a code's constants.
"""

from __future__ import annotations

import inspect
import keyword
import warnings
from functools import lru_cache
from types import CodeType, FunctionType

from steno.errors import IntegrationError, shown

__all__ = ["RESERVED", "clone", "is_trampoline", "obstacle", "trampoline"]

# How the globals that trampolines call are named, before their number.
RESERVED = "__steno_a"

_TARGET = "__steno_target__"
_HIDDEN = "__tracebackhide__"
_OWN_NAMES = frozenset({_TARGET, _HIDDEN})
_OBFUSCATED = ("__pyarmor", "__armor")

# An async generator cannot `yield from`: values, sent values, thrown errors and closing are passed on by hand.
_ASYNC_GENERATOR = """
  __steno_inner__ = {call}
  __steno_value__ = __steno_inner__.asend(None)
  try:
   while True:
    __steno_value__ = await __steno_value__
    try:
     __steno_value__ = yield __steno_value__
    except GeneratorExit:
     await __steno_inner__.aclose()
     raise
    except BaseException as __steno_error__:
     __steno_value__ = __steno_inner__.athrow(__steno_error__)
    else:
     __steno_value__ = __steno_inner__.asend(__steno_value__)
  except StopAsyncIteration:
   return
"""


def obstacle(function: FunctionType) -> str | None:
    """Why this function cannot have a trampoline; None if it can."""
    code = function.__code__
    if any(name.startswith(_OBFUSCATED) for name in code.co_names):
        return "its code is obfuscated"
    names = _parameters(code)
    if any(not name.isidentifier() or keyword.iskeyword(name) for name in names):
        return "a parameter has no writable name"
    if _OWN_NAMES.intersection(names):
        return "a parameter has a name of ours"
    return None


def trampoline(code: CodeType, name: str) -> CodeType:
    """The code that calls the global `name` with the arguments that `code` would have got.

    Name, file, first line, parameters, free variables and kind (plain, generator, coroutine, async generator) are
    those of `code`. Each call gives a new code object, also for the same arguments.

    Args:
        code: the code of the function to stand in for.
        name: the global, in the function's module, to call as `name(*args, **kwargs)`; positional parameters
            arrive by position, keyword-only ones by keyword.

    Raises:
        IntegrationError: if Python cannot compile it.
    """
    kind = code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR)
    variadic = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    plain = _compiled(
        _parameters(code),
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        variadic,
        kind,
        len(code.co_freevars),
    )
    return plain.replace(
        co_name=code.co_name,
        co_qualname=code.co_qualname,
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
        co_freevars=code.co_freevars,
        co_names=tuple(name if each == _TARGET else each for each in plain.co_names),
        # `types.coroutine` marks a generator's code, and `await` looks for the mark
        co_flags=plain.co_flags | (code.co_flags & inspect.CO_ITERABLE_COROUTINE),
    )


def is_trampoline(code: CodeType) -> bool:
    """Whether this code is one of ours."""
    return any(name.startswith(RESERVED) for name in code.co_names)


def clone(function: FunctionType) -> FunctionType:
    """A second function with the same code, closure, defaults, attributes and names."""
    copy = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = None if function.__kwdefaults__ is None else dict(function.__kwdefaults__)
    copy.__qualname__ = function.__qualname__
    copy.__module__ = function.__module__
    copy.__doc__ = function.__doc__
    # from 3.14 on annotations are computed when asked for, and asking can fail
    annotations = "__annotate__" if hasattr(function, "__annotate__") else "__annotations__"
    for name in (annotations, "__type_params__"):
        if hasattr(function, name):
            setattr(copy, name, getattr(function, name))
    copy.__dict__.update(function.__dict__)
    return copy


def _parameters(code: CodeType) -> tuple[str, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[:count]


@lru_cache(maxsize=1024)
def _compiled(
    names: tuple[str, ...],
    positional: int,
    positional_only: int,
    keyword_only: int,
    variadic: int,
    kind: int,
    free: int,
) -> CodeType:
    """The trampoline of one shape of arguments, calling `_TARGET`; a framework has few shapes and many functions."""
    header, call = _signature(names, positional, positional_only, keyword_only, variadic)
    source = "def outer({cells}):\n {kind} trampoline({header}):\n  {hidden} = True\n{cell_use}{body}\n".format(
        cells=", ".join(cells := [f"__steno_cell{index}__" for index in range(free)]),
        kind="async def" if kind & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR) else "def",
        header=header,
        hidden=_HIDDEN,
        # A function's code must have as many free variables as the function has cells; dead code names them.
        cell_use=f"  if 0: ({', '.join(cells)},)\n" if cells else "",
        body=_body(kind, call),
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = compile(source, "<steno>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as fault:
        raise IntegrationError(
            f"no trampoline for parameters {shown(names)}: {fault}; set STENO_PATCH=attribute to patch without one"
        ) from fault
    code = _inner(_inner(module))
    if len(code.co_freevars) != free:
        raise IntegrationError(
            f"no trampoline for a function with {free} free variables: this Python drops dead code earlier than known; "
            "set STENO_PATCH=attribute to patch without one"
        )
    return code.replace(co_linetable=_one_line(code))


def _signature(
    names: tuple[str, ...], positional: int, positional_only: int, keyword_only: int, variadic: int
) -> tuple[str, str]:
    """The parameter list and the call's arguments, as source."""
    rest = list(names[positional + keyword_only :])
    header = list(names[:positional])
    given = list(header)
    if positional_only:
        header.insert(positional_only, "/")
    if variadic & inspect.CO_VARARGS:
        star = f"*{rest.pop(0)}"
        header.append(star)
        given.append(star)
    elif keyword_only:
        header.append("*")
    for name in names[positional : positional + keyword_only]:
        header.append(name)
        given.append(f"{name}={name}")
    if variadic & inspect.CO_VARKEYWORDS:
        stars = f"**{rest.pop(0)}"
        header.append(stars)
        given.append(stars)
    return ", ".join(header), f"{_TARGET}({', '.join(given)})"


def _body(kind: int, call: str) -> str:
    if kind & inspect.CO_ASYNC_GENERATOR:
        return _ASYNC_GENERATOR.format(call=call)
    if kind & inspect.CO_COROUTINE:
        return f"  return await {call}"
    if kind & inspect.CO_GENERATOR:
        return f"  return (yield from {call})"
    return f"  return {call}"


def _inner(code: CodeType) -> CodeType:
    return next(constant for constant in code.co_consts if isinstance(constant, CodeType))


def _one_line(code: CodeType) -> bytes:
    """A line table that puts every instruction on the code's first line, without columns.

    With the columns of our source, a traceback would underline at random in the line of the user's file.
    """
    units = len(code.co_code) // 2
    no_columns, same_line = 0x80 | (13 << 3), 0
    entries = [min(8, units - start) for start in range(0, units, 8)]
    return b"".join(bytes((no_columns | (length - 1), same_line)) for length in entries)

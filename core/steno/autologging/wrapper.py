"""wrapt's wrapper, pickled and copied as what it wraps."""

from __future__ import annotations

import copy
import sys
from types import MethodType
from typing import TYPE_CHECKING, Any

import wrapt

__all__ = ["Bound", "Wrapper", "by_reference", "unbound"]

# What is annotated in the wrappers' own bodies would stand before the annotations of the function that they wrap.
if TYPE_CHECKING:

    class _BoundBase(wrapt.BoundFunctionWrapper[..., Any]):
        _self_name: str  # kept by the wrapper that was bound

    class _WrapperBase(wrapt.FunctionWrapper[..., Any]):
        _self_name: str  # the attribute it stands at
        _self_own: bool  # whether the owner had that attribute itself before

else:
    _BoundBase = wrapt.BoundFunctionWrapper
    _WrapperBase = wrapt.FunctionWrapper


class Bound(_BoundBase):
    """What `model.fit` gives while `fit` is patched by attribute; it pickles and copies like the method behind it."""

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        owner = getattr(self.__wrapped__, "__self__", None)
        return getattr, (self._self_owner if owner is None else owner, self._self_name)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        owner = getattr(self.__wrapped__, "__self__", None)
        if owner is None or isinstance(owner, type):
            return self
        return getattr(copy.deepcopy(owner, memo), self._self_name)


class Wrapper(_WrapperBase):
    """The wrapper of every patch. Pickled, it is what it wraps: no pickle of the user's ever needs us to load."""

    __bound_function_wrapper__ = Bound

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        wrapped = self.__wrapped__
        if isinstance(wrapped, (classmethod, staticmethod)):
            return type(wrapped), (wrapped.__func__,)
        if isinstance(wrapped, MethodType):
            return getattr, (wrapped.__self__, wrapped.__name__)
        if by_reference(self):
            return self.__qualname__
        return copy.copy, (wrapped,)  # of the standard library, and the identity for functions

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


def by_reference(thing: Any) -> bool:
    """Whether the thing's module and qualified name lead to itself."""
    found: Any = sys.modules.get(getattr(thing, "__module__", None) or "")
    for part in str(getattr(thing, "__qualname__", "<locals>")).split("."):
        found = getattr(found, part, None)
    return found is thing


def unbound(standing: Any) -> Any:
    """Our wrapper, where somebody took `Model.fit`, and with it what binding made of the wrapper."""
    return standing._self_parent if type(standing) is Bound else standing

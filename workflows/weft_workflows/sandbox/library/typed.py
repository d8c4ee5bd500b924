"""typing: what annotations and class statements need. Decorators that write into objects or registries are ours and do nothing."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from weft_workflows.sandbox.allowed import ALLOWED_MODULES

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment


class NewKind:
    """What `NewType` gives: calling it hands back its argument."""

    __slots__ = ("__name__", "__supertype__")

    def __init__(self, name: str, tp: Any) -> None:
        self.__name__, self.__supertype__ = str(name), tp

    def __call__(self, value: Any, /) -> Any:
        return value

    def __or__(self, other: Any) -> Any:
        return typing.Any

    __ror__ = __or__

    def __repr__(self) -> str:
        return self.__name__


def _same(value: Any, /) -> Any:
    return value


def _cast(_kind: Any, value: Any) -> Any:
    return value


def _overload(_function: Any) -> Any:
    def dummy(*_args: Any, **_kwargs: Any) -> Any:
        raise NotImplementedError("You should not call an overloaded function.")

    return dummy


def _assert_never(value: Any, /) -> Any:
    raise AssertionError(f"Expected code to be unreachable, but got: {value!r}")


def typing_module(environment: Environment) -> dict[str, Any]:
    """`get_origin` answers with the run's own stand-ins for `type` and the sets."""
    builtins = environment.namespace["__builtins__"]
    shown = {type: builtins["type"], set: builtins["set"], frozenset: builtins["frozenset"], range: builtins["range"]}

    def get_origin(tp: Any) -> Any:
        origin = typing.get_origin(tp)
        return shown.get(origin, origin) if isinstance(origin, type) else origin

    def get_args(tp: Any) -> tuple[Any, ...]:
        return tuple(shown.get(each, each) if isinstance(each, type) else each for each in typing.get_args(tp))

    found = {name: getattr(typing, name) for name in ALLOWED_MODULES["typing"] if hasattr(typing, name)}
    return found | {
        "NewType": NewKind,
        "assert_never": _assert_never,
        "cast": _cast,
        "final": _same,
        "overload": _overload,
        "override": _same,
        "runtime_checkable": _runtime_checkable(environment),
        "get_args": get_args,
        "get_origin": get_origin,
    }


def _runtime_checkable(environment: Environment) -> Any:
    def runtime_checkable(cls: Any) -> Any:
        if not environment.classes.owns(cls):
            raise TypeError("@runtime_checkable can be only applied to protocol classes")
        return typing.runtime_checkable(cls)

    return runtime_checkable

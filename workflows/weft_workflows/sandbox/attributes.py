"""The attribute guard: every load, store and deletion that is not provably harmless comes here.

What always holds: an attribute of an object is reached only if the object's type, or the class in its hierarchy that defines the name,
allows it. Decisions use the true type of an object (`type`), never `__class__` or `isinstance`, which an object can answer falsely.
Classes of the orchestration are known because the run's registry saw them made.
"""

from __future__ import annotations

import decimal
import types
from collections.abc import Callable
from typing import Any

from weft_workflows.sandbox.attribute_table import (
    ATTRIBUTES,
    CALLABLE_SPECIALS,
    CONSTANT,
    EXCEPTION_STORES,
    FUNCTION_STORES,
    LARGE,
    LINEAR,
    NEVER,
    OWN_SPECIALS,
    UNSEEN_ON_INSTANCES,
)
from weft_workflows.sandbox.classes import Classes
from weft_workflows.sandbox.enums import behind_enum
from weft_workflows.sandbox.names import exact, is_special
from weft_workflows.sandbox.tracing import own_traceback

#: Called as wrapper(receiver) or, for an attribute of the class, wrapper(None): gives what stands in for the attribute.
Method = Callable[..., Any]
#: Digits that a decimal context may keep.
MOST_DIGITS = 1_000
_super_self: Any = super.__dict__["__self__"]
_super_type: Any = super.__dict__["__thisclass__"]
_super_self_type: Any = super.__dict__["__self_class__"]
_DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType)
_TYPE_NAMES = frozenset(("__name__", "__qualname__", "__doc__", "__module__"))


class Attributes:
    """The attribute guard of one run.

    `methods` replaces methods of builtin types: (type, name) -> function that takes the receiver first. `type_of` is the run's `type`.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        classes: Classes,
        type_of: Callable[[Any], Any],
        charge: Callable[[int], None],
    ) -> None:
        self._namespace = namespace
        self._charge = charge
        self._classes = classes
        self._type_of = type_of
        self.methods: dict[tuple[type, str], Method] = {}
        self.class_methods: dict[tuple[type, str], Callable[..., Any]] = {}
        self._direct: dict[type, frozenset[str]] = {}

    def get(self, target: Any, name: str, /) -> Any:
        """`target.name`, of an exact str. Raises AttributeError where it does not exist or must not be used."""
        kind = type(target)
        if kind in LINEAR and len(target) > LARGE:
            self._charge_for(target, kind, name)
        direct = self._direct.get(kind)
        if direct is None:
            direct = self._learn(kind)
        if name in direct or (kind in self._classes.open and not name.startswith("__")):
            return getattr(target, name)
        return self._get_checked(target, kind, name)

    def _charge_for(self, target: Any, kind: type, name: str) -> None:
        """Takes fuel for a method that walks all of a large value in C. Those that look at one element cost what a call costs."""
        if name not in CONSTANT:
            self._charge(len(target) >> LINEAR[kind])

    def method(self, target: Any, name: str, /) -> Any:
        """`target.name` where it is called at once, so that a list's own `append` need not count by itself."""
        if name == "append" and type(target) is list:
            return target.append
        return self.get(target, name)

    def _learn(self, kind: type) -> frozenset[str]:
        """The names of a type that need no further check. Orchestration classes have none: their attributes come and go."""
        names: frozenset[str] = frozenset()
        if kind in ATTRIBUTES:
            names = ATTRIBUTES[kind]
        elif "__weft_names__" in kind.__dict__ and not self._classes.owns(kind):
            names = kind.__dict__["__weft_names__"]
        direct = frozenset(name for name in names if not self._is_replaced(kind, name))
        self._direct[kind] = direct
        return direct

    def _is_replaced(self, kind: type, name: str) -> bool:
        return any((base, name) in self.methods or (base, name) in self.class_methods for base in kind.__mro__)

    def _get_checked(self, target: Any, kind: type, name: str) -> Any:
        if name in NEVER or name.startswith("__weft"):
            raise self._refusal(target, name)
        if name == "__class__":
            return self._type_of(target)
        if name == "__traceback__" and issubclass(kind, BaseException):
            return own_traceback(target)
        if isinstance(target, type) and issubclass(kind, type):
            return self._of_class(behind_enum(target), name)
        if kind is super:
            return self._of_super(target, name)
        if self._classes.owns(kind):
            return self._of_instance(target, kind, name)
        return self._of_other(target, kind, name)

    def _of_instance(self, target: Any, kind: type, name: str) -> Any:
        """An attribute of an instance of an orchestration class."""
        if name == "__dict__":
            return getattr(target, name)
        if is_special(name) and name not in OWN_SPECIALS | EXCEPTION_STORES | {
            "__doc__",
            "__module__",
            "__notes__",
        }:
            raise self._refusal(target, name)
        for base in kind.__mro__:
            if name in base.__dict__:
                return self._found_in(base, target, name)
        if is_special(name) and name != "__notes__":
            raise self._refusal(target, name)
        return getattr(target, name)

    def _found_in(self, base: type, target: Any, name: str) -> Any:
        """The attribute of an instance whose class hierarchy defines it first in `base`."""
        if self._classes.owns(base):
            return getattr(target, name)
        if base is object and name in ("__setattr__", "__delattr__", "__getattribute__"):
            return self._bound_accessor(target, name)
        method = self.methods.get((base, name))
        if method is not None:
            return types.MethodType(method, target)
        if self._allowed_by(base, name):
            return getattr(target, name)
        raise self._refusal(target, name)

    def _allowed_by(self, base: type, name: str) -> bool:
        """Whether a builtin or standard class lets that name of its own be used."""
        if name in self._names_of(base):
            return True
        return name in CALLABLE_SPECIALS or (base is object and name in ("__str__", "__repr__"))

    def _names_of(self, base: type) -> frozenset[str]:
        for kind in base.__mro__:
            if kind in ATTRIBUTES:
                return ATTRIBUTES[kind]
            if "__weft_names__" in kind.__dict__ and not self._classes.owns(kind):
                names: frozenset[str] = kind.__dict__["__weft_names__"]
                return names
        return frozenset()

    def _of_other(self, target: Any, kind: type, name: str) -> Any:
        """An attribute of an object whose type is not the orchestration's."""
        for base in kind.__mro__:
            method = self.methods.get((base, name))
            if method is not None:
                return types.MethodType(method, target)
            replaced = self.class_methods.get((base, name))
            if replaced is not None:
                return replaced
        if kind is types.FunctionType or kind is types.MethodType:
            return self._of_function(target, name)
        if kind is types.SimpleNamespace and not is_special(name):
            return getattr(target, name)
        if isinstance(target, BaseException) and issubclass(kind, BaseException):
            return self._of_exception(target, name)
        if name in self._names_of(kind) or (name in CALLABLE_SPECIALS and kind in ATTRIBUTES and name != "__init__"):
            return getattr(target, name)
        if name in (given := self.given_to(target)):
            return given[name]
        if name == "__doc__":
            return None
        if name == "__dict__" and kind is types.SimpleNamespace:
            return dict(target.__dict__)
        raise self._refusal(target, name)

    def _of_exception(self, error: BaseException, name: str) -> Any:
        own = BaseException.__dict__["__dict__"].__get__(error)
        if not is_special(name) and name in own:
            return own[name]
        if name in ATTRIBUTES[BaseException]:
            return getattr(error, name)
        raise self._refusal(error, name)

    def _of_function(self, function: Any, name: str) -> Any:
        if name in ATTRIBUTES[types.FunctionType]:
            return getattr(function, name)
        plain = getattr(function, "__func__", function)
        if name in (given := self.given_to(plain)):
            return given[name]
        if type(plain) is types.FunctionType and plain.__globals__ is self._namespace:
            if name in FUNCTION_STORES and name in plain.__dict__:
                return plain.__dict__[name]
            if name == "__call__":
                return function
            if name == "__annotations__":
                return dict(plain.__annotations__)
            if name == "__defaults__":
                return plain.__defaults__
        raise self._refusal(function, name)

    def given_to(self, function: Any) -> dict[str, Any]:
        """The attributes that the orchestration has given one of its functions; empty for anything else."""
        kind = type(function)
        if _is_open(kind) or (kind is types.FunctionType and function.__globals__ is self._namespace):
            return {name: value for name, value in function.__dict__.items() if not is_special(name)}
        return {}

    def _of_class(self, cls: type, name: str) -> Any:
        """An attribute of a class object."""
        if name in _TYPE_NAMES:
            found = getattr(cls, name)
            return found if type(found) not in _DESCRIPTORS else None
        if name == "__new__":
            return self._maker(cls)
        if self._classes.owns(cls) and name == "__annotations__":
            return dict(getattr(cls, name, {}))
        if is_special(name):
            return self._special_of_class(cls, name)
        for base in cls.__mro__:
            if name in base.__dict__ or (base, name) in self.class_methods:
                return self._class_attribute(cls, base, name)
        return self._from_metaclass(cls, name)

    def _class_attribute(self, cls: type, base: type, name: str) -> Any:
        if self._classes.owns(base):
            return getattr(cls, name)
        replaced = self.class_methods.get((base, name))
        if replaced is not None:
            return replaced
        method = self.methods.get((base, name))
        if method is not None:
            return method
        if name in self._names_of(base):
            return getattr(cls, name)
        raise self._refusal(cls, name)

    def _from_metaclass(self, cls: type, name: str) -> Any:
        if self._classes.owns(cls) and (type(cls) is not type or name.startswith("_")):
            return self._plain_missing(cls, name)
        if name == "register" and self._classes.owns(cls):
            raise self._refusal(cls, name)
        raise self._refusal(cls, name)

    def _plain_missing(self, cls: type, name: str) -> Any:
        """Enum members are found by the metaclass in some Python versions; nothing else of a metaclass is shown."""
        members = cls.__dict__.get("_member_map_")
        if type(members) is dict and name in members:
            return members[name]
        raise self._refusal(cls, name)

    def _special_of_class(self, cls: type, name: str) -> Any:
        if name in ("__members__", "__match_args__") and self._classes.owns(cls) and hasattr(cls, name):
            return getattr(cls, name)
        if name in ("__setattr__", "__delattr__", "__getattribute__") and not self._defined_by_orchestration(cls, name):
            return self._accessor(name)
        if name in OWN_SPECIALS and self._defined_by_orchestration(cls, name):
            return getattr(cls, name)
        replaced = self._replaced_special(cls, name)
        if replaced is not None:
            return replaced
        known = self._classes.owns(cls) or cls in ATTRIBUTES or cls is object or issubclass(cls, BaseException)
        if known and (name in CALLABLE_SPECIALS or name in ("__str__", "__repr__")):
            return getattr(cls, name)
        if name == "__mro__" and self._classes.owns(cls):
            return cls.__mro__
        raise self._refusal(cls, name)

    def _replaced_special(self, cls: type, name: str) -> Any:
        """What stands for a special method of a builtin type, where that is the one which the class has."""
        for base in cls.__mro__:
            if name in base.__dict__:
                return self.methods.get((base, name))
        return None

    def _defined_by_orchestration(self, cls: type, name: str) -> bool:
        for base in cls.__mro__:
            if name in base.__dict__:
                return self._classes.owns(base)
        return False

    def _maker(self, cls: type) -> Any:
        """`__new__` of a class: the orchestration's own one, or one that makes instances of its classes only."""
        if self._defined_by_orchestration(cls, "__new__"):
            return cls.__new__

        def new(kind: Any, /, *args: Any, **kwargs: Any) -> Any:
            if not (isinstance(kind, type) and self._classes.owns(kind)):
                raise TypeError("object.__new__ can make instances of the orchestration's own classes only")
            return cls.__new__(kind, *args, **kwargs)

        return new

    def _of_super(self, target: Any, name: str) -> Any:
        """An attribute through `super()`: decided by the class that defines it."""
        owner_type, instance = _super_self_type.__get__(target), _super_self.__get__(target)
        hierarchy = owner_type.__mro__
        for base in hierarchy[hierarchy.index(_super_type.__get__(target)) + 1 :]:
            if name not in base.__dict__:
                continue
            if self._classes.owns(base) and (not is_special(name) or name in OWN_SPECIALS):
                return getattr(target, name)
            if name == "__new__":
                return self._maker(base)
            if name in ("__setattr__", "__delattr__", "__getattribute__"):
                return self._bound_accessor(instance, name)
            if not isinstance(instance, type) or base is object:
                return self._super_builtin(target, instance, base, name)
        raise self._refusal(target, name)

    def _super_builtin(self, target: Any, instance: Any, base: type, name: str) -> Any:
        method = self.methods.get((base, name))
        if method is not None:
            return types.MethodType(method, instance)
        if self._allowed_by(base, name) or (name in ("__str__", "__repr__") and issubclass(base, BaseException)):
            return getattr(target, name)
        raise self._refusal(target, name)

    def _accessor(self, name: str) -> Any:
        return {"__setattr__": self.set_plain, "__delattr__": self.delete_plain, "__getattribute__": self.get_plain}[
            name
        ]

    def _bound_accessor(self, instance: Any, name: str) -> Any:
        return types.MethodType(self._accessor(name), instance)

    def get_plain(self, target: Any, name: str, /) -> Any:
        """`object.__getattribute__` for the orchestration: the guard, past its `__getattr__`."""
        return self.get(target, exact(name))

    def set_plain(self, target: Any, name: str, value: Any, /) -> None:
        """`object.__setattr__`, which gets past a `__setattr__` of the class and past a frozen dataclass."""
        self._check_store(target, name)
        if self._classes.owns(type(target)):
            object.__setattr__(target, name, value)
        else:
            _put(target, name, value)

    def delete_plain(self, target: Any, name: str, /) -> None:
        self._check_store(target, name)
        if self._classes.owns(type(target)):
            object.__delattr__(target, name)
        else:
            _remove(target, name)

    def set(self, target: Any, name: str, value: Any, /) -> None:
        """`target.name = value`."""
        self._check_store(target, name, value)
        _put(target, name, value)

    def delete(self, target: Any, name: str, /) -> None:
        """`del target.name`."""
        self._check_store(target, name)
        _remove(target, name)

    def _check_store(self, target: Any, name: str, value: Any = None) -> None:
        if type(name) is not str:
            raise TypeError(f"attribute name must be string, not '{type(name).__name__}'")
        kind = type(target)
        special = is_special(name)
        if name.startswith("__weft"):
            raise self._refused_store(target, name)
        if isinstance(target, BaseException) and issubclass(kind, BaseException) and name in EXCEPTION_STORES:
            return
        if kind is types.FunctionType and target.__globals__ is self._namespace:
            if not special or name in FUNCTION_STORES:
                return
        elif issubclass(kind, type):
            if self._classes.owns(target) and (not special or name == "__doc__"):
                return
        elif self._classes.owns(kind) or kind is types.SimpleNamespace or issubclass(kind, BaseException):
            if not special or (name in UNSEEN_ON_INSTANCES and self._classes.owns(kind)):
                return
        elif kind is decimal.Context and name in ("prec", "rounding"):
            if name == "prec" and isinstance(value, int) and value > MOST_DIGITS:
                raise ValueError(f"a decimal context of an orchestration keeps at most {MOST_DIGITS} digits")
            return
        elif name in kind.__dict__.get("__weft_stores__", ()) or (_is_open(kind) and not special):
            return
        raise self._refused_store(target, name)

    def target(self, value: Any, /) -> Any:
        """What a store or deletion goes to: the value itself where that is harmless, else a stand-in that asks the guard."""
        if type(value) in self._classes.writable:
            return value
        return _Target(self, value)

    def proxy(self, value: Any, /) -> Any:
        """The stand-in for a store to a special name, which is checked whatever the object is."""
        return _Target(self, value)

    def _refusal(self, target: Any, name: str) -> AttributeError:
        if isinstance(target, type):
            what = f"type object '{target.__name__}'"
        else:
            what = f"'{_shown_name(type(target))}' object"
        exists = name in NEVER or is_special(name) or any(name in base.__dict__ for base in type(target).__mro__)
        hint = " that an orchestration may use" if exists else ""
        return AttributeError(f"{what} has no attribute '{name}'{hint}", name=name, obj=None)

    def _refused_store(self, target: Any, name: str) -> AttributeError:
        kind = type(target)
        if issubclass(kind, type):
            return AttributeError(f"cannot set '{name}' attribute of immutable type '{target.__name__}'")
        exists = name in ATTRIBUTES.get(kind, ())
        reason = f"attribute '{name}' is read-only" if exists else f"has no attribute '{name}'"
        return AttributeError(f"'{_shown_name(kind)}' object {reason}")


def _is_open(kind: type) -> bool:
    """Whether objects of a trusted class take any attribute, as functions do: in their `__dict__`, apart from their slots."""
    return "__weft_open__" in kind.__dict__


def _shown_name(kind: type) -> str:
    return "function" if _is_open(kind) else kind.__name__


def _put(target: Any, name: str, value: Any) -> None:
    if _is_open(type(target)) and not is_special(name):
        target.__dict__[name] = value
    else:
        setattr(target, name, value)


def _remove(target: Any, name: str) -> None:
    if not _is_open(type(target)) or is_special(name):
        delattr(target, name)
    elif name in target.__dict__:
        del target.__dict__[name]
    else:
        raise AttributeError(f"'function' object has no attribute '{name}'")


class _Target:
    """Stands for an object in `x.name = …`, `x.name += …` and `del x.name`, and asks the guard for each access."""

    __slots__ = ("_weft_guard", "_weft_value")

    def __init__(self, guard: Attributes, value: Any) -> None:
        object.__setattr__(self, "_weft_guard", guard)
        object.__setattr__(self, "_weft_value", value)

    def __getattribute__(self, name: str) -> Any:
        read = object.__getattribute__
        return read(self, "_weft_guard").get(read(self, "_weft_value"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        read = object.__getattribute__
        read(self, "_weft_guard").set(read(self, "_weft_value"), name, value)

    def __delattr__(self, name: str) -> None:
        read = object.__getattribute__
        read(self, "_weft_guard").delete(read(self, "_weft_value"), name)

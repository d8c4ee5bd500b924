"""The tables of allowed names, as the sandbox sees them. The data lives in the compiler, which must not import this package."""

from __future__ import annotations

from weft_compiler.allowed_names import ALLOWED_BUILTINS, ALLOWED_MODULES

__all__ = ["ALLOWED_BUILTINS", "ALLOWED_MODULES"]

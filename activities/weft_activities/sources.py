"""Finds and runs the Python files and modules in which a user's tools are defined.

A file is run as `python FILE` would run it: its folder comes first on `sys.path` and stays there, so that it finds its
neighbours, also later. Unlike there, its name is not `__main__`. Always holds: two files of one name, and two
neighbours of one name in different folders, are different modules; a file that is loaded already is not run again.
Errors show the user's own lines, never ours. Nothing here knows what a tool is.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

_HERE = str(Path(__file__).parent)
_IMPORT_MACHINERY = ("<frozen importlib", "importlib")
#: Folders of the files that were loaded here.
_folders: list[Path] = []


class SourceError(Exception):
    """A source that cannot be loaded. The message names it, the cause and the remedy."""


def split_source(source: str) -> tuple[str, str | None]:
    """`location:attribute` in its parts; a colon in a path (`C:\\tools.py`) is not taken for the separator."""
    location, colon, attribute = source.rpartition(":")
    if colon and location and attribute.isidentifier() and not Path(source).exists():
        return location, attribute
    return source, None


def load_module(location: str) -> ModuleType:
    """The module at a path or of a dotted name. Raises SourceError."""
    if location.endswith(".py") or "/" in location or "\\" in location or Path(location).is_file():
        return _load_file(location)
    return _load_dotted(location)


def _load_file(location: str) -> ModuleType:
    path = _readable(location)
    known = _loaded_from(path)
    if known is not None:
        return known
    _put_first(path.parent)
    name = _module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SourceError(f"{location} is not a Python file: tools stand in files that end in .py")
    module = importlib.util.module_from_spec(spec)
    with _strangers_aside(path.parent):
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise SourceError(_explain(location, error)) from error
    return module


def _load_dotted(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise SourceError(f"{name!r} is neither a Python file nor a module's dotted name: check the spelling")
    # A console script's path lacks the folder in which the person stands; `python -m` has it.
    _put_first(Path.cwd())
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise SourceError(_explain(name, error)) from error


def _readable(location: str) -> Path:
    path = Path(location).expanduser().resolve()
    if not path.exists():
        raise SourceError(f"{location} does not exist: check the path (relative paths start at {Path.cwd()})")
    if path.is_dir():
        raise SourceError(f"{location} is a folder: name a .py file in it, or its dotted module name")
    try:
        path.read_bytes()
    except OSError as error:
        raise SourceError(f"{location} cannot be read: {error.strerror}") from error
    return path


def _loaded_from(path: Path) -> ModuleType | None:
    for name, module in list(sys.modules.items()):
        file = _file_of(module)
        # Names first: resolving the paths of a thousand modules takes longer than loading a file.
        if file is not None and file.name == path.name and file.resolve() == path and name != "__main__":
            return module
    return None


def _file_of(module: object) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file) if isinstance(file, str) else None


def _put_first(folder: Path) -> None:
    text = str(folder)
    if text in sys.path:
        sys.path.remove(text)
    sys.path.insert(0, text)
    if folder not in _folders:
        _folders.append(folder)
    importlib.invalidate_caches()


def _module_name(path: Path) -> str:
    """The file's stem where that is free, so that neighbours import the same module; else a name of its own."""
    stem = path.stem
    if stem.isidentifier() and stem not in sys.modules and stem not in sys.builtin_module_names:
        found = importlib.util.find_spec(stem)
        if found is not None and found.origin is not None and Path(found.origin).resolve() == path:
            return stem
    return f"{stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"


@contextmanager
def _strangers_aside(folder: Path) -> Iterator[None]:
    """While a file is run, modules of another source's folder do not stand in for its neighbours of the same name."""
    others = {other for other in _folders if other != folder}
    aside: dict[str, ModuleType] = {}
    for name in _importable(folder) if others else ():
        file = _file_of(sys.modules.get(name))
        if file is not None and (file.parent.parent if file.name == "__init__.py" else file.parent) in others:
            aside.update({n: m for n, m in sys.modules.items() if n == name or n.startswith(f"{name}.")})
    for name in aside:
        del sys.modules[name]
    try:
        yield
    finally:
        sys.modules.update(aside)


def _importable(folder: Path) -> list[str]:
    """The names of the modules and packages that stand in a folder, in order."""
    modules = [file.stem for file in folder.glob("*.py")]
    packages = [file.parent.name for file in folder.glob("*/__init__.py")]
    return sorted({*modules, *packages})


def _explain(source: str, error: BaseException) -> str:
    """The error as Python would show it, without our frames and those of the import machinery."""
    if isinstance(error, SyntaxError):
        where = f"{error.filename}:{error.lineno}" if error.filename else source
        return f"{source} cannot be loaded: {where}: {type(error).__name__}: {error.msg}"
    if type(error).__name__ == "ToolDefinitionError":
        return f"{source} cannot be loaded: {error}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_HERE, *_IMPORT_MACHINERY))
        and Path(importlib.__file__) != Path(frame.filename)
    ]
    where = f" (line {frames[-1].lineno} of {frames[-1].filename}: {frames[-1].line})" if frames else ""
    return f"{source} cannot be loaded: {type(error).__name__}: {error}{where}{_remedy(error)}"


def _remedy(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f". Install {error.name.partition('.')[0]!r} in this environment, or correct the name"
    if isinstance(error, SystemExit):
        return ". Put what only a script should do under `if __name__ == '__main__':`"
    return ""

"""Which names, attributes and imports an orchestration may use; the part of the subset that is about names.

The tables of modules and builtins are in `allowed_names`; the sandbox enforces them and much more when code runs.
What is refused here is refused early, with a remedy. Names that nobody defines are not looked for here.
"""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Collection
from typing import Final

from weft_compiler.allowed_names import ALLOWED_BUILTINS, ALLOWED_MODULES
from weft_compiler.diagnostics import Reporter
from weft_compiler.module_members import check_available
from weft_compiler.tree import walk

RESERVED_PREFIX: Final = "__weft"

#: Names of Python's builtins, and of those that its interactive shell adds, that an orchestration does not have.
REFUSED_BUILTINS: Final = frozenset(
    {name for name in dir(builtins) if not name.startswith("_")}
    | {"__import__", "copyright", "credits", "exit", "help", "license", "quit"}
) - frozenset(ALLOWED_BUILTINS)

_NO_FILES = "files belong to one machine, and a run may go on in another"
_NO_CODE = "all code of a run is compiled, and checked, before the run starts"
_NO_FRAMES = "a run's variables live in its graph, not in Python's frames"
_REASONS: Final = {
    "open": _NO_FILES,
    "eval": _NO_CODE,
    "exec": _NO_CODE,
    "compile": _NO_CODE,
    "__import__": _NO_CODE,
    "globals": _NO_FRAMES,
    "locals": _NO_FRAMES,
    "input": "nobody sits at a keyboard while a run goes on",
    "breakpoint": "a run has no terminal",
    "help": "a run has no terminal",
    "exit": "it belongs to Python's interactive shell",
    "quit": "it belongs to Python's interactive shell",
}
_REMEDIES: Final = {
    "input": "make it an input of the run: a parameter of the entry function",
    "exit": "use `return`, or `sys.exit()`",
    "quit": "use `return`, or `sys.exit()`",
    "globals": "keep the values in a dict of your own",
    "locals": "keep the values in a dict of your own",
    "__import__": "use an `import` statement",
    "breakpoint": "use `print`; the output is kept with the run",
    "help": "use `print`; the output is kept with the run",
    "memoryview": "use `bytes` or `bytearray`",
}

_TOOLS_ONLY = "orchestrations reach the outside world through tools only"
_NETWORK = "make the request in a tool and call the tool here"
_FILES = "read and write files in a tool, and call the tool here"
_SIDE_BY_SIDE = "use `asyncio.gather` to run steps side by side"
_DATA = "use `statistics`, `collections` and comprehensions, or compute it in a tool"
_MODULE_REMEDIES: Final = {
    "requests": _NETWORK,
    "httpx": _NETWORK,
    "aiohttp": _NETWORK,
    "http": _NETWORK,
    "socket": _NETWORK,
    "os": _FILES,
    "pathlib": _FILES,
    "shutil": _FILES,
    "glob": _FILES,
    "tempfile": _FILES,
    "subprocess": "run programs in a tool, and call the tool here",
    "threading": _SIDE_BY_SIDE,
    "multiprocessing": _SIDE_BY_SIDE,
    "concurrent": _SIDE_BY_SIDE,
    "numpy": _DATA,
    "pandas": _DATA,
    "pickle": "use `json`",
    "urllib3": _NETWORK,
    "sqlite3": "query the database in a tool, and call the tool here",
    "dotenv": "read settings in a tool, or pass them as inputs of the run",
    "yaml": "parse it in a tool, and call the tool here",
    "pydantic": "use `dataclasses`",
    "tqdm": "use `print`; the output is kept with the run",
    "tenacity": "tools are retried by the run itself; else write a loop with `asyncio.sleep`",
    "signal": "use `asyncio.timeout` or `asyncio.wait_for`",
    "queue": "use `asyncio.Queue`",
}

#: Module-level names with underscores that scripts read or set, and that do no harm.
_HARMLESS_DUNDERS: Final = frozenset(
    {"__name__", "__doc__", "__debug__", "__class__", "__all__", "__version__", "__author__"}
)
_REFUSED_METHODS: Final = frozenset(
    {
        "__del__",
        "__reduce__",
        "__reduce_ex__",
        "__getstate__",
        "__setstate__",
        "__getnewargs__",
        "__getnewargs_ex__",
    }
)
#: Attributes that lead from a value to Python's own insides. The sandbox allows far less than all others.
_REFUSED_ATTRIBUTES: Final = frozenset(
    {
        "__base__",
        "__bases__",
        "__builtins__",
        "__closure__",
        "__code__",
        "__defaults__",
        "__func__",
        "__getattribute__",
        "__globals__",
        "__import__",
        "__kwdefaults__",
        "__loader__",
        "__mro__",
        "__reduce__",
        "__reduce_ex__",
        "__self__",
        "__spec__",
        "__subclasses__",
        "__wrapped__",
        "ag_code",
        "ag_frame",
        "co_code",
        "cr_code",
        "cr_frame",
        "f_back",
        "f_builtins",
        "f_code",
        "f_globals",
        "f_locals",
        "gi_code",
        "gi_frame",
        "gi_yieldfrom",
        "tb_frame",
        "tb_next",
    }
)


def check_names(tree: ast.Module, reporter: Reporter, tools: Collection[str]) -> None:
    """Reports the names, attributes and imports that no orchestration may use."""
    loads = [node.id for node in walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    checker = _NameChecker(reporter, tools, frozenset(_bound_names(tree)), frozenset(loads))
    for node in walk(tree):
        checker.check(node)


class _NameChecker:
    def __init__(
        self, reporter: Reporter, tools: Collection[str], bound: frozenset[str], loaded: frozenset[str]
    ) -> None:
        self.reporter = reporter
        self.tools = tools
        self.bound = bound
        self.loaded = loaded
        #: Nodes that name something in a class body, where Python's own names are meant to stand.
        self.class_level: set[ast.AST] = set()

    def check(self, node: ast.AST) -> None:
        uses_bound = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in self.bound
        for name in () if uses_bound else _names_given_by(node):
            self._check_identifier(name, node)
        match node:
            case ast.ClassDef():
                self.class_level.update(_class_level(node))
            case ast.Name(ctx=ast.Load()) if node.id in REFUSED_BUILTINS:
                self._check_builtin(node)
            case ast.Attribute() if node.attr in _REFUSED_ATTRIBUTES:
                self.reporter.report("refused-attribute", node, name=node.attr)
            case ast.Import():
                for alias in node.names:
                    self._check_module(alias, alias.name, ())
            case ast.ImportFrom():
                self._check_import_from(node)

    def _check_identifier(self, name: str, node: ast.AST) -> None:
        if name.startswith(RESERVED_PREFIX):
            self.reporter.report("reserved-name", node, name=name)
        elif not _is_dunder(name) or isinstance(node, ast.Attribute) or name in REFUSED_BUILTINS:
            return
        elif node in self.class_level:
            if name in _REFUSED_METHODS:
                self.reporter.report("refused-method", node, name=name)
        elif name not in _HARMLESS_DUNDERS:
            self.reporter.report("dunder-name", node, name=name)

    def _check_builtin(self, node: ast.Name) -> None:
        if node.id in self.bound or node.id in self.tools:
            return
        reason = _REASONS.get(node.id, "a run can go on in another process, where it would not mean the same")
        self.reporter.report("refused-builtin", node, help_text=_REMEDIES.get(node.id), name=node.id, reason=reason)

    def _check_import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            self.reporter.report("relative-import", node)
        elif self._check_module(node, module, [alias.name for alias in node.names]):
            for alias in node.names:
                self._check_imported(alias, module)
            if node.names[0].name == "*":
                # The phases after this one see the names that the star would bring, and do not call them unknown.
                node.names = [ast.copy_location(ast.alias(name), node.names[0]) for name in ALLOWED_MODULES[module]]

    def _check_module(self, where: ast.AST, module: str, names: Collection[str]) -> bool:
        """Reports the module if it is not available; says whether it is."""
        if module in ALLOWED_MODULES:
            return True
        remedy = module_remedy(module)
        if names and all(name in self.tools for name in names):
            remedy = "leave this line out: tools are there without an import"
        notes = [_TOOLS_ONLY] if remedy is not None else None
        available = ", ".join(ALLOWED_MODULES)
        self.reporter.report("refused-import", where, notes=notes, help_text=remedy, module=module, available=available)
        return False

    def _check_imported(self, alias: ast.alias, module: str) -> None:
        names = ALLOWED_MODULES[module]
        if alias.name == "*":
            used = [name for name in names if name in self.loaded] or names[:2]
            self.reporter.report("star-import", alias, module=module, example=", ".join(used))
        else:
            check_available(alias, module, alias.name, self.reporter)


def module_remedy(module: str) -> str | None:
    """A better remedy than the general one, where there is one."""
    root = module.partition(".")[0]
    if module == "urllib.request" or root in _MODULE_REMEDIES:
        return _MODULE_REMEDIES.get(root, _NETWORK)
    near = difflib.get_close_matches(module, ALLOWED_MODULES, n=1, cutoff=0.75)
    return f"did you mean `{near[0]}`?" if near else None


def _is_dunder(name: str) -> bool:
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def _class_level(node: ast.ClassDef) -> list[ast.AST]:
    """The statements and targets that name members of the class."""
    members: list[ast.AST] = []
    for statement in node.body:
        members.append(statement)
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        members += [target for target in targets if isinstance(target, ast.Name)]
    return members


def _names_given_by(node: ast.AST) -> list[str]:
    """The identifiers that stand in the node itself."""
    match node:
        case ast.Name():
            return [node.id]
        case ast.Attribute():
            return [node.attr]
        case ast.Global() | ast.Nonlocal():
            return node.names
        case ast.alias():
            return [node.asname] if node.asname else []
        case ast.keyword() | ast.arg():
            return [node.arg] if node.arg else []
        case ast.MatchMapping():
            return [node.rest] if node.rest else []
        case ast.MatchClass():
            return node.kwd_attrs
        case _:
            name = getattr(node, "name", None)
            return [name] if isinstance(name, str) else []


def _bound_names(tree: ast.Module) -> list[str]:
    """Every name that the source binds anywhere."""
    found: list[str] = []
    for node in walk(tree):
        binds = not isinstance(node, (ast.Attribute, ast.keyword, ast.MatchClass))
        if isinstance(node, ast.alias) and not node.asname:
            found.append(node.name.partition(".")[0])
        elif binds and not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
            found += _names_given_by(node)
    return found

"""Tools over a throw-away git repository: they run its real test suite and commit to it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

sys.path.append(str(Path(__file__).resolve().parents[1]))

from traced import home, traced
from weft_activities import tool

DATA = Path(__file__).parent / "data"

#: What a slip of the pen may have turned into what: operators as they stand in the source.
SLIPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "+": "-", "-": "+", "*": "+", "==": "!=", "or": "and"}


class Candidate(BaseModel):
    file: str
    line: int
    old: str
    new: str


@tool(effect="idempotent")
@traced
def prepare_repository(name: str) -> dict[str, Any]:
    """Makes a fresh repository with one commit from the project of that name; an older one is thrown away."""
    path = _clone(name)
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(DATA / name, path, ignore=shutil.ignore_patterns("__pycache__"))
    _git(path, "init", "--quiet")
    _commit(path, "Import")
    return {"name": name, "commits": 1}


@tool(effect="read", timeout=60)
@traced
def run_tests(repository: str) -> dict[str, Any]:
    """Runs the test suite: total, failed, and the names of the failing tests."""
    return _run_suite(_clone(repository))


@tool(effect="read")
@traced
def find_suspects(repository: str, failing: list[str]) -> list[dict[str, Any]]:
    """Comparisons and sums in the functions that the failing tests call: file, line, function; the nearest
    first.
    """
    wanted = _called_by(_clone(repository), failing)
    source = (_clone(repository) / "shelf.py").read_text(encoding="utf-8")
    functions = [f for f in ast.parse(source).body if isinstance(f, ast.FunctionDef)]
    direct = [f for f in functions if f.name in wanted]
    indirect = [f for f in functions if f not in direct and any(f.name in _names(d) for d in direct)]
    return [
        {"file": "shelf.py", "line": line, "function": function.name}
        for function in indirect + direct
        for line in sorted({n.lineno for n in ast.walk(function) if isinstance(n, ast.Compare | ast.BinOp)})
    ]


@tool(effect="read")
@traced
def propose_fixes(repository: str, file: str, line: int) -> list[Candidate]:
    """All ways to replace one operator of a line by a similar one."""
    text = (_clone(repository) / file).read_text(encoding="utf-8").splitlines()[line - 1]
    return [Candidate(file=file, line=line, old=text.strip(), new=new.strip()) for new in _mutations(text)]


@tool(effect="read", timeout=60)
@traced
def try_fix(repository: str, candidate: Candidate) -> dict[str, Any]:
    """Runs the test suite on a copy of the repository with the candidate applied."""
    with tempfile.TemporaryDirectory(prefix="weft-bug-fix-") as copy:
        trial = Path(copy) / "trial"
        shutil.copytree(_clone(repository), trial, ignore=shutil.ignore_patterns(".git", "__pycache__"))
        _apply(trial, candidate)
        return _run_suite(trial)


@tool(effect="idempotent")
@traced
def apply_fix(repository: str, candidate: Candidate, message: str) -> dict[str, Any]:
    """Applies the candidate to the repository and commits it; does nothing where it is there already."""
    path = _clone(repository)
    _apply(path, candidate)
    # Also where an attempt before this one was ended between the two.
    if _git(path, "status", "--porcelain", "--untracked-files=no"):
        _commit(path, message)
    commits = int(_git(path, "rev-list", "--count", "HEAD"))
    return {**candidate.model_dump(), "commits": commits}


def _clone(repository: str) -> Path:
    return home("bug_fix") / repository


def _run_suite(path: Path) -> dict[str, Any]:
    command = [sys.executable, "-B", "-m", "unittest", "-v"]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True, timeout=50, check=False)
    results = re.findall(r"^(\w+) \(.*\) \.\.\. (ok|FAIL|ERROR)$", done.stderr, re.MULTILINE)
    failing = sorted(name for name, result in results if result != "ok")
    return {"total": len(results), "failed": len(failing), "failing": failing}


def _called_by(path: Path, tests: list[str]) -> set[str]:
    tree = ast.parse((path / "test_shelf.py").read_text(encoding="utf-8"))
    bodies = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name in tests]
    return {name for body in bodies for name in _names(body)}


def _names(function: ast.FunctionDef) -> set[str]:
    return {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}


def _mutations(text: str) -> Iterator[str]:
    operators = "|".join(re.escape(op) for op in sorted(SLIPS, key=len, reverse=True))
    for found in re.finditer(rf"(?<= )(?:{operators})(?= )", text):
        yield text[: found.start()] + SLIPS[found.group()] + text[found.end() :]


def _apply(path: Path, candidate: Candidate) -> None:
    """Replaces the line; does nothing where it has been replaced before."""
    file = path / candidate.file
    lines = file.read_text(encoding="utf-8").splitlines()
    old = lines[candidate.line - 1]
    if old.strip() == candidate.new:
        return
    if old.strip() != candidate.old:
        raise ValueError(f"{candidate.file}:{candidate.line} is no longer {candidate.old!r}")
    lines[candidate.line - 1] = old.replace(candidate.old, candidate.new)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _commit(path: Path, message: str) -> None:
    _git(path, "add", "--all")
    _git(path, "-c", "user.name=Example", "-c", "user.email=example@localhost", "commit", "-qm", message)


def _git(path: Path, *arguments: str) -> str:
    """Runs git on this repository alone, whatever the user's own settings and environment say."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-C", str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout

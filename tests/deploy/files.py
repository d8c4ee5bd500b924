"""The files of `deploy/` as data. Compose's variables are filled in as a person would, from `.env.example`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def read_compose() -> dict[str, Any]:
    """The compose file with its variables filled in."""
    text = (DEPLOY / "compose.yaml").read_text()
    data = yaml.safe_load(_VARIABLE.sub(lambda found: found[3] if found[2] == "-" else "given", text))
    assert isinstance(data, dict)
    return data


def required_variables() -> set[str]:
    """What the compose file refuses to start without."""
    text = (DEPLOY / "compose.yaml").read_text()
    return {name for name, mark, _ in _VARIABLE.findall(text) if mark != "-"}


def example_variables() -> dict[str, str]:
    """`.env.example`, with what it comments out."""
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    named = [line.lstrip("#").partition("=") for line in lines if re.match(r"#?[A-Z_]+=", line)]
    return {name: value for name, _, value in named}


def workers() -> dict[str, dict[str, Any]]:
    """The services that run Weft's image, by name."""
    return {name: each for name, each in read_compose()["services"].items() if each["image"] == "weft"}


def instructions() -> list[tuple[str, list[str]]]:
    """The Dockerfile's instructions as (name, words), continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split()[1:]) for line in lines]

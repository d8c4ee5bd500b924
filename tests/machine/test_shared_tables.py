"""What the library keeps for the whole process never calls back into another run."""

from __future__ import annotations

import pytest
from weft_compiler.compile import compile_source
from weft_workflows.host.in_process import InProcessMachine
from weft_workflows.machine import protocol as p

#: A key of one run that has the hash of another's and equals all.
_SPY = """
class Spy(str):
    def __eq__(self, other):
        print("compared with", other)
        return True
    def __hash__(self):
        return hash(KEY)
    def __call__(self):
        return None
spy = Spy(TEXT)
"""
#: What keeps a table -> the key, the text of the spy, and what looks the key up.
_TABLES = {
    "formats of strptime": (
        "%Y-%m-%d",
        "%Y-%m-%d",
        "from datetime import datetime\nprint(datetime.strptime('2024-05-03', KEY).month)",
    ),
    "time zones": ("Europe/Berlin", "UTC", "from zoneinfo import ZoneInfo\nprint(ZoneInfo(KEY).key)"),
    "split addresses": ("http://a/b", "http://a/b", "from urllib.parse import urlsplit\nprint(urlsplit(KEY).path)"),
    "quoted characters": ("/", "/", "from urllib.parse import quote\nprint(quote('a b/c', KEY))"),
    "subscripts of typing": ("x", "x", "from typing import Optional\nOptional[KEY]\nprint(1)"),
}


def _output(source: str) -> str:
    plan = compile_source(source, [])
    start = p.to_bytes([p.Start(plan.canonical_json(), inputs="{}", run_id="run", seed=1, now=1e9)])
    _, commands = InProcessMachine.start("run", start)
    return "".join(each.text for each in p.from_bytes(commands) if isinstance(each, p.Output))


@pytest.mark.parametrize("what", _TABLES)
def test_a_key_of_one_run_is_not_asked_by_another(what: str) -> None:
    key, text, use = _TABLES[what]
    alone = _output(use.replace("KEY", repr(key)))
    _output(_SPY.replace("KEY", repr(key)).replace("TEXT", repr(text)) + use.replace("KEY", "spy"))
    assert _output(use.replace("KEY", repr(key))) == alone

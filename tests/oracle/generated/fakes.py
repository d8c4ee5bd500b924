"""The tools of random programs: over state that all share, with failures and delays that follow from a script.

Which call ends first is decided by the *tempo*: under each tempo the calls of a program end in another order, all of them
legal. No two things happen at the same instant: delays are multiples of a microsecond that hardly ever add up to the same.
"""

from __future__ import annotations

import functools

from tests.oracle.fakes import FakeTool
from tests.oracle.scripted_tools import read_tools

#: Seconds that a call takes, by how many calls there were before it in the run.
_DELAY = (
    "state.setdefault('calls', []).append(0) or (200_000 + (len(state['calls']) + {0}) ** 3 * {1} % 1_999_993) / 1e6"
)

_TOOLS = """
look:
  parameters: x
  effect: read
  delay: "{look}"
  returns: (x + state.get('total', 0)) % 50
add:
  parameters: x, twice=False
  delay: "{add}"
  does: "state.update(total=(state.get('total', 0) + x * (2 if twice else 1)) % 50)"
  returns: state['total']
risky:
  parameters: x
  delay: "{risky}"
  raises: "ValueError(f'no {{x}}') if x % 5 == 3 else KeyError(x) if x % 7 == 6 else None"
  returns: -x
flaky:
  parameters: x, /, *more, label='none'
  effect: idempotent
  delay: "{flaky}"
  raises: "RuntimeError(label) if n % 6 == 5 else ArithmeticError(f'slow {{x}}') if n % 7 == 0 else None"
  returns: x + len(more)
fetch:
  parameters: x
  effect: read
  delay: "{fetch}"
  raises: "LookupError(f'unknown {{x}}') if x % 11 == 5 else None"
  returns: "{{'n': x % 50, 'items': [x % 50, state.get('total', 0)], 'name': f'r{{x}}', 'next': None}}"
"""


@functools.cache
def fake_tools(tempo: int = 0) -> dict[str, FakeTool]:
    factors = {"look": 700_001, "add": 910_003, "risky": 590_021, "flaky": 830_003, "fetch": 310_019}
    delays = {name: _DELAY.format(tempo * 17, factor + tempo) for name, factor in factors.items()}
    return read_tools(_TOOLS.format(**delays))

"""The tools of the orchestration that the environment names, as a worker loads them: `--tools served.py:TOOLS`.

`DISTURBED` is the orchestration's name, `DISTURBED_FOLDER` the run's folder, `DISTURBED_HOLD` where executions are held.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.disturbing.boundary_program import BOUNDARIES
from benchmarks.disturbing.workload import orchestration

_NAME = os.environ["DISTURBED"]
_ORCHESTRATION = BOUNDARIES[_NAME] if _NAME in BOUNDARIES else orchestration(_NAME)
TOOLS = _ORCHESTRATION.tools(Path(os.environ["DISTURBED_FOLDER"]), os.environ.get("DISTURBED_HOLD", ""))

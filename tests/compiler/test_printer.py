"""The three printed forms of a graph."""

from __future__ import annotations

import json
import re

from weft_compiler.graph import Graph, Return
from weft_compiler.printer import render_graph
from weft_compiler.tool_spec import Effect, ToolSpec

from tests.compiler.graphs import at, everything, expr, module

TREE = """\
graph v1, entry <module>
inputs: team, year (optional)
modules: asyncio

async def <module>():
  L3 call get_team('eng') -> members  # The team
  L28 compute
    | async def report(x, stage=None):
    |     ...
    | budgets = []
    | total = 0
  L6 for m in members (fresh m):  # Spending of each member
    L7 if m['left']:
      L8 continue
    else:
      L10 break
    L11 call get_budget(m['level']) -> .t1 (implicit)
    L11 compute budgets.append(.t1)
  else:
    L13 compute print('all')
  L14 while not total:
  before each test:
    L14 sleep asyncio.sleep(1)
  do:
    L15 compute total = sum(budgets)
  L16 try:
    L17 parallel [alert, report] asyncio.gather(alert(1), report(2))
    L18 map [report over members] asyncio.gather(*[report(x) for x in members]) -> reports
  except ValueError as e:
    L20 raise KeyError(1) from e
  except:
    L22 raise
  else:
    L24 spawn [report] asyncio.create_task(report(3))
  finally:
    L26 scope wait_for [alert] asyncio.wait_for(alert(2), 5)
  L32 join members['task']
  L33 return

async def report(x, stage=None):  # captured stage
  L29 invoke * stage(x)
  L30 invoke sync report(x)
  L31 return x"""

MERMAID = """\
flowchart TD
  classDef read fill:#e3f2fd,stroke:#1565c0,color:#0d2b45
  classDef idempotent fill:#fff8e1,stroke:#ef9f00,color:#4a3000
  classDef write fill:#fdecea,stroke:#c62828,color:#4a0d0d
  subgraph f0["#lt;module#gt;()"]
    n1(["start"])
    n2(["end"])
    n3["The team: call get_team('eng') -#gt; members"]:::read
    n4["compute async def report(x, stage=None): ...; budgets = []; total = 0"]
    subgraph n5["loop, line 6"]
      n6{{"Spending of each member: for m in members (fresh m)"}}
      n7{"if m['left']"}
      n8["call get_budget(m['level']) -#gt; .t1 (implicit)"]:::write
      n9["compute budgets.append(.t1)"]
    end
    n10["compute print('all')"]
    subgraph n11["loop, line 14"]
      n12(("again"))
      n13(["sleep asyncio.sleep(1)"])
      n14{{"while not total"}}
      n15["compute total = sum(budgets)"]
    end
    subgraph n16["try, line 16"]
      n17("try")
      n18[["parallel [alert, report] asyncio.gather(alert(1), report(2))"]]
      n19[["map [report over members] asyncio.gather(*[report(x) for x in members…"]]
      n20[["spawn [report] asyncio.create_task(report(3))"]]
      n21("except ValueError as e")
      n22["raise KeyError(1) from e"]
      n23("except")
      n24["raise"]
    end
    n25("finally")
    n26[["scope wait_for [alert] asyncio.wait_for(alert(2), 5)"]]
    n27["join members['task']"]
    n28["return"]
  end
  subgraph f1["report(x, stage=None)"]
    n29(["start"])
    n30(["end"])
    n31[["invoke * stage(x)"]]
    n32[["invoke sync report(x)"]]
    n33["return x"]
  end
  n1 --> n3
  n3 --> n4
  n4 --> n6
  n6 -->|each| n7
  n7 -->|yes| n6
  n8 --> n9
  n9 -->|next| n6
  n6 -->|done| n10
  n10 --> n12
  n7 -->|no| n12
  n12 --> n13
  n13 --> n14
  n14 -->|true| n15
  n15 -->|next| n12
  n14 -->|done| n17
  n17 --> n18
  n18 --> n19
  n19 --> n20
  n17 -. error .-> n21
  n21 --> n22
  n17 -. error .-> n23
  n23 --> n24
  n20 --> n25
  n17 -. error .-> n25
  n25 --> n26
  n26 --> n27
  n27 --> n28
  n28 --> n2
  n29 --> n31
  n31 --> n32
  n32 --> n33
  n33 --> n30"""


def test_tree() -> None:
    assert render_graph(everything(), "tree") == TREE


def test_mermaid() -> None:
    tools = [ToolSpec(name="get_team", effect=Effect.READ), ToolSpec(name="get_budget", effect=Effect.WRITE)]
    assert render_graph(everything(), "mermaid", tools=tools) == MERMAID


def test_mermaid_nodes_belong_to_one_subgraph_and_edges_join_them() -> None:
    lines = render_graph(everything(), "mermaid").split("\n")
    edges = [line for line in lines if "-->" in line or ".->" in line]
    first_edge = min(lines.index(edge) for edge in edges)
    nodes = [match[1] for line in lines[:first_edge] if (match := re.match(r"\s*(n\d+)[\[({]", line))]
    assert len(nodes) == len(set(nodes))
    assert {end for edge in edges for end in re.findall(r"\bn\d+\b", edge)} <= set(nodes)
    assert lines[:first_edge].count("  end") == 2


def test_mermaid_labels_are_cut_and_escaped() -> None:
    text = render_graph(module(Return(id="r", span=at(1), value=expr(f"'<b>\\\"#`' + {'x' * 100!r}"))), "mermaid")
    (label,) = re.findall(r'\["(return .*)"\]', text)
    assert label.startswith("return '#lt;b#gt;#quot;#35;#96;' + 'xxx")
    assert label.endswith("x…")
    assert '"' not in label


def test_mermaid_labels_are_no_lists() -> None:
    steps = [
        Return(id=f"r{n}", span=at(1), value=None, title=title) for n, title in enumerate(["1. Go", "- Go", "1.5 x"])
    ]
    text = render_graph(module(*steps), "mermaid")
    assert re.findall(r'\["(.*): return"\]', text) == ["1#46; Go", "#45; Go", "1.5 x"]


def test_json_is_the_graph() -> None:
    text = render_graph(everything(), "json")
    assert json.loads(text)["entry"] == "<module>"
    assert Graph.model_validate_json(text) == everything()

"""The graph: what the compiler makes of an orchestration and what the machine executes.

A graph is a set of functions; a function has one block; a block is a list of nodes in program order, whose `reads` and
`writes` span a DAG. Loops, branches and tries are region nodes that hold blocks, so no edge ever points back. The entry
is the function named `Graph.entry`: the module's own top-level code.

What always holds (`check_graph` proves it):

- Pure Python is kept as text in `Code` and never awaits. Everything that suspends is a node of its own.
- Node ids are unique in their function and stable under edits elsewhere; together with loop iterations they make the
  step ids of a run.
- Nodes are frozen and form a closed union, discriminated on `kind`.

Execution of each kind, where `|` is the order of time:

    Compute    [code]                                   pure statements; may leave by return, break, continue
    Call       [value] | tool step | target :=          a tool, awaited on the spot
    Invoke     [value] | frames of a function | target :=
    Parallel   [value] | a, b, c side by side | target := list      gather over fixed arguments
    Map        [value] | f(x0), f(x1), … side by side | target :=   gather over an iterable
    Spawn      [code]                                   starts tasks; does not wait
    Join       [value] | waits | target :=              await of a task, a future, or anything else
    Scope      [value] | waits under a deadline | target :=         wait_for
    Sleep      [value] | timer | target :=
    Branch     [test] ? then : else
    Loop       for/while: [iterable or head block + test] (body)*, then else; async for: | next | (body)*
    Attempt    body | handlers | else | finally
    With       [manager] | enter | body | exit
    Yield      [value] | gives it, goes on when asked again | target :=
    Return, Raise, Break, Continue
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Version of the graph's form. Raised when an older graph cannot be read, or would mean something else, together with an entry in
#: `reading.UPGRADES`; recorded in every plan. How a graph is executed has a version of its own (`plan.RULES_VERSION`).
GRAPH_VERSION = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(_Frozen):
    """A range of the orchestration's source. Lines from 1, columns from 0 in characters, the end exclusive."""

    line: int
    col: int
    end_line: int
    end_col: int


class Code(_Frozen):
    """Pure Python: one expression or some statements.

    `text` is canonical (as `ast.unparse` prints). `lines` gives the source line of each located AST node of the text in
    `ast.walk` order, run-length encoded as `line` or `line*count`, so that errors name the orchestration's own lines.
    `functions` names, in `ast.walk` order, the graph functions whose bodies stand as `...` there.
    """

    text: str
    lines: str
    functions: tuple[str, ...] = ()


class _Node(_Frozen):
    id: str
    span: Span
    #: The comment directly above the statement, else None. People see it in the Temporal UI.
    title: str | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


class Compute(_Node):
    """Pure statements. `exits` names the ways other than its end by which control can leave."""

    kind: Literal["compute"] = "compute"
    code: Code
    exits: tuple[Literal["return", "break", "continue"], ...] = ()


class Spawn(_Node):
    """Statements that start tasks and do not wait for them (`create_task`, `ensure_future`)."""

    kind: Literal["spawn"] = "spawn"
    code: Code
    callees: tuple[str, ...] = ()


class _Awaiting(_Node):
    """Evaluates `value` to an awaitable, waits for it, and stores the result in the variable `target`, if any."""

    value: Code
    target: str | None = None


class Call(_Awaiting):
    """One call of a tool: one step. `implicit` where the source has no `await`."""

    kind: Literal["call"] = "call"
    tool: str
    implicit: bool = False


class Invoke(_Awaiting):
    """A call of one of the orchestration's own effectful functions, or of a callee known only at run time (`*`).

    `awaited` is False where a synchronous effectful function is called: its frames run in the caller's strand. Its value
    is then a call, or an expression over names and constants at which Python calls a method: `x.p`, `x[k]`, `k in x`.
    """

    kind: Literal["invoke"] = "invoke"
    callee: str
    awaited: bool = True
    #: Where the callee may be a tool too, whose step is awaited on the spot.
    implicit: bool = False


class Parallel(_Awaiting):
    """`gather` over fixed arguments. `branches` says what each starts: a tool, a function, or `*`."""

    kind: Literal["parallel"] = "parallel"
    branches: tuple[str, ...]


class Map(_Awaiting):
    """`gather` over an iterable of awaitables. `callees` says what its elements may start; `over` is what it ranges over."""

    kind: Literal["map"] = "map"
    callees: tuple[str, ...]
    over: str = ""


class Join(_Awaiting):
    """`await` of a task, a future or a value whose nature only the run knows."""

    kind: Literal["join"] = "join"


class Scope(_Awaiting):
    """A wait with a rule around it. `scope` says which: `wait_for` (a deadline) or `run` (an event loop of its own)."""

    kind: Literal["scope"] = "scope"
    scope: Literal["wait_for", "run", "other"]
    callees: tuple[str, ...] = ()


class Sleep(_Awaiting):
    """`asyncio.sleep`: a durable timer."""

    kind: Literal["sleep"] = "sleep"


class Branch(_Node):
    kind: Literal["branch"] = "branch"
    test: Code
    then: Block
    orelse: Block


class Loop(_Node):
    """A `for` over `iterable` that assigns each element to `target`, or a `while` over `test`, with `head` run before each test.

    `fresh` names captured variables that get a new cell when the loop starts (comprehension scopes).
    """

    kind: Literal["loop"] = "loop"
    iterable: Code | None = None
    #: The variable that receives each element of a `for`; destructuring is a Compute at the body's start.
    target: str | None = None
    head: Block
    test: Code | None = None
    body: Block
    orelse: Block
    fresh: tuple[str, ...] = ()
    is_async: bool = False
    #: Nothing but the loop can hold the generator that it walks, which is closed when the loop is left before its end.
    owns: bool = False


class Handler(_Frozen):
    """One `except`. `types` is None for a bare one; `name` is unbound again at the handler's end."""

    span: Span
    types: Code | None
    name: str | None
    body: Block


class Attempt(_Node):
    """`is_star`: its handlers are those of `except*`, and each gets the part of a group that its types match."""

    kind: Literal["attempt"] = "attempt"
    body: Block
    handlers: tuple[Handler, ...]
    orelse: Block
    final: Block
    is_star: bool = False


class With(_Node):
    """`with` or `async with` of one manager; `target` gets what entering it gives."""

    kind: Literal["with"] = "with"
    manager: Code
    target: str | None = None
    is_async: bool
    body: Block


class Yield(_Node):
    """`yield`; with `delegate` it is `yield from`. `target` gets what is sent, or what the delegate returns."""

    kind: Literal["yield"] = "yield"
    value: Code | None
    target: str | None = None
    delegate: bool = False


class Return(_Node):
    kind: Literal["return"] = "return"
    value: Code | None


class Raise(_Node):
    """`raise value from cause`; a bare `raise` has no value."""

    kind: Literal["raise"] = "raise"
    value: Code | None
    cause: Code | None = None


class Break(_Node):
    kind: Literal["break"] = "break"


class Continue(_Node):
    kind: Literal["continue"] = "continue"


Node = Annotated[
    Compute
    | Spawn
    | Call
    | Invoke
    | Parallel
    | Map
    | Join
    | Scope
    | Sleep
    | Branch
    | Loop
    | Attempt
    | With
    | Yield
    | Return
    | Raise
    | Break
    | Continue,
    Field(discriminator="kind"),
]


class Block(_Frozen):
    nodes: tuple[Node, ...] = ()


class Function(_Frozen):
    """A function of the orchestration that the machine runs: asynchronous, effectful though synchronous, or a generator
    that has to live across a step.

    `name` is the key in `Graph.functions`: the qualified name, with `#n` after it where it is not unique. `signature` is
    the parameter list as source text. `locals` are fast variables (temporaries, `__weft_…`, are not listed), `cells` are captured by
    inner functions, `frees` come from enclosing functions; all other names are global or builtin. A method that speaks of
    its class (`super()`, `__class__`) has it in `__weft_class`.
    """

    name: str
    qualname: str
    signature: str = ""
    parameters: tuple[str, ...] = ()
    is_async: bool
    is_generator: bool = False
    #: A plain generator whose own code waits, so that what asks it has to wait too.
    waits: bool = False
    uses_class: bool = False
    locals: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    frees: tuple[str, ...] = ()
    doc: str | None = None
    span: Span
    body: Block


class Graph(_Frozen):
    version: int = GRAPH_VERSION
    entry: str
    functions: dict[str, Function]
    #: The run's inputs: variables that the entry expects to be set, with whether each is required.
    inputs: dict[str, bool] = Field(default_factory=dict)
    #: The modules that the orchestration uses, imported or not.
    modules: tuple[str, ...] = ()


Branch.model_rebuild()
Loop.model_rebuild()
Handler.model_rebuild()
Attempt.model_rebuild()
With.model_rebuild()
Block.model_rebuild()
Function.model_rebuild()
Graph.model_rebuild()

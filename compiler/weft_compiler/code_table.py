"""The texts of all diagnostic codes, as data, in the order of the phases that report them.

`message` is one line, lower case, without a full stop; `notes` state the constraint; only `help` proposes.
Placeholders in braces are the values that the reporting phase has to give. A code's page says the rest.
"""

from __future__ import annotations

from typing import Literal, Required, TypedDict


class Entry(TypedDict, total=False):
    message: Required[str]
    notes: tuple[str, ...]
    help: str
    severity: Literal["error", "warning"]


_DURABLE = "a run must be able to stop at each step and go on in another process"

_SOURCE: dict[str, Entry] = {
    "syntax-error": {
        "message": "{problem}",
        "notes": ("the text has to be Python of the version that runs it",),
        "help": "correct this line, or the one before it",
    },
    "await-in-sync": {
        "message": "{problem}",
        "notes": ("only a function made with `async def`, or the top level, can wait",),
        "help": "make the function asynchronous with `async def`, and await its calls",
    },
    "not-text": {
        "message": "{problem}",
        "notes": ("an orchestration is Unicode text",),
        "help": "save the file as UTF-8 text",
    },
    "too-large": {
        "message": "the source has {size:,} bytes; the limit is {limit:,}",
        "notes": ("the source is stored with each run",),
        "help": "pass large data as an input of the run, or let a tool read it",
    },
    "too-deep": {
        "message": "this is nested too deeply to compile",
        "notes": ("the limit is {limit:,} levels of nesting, and {chain:,} terms in a chain of operators",),
        "help": "name the inner parts in statements of their own, or build the data in a loop",
    },
}

_SUBSET: dict[str, Entry] = {
    "refused-import": {
        "message": "the module `{module}` is not available to orchestrations",
        "notes": ("orchestrations reach the outside world through tools only; available modules: {available}",),
        "help": "do this part in a tool and call the tool here",
    },
    "refused-import-name": {
        "message": "`{name}` of the module `{module}` is not available to orchestrations",
        "notes": ("available: {available}",),
        "help": "do this part in a tool and call the tool here",
    },
    "star-import": {
        "message": "`from {module} import *` is not supported",
        "notes": ("the compiler has to know which name comes from where",),
        "help": "name what you use: `from {module} import {example}`",
    },
    "relative-import": {
        "message": "relative imports are not supported",
        "notes": ("an orchestration is one file and has no package around it",),
        "help": "define the function in this file, or make it a tool",
    },
    "refused-builtin": {
        "message": "`{name}` is not available to orchestrations",
        "notes": ("{reason}",),
        "help": "make it a tool: write a function that does this part, and call that here",
    },
    "reserved-name": {
        "message": "the name `{name}` is reserved",
        "notes": ("names that begin with `__weft` belong to the run itself",),
        "help": "choose another name",
    },
    "dunder-name": {
        "message": "the name `{name}` is not available to orchestrations",
        "notes": ("names with two underscores on both sides belong to Python itself",),
        "help": "choose a name without the underscores",
    },
    "refused-attribute": {
        "message": "the attribute `{name}` is not available to orchestrations",
        "notes": ("it leads to the insides of Python, out of the run",),
        "help": "use the operator or the builtin function for it, such as `type(x)` or `len(x)`",
    },
    "refused-method": {
        "message": "a class of an orchestration cannot define `{name}`",
        "notes": ("when Python would call it is not the same in each process, so runs could not be repeated",),
        "help": "call an ordinary method where the work is to happen",
    },
    "metaclass": {
        "message": "classes with keyword arguments or a metaclass are not supported",
        "notes": ("classes are built anew in each process that goes on with a run",),
        "help": "use a class decorator, or set the values in the class body",
    },
    "template-string": {
        "message": "template strings are not supported",
        "notes": ("their parts are objects that a run cannot keep",),
        "help": 'use an f-string: `f"…"`',
    },
    "type-alias": {
        "message": "`type` statements are not supported",
        "notes": ("annotations are not evaluated in a run",),
        "help": "assign the type to a name: `{name} = …`",
    },
    "type-parameters": {
        "message": "type parameters are not supported",
        "notes": ("annotations are not evaluated in a run",),
        "help": "leave the parameters out, or annotate with `Any`",
    },
}

_NAMES: dict[str, Entry] = {
    "unknown-name": {
        "message": "the name `{name}` is not defined",
        "notes": ("available here: {available}",),
        "help": "{proposal}",
    },
    "unbound-counter": {
        "message": "`{name}` has no value that this could be added to",
        "notes": ("nothing else in its scope assigns it, so this line fails whenever it runs",),
        "help": "{proposal}",
        "severity": "warning",
    },
    "unknown-tool": {
        "message": "there is no tool or function `{name}`",
        "notes": ("tools: {available}",),
        "help": "{proposal}",
    },
    "tool-not-for-code": {
        "message": "the tool `{name}` must not be called from code",
        "notes": ("its `allowed_callers` does not contain `code`",),
        "help": "leave the call out, or have the tool's owner allow it",
    },
    "name-shadows-tool": {
        "message": "`{name}` hides the tool of that name",
        "notes": ("calls of `{name}` in its scope use this definition, not the tool",),
        "help": "rename it if you mean to call the tool",
        "severity": "warning",
    },
    "wrong-argument": {
        "message": "`{tool}` has no parameter `{name}`",
        "notes": ("the signature is `{signature}`",),
        "help": "{proposal}",
    },
    "missing-argument": {
        "message": "`{tool}` needs a value for {names}",
        "notes": ("the signature is `{signature}`",),
        "help": "pass {names}",
    },
    "too-many-arguments": {
        "message": "`{tool}` takes {most} positional arguments but {given} are given",
        "notes": ("the signature is `{signature}`",),
        "help": "pass the others by name, or leave them out",
    },
    "repeated-argument": {
        "message": "`{tool}` gets two values for `{name}`",
        "notes": ("the signature is `{signature}`",),
        "help": "pass it once, by position or by name",
    },
    "bad-literal": {
        "message": "this value does not fit `{name}` of `{tool}`: {problem}",
        "notes": ("the schema of `{name}` is `{schema}`",),
        "help": "pass a value that fits the schema",
    },
    "no-entry": {
        "message": "nothing here would run",
        "notes": ("the entry is the top-level code, else the only async function that nobody calls",),
        "help": "call a function at the end of the file: `result = await {name}()`",
    },
    "several-entries": {
        "message": "it is not clear where to start: {names}",
        "notes": ("the top-level code does nothing, and several functions are called by nobody",),
        "help": "call the one to start with at the end of the file: `result = await {name}()`",
    },
    "missing-input": {
        "message": "the run needs a value for its input `{name}`",
        "notes": ("inputs: {available}",),
        "help": "give it, for example with `--inputs '{{\"{name}\": …}}'`",
    },
    "unknown-input": {
        "message": "the orchestration has no input `{name}`",
        "notes": ("inputs: {available}",),
        "help": "{proposal}",
    },
}

_CALLS: dict[str, Entry] = {
    "never-awaited": {
        "message": "the coroutine of `{name}` is never awaited",
        "notes": ("only tools are awaited by themselves; async functions defined here are not, as in Python",),
        "help": "await it: `await {call}`",
    },
    "ambiguous-coroutine": {
        "message": "it is not clear whether this call of `{name}` is to be awaited here",
        "notes": ("some uses of its value take a coroutine, others take the result",),
        "help": "write `await {call}` here, or keep the coroutine and `await` it at each use",
    },
    "asynchronous-generator": {
        "message": "{consumer} cannot take an asynchronous generator",
        "notes": ("{reason}; Python raises a `TypeError` here",),
        "help": "{proposal}",
    },
    "effectful-callback": {
        "message": "`{name}` is called by `{caller}` from inside Python, where a run cannot stop",
        "notes": (_DURABLE + "; in the middle of `{caller}` it cannot",),
        "help": "get the values first, then use them: `values = [await {name}(x) for x in xs]`",
    },
    "effectful-lambda": {
        "message": "this `lambda` holds a step, and `{caller}` calls it from inside Python, where a run cannot stop",
        "notes": (_DURABLE + "; in the middle of `{caller}` it cannot",),
        "help": "get the values first, in a loop or a comprehension that evaluates `{body}`, then use them",
    },
    "effectful-method": {
        "message": "`{name}` of the class `{cls}` holds a step, and Python calls it where a run cannot stop",
        "notes": (_DURABLE,),
        "help": "give the class an ordinary method that does this, `async def` with its steps awaited, and call that",
    },
    "effectful-manager": {
        "message": "the manager `{name}` holds a step and cannot decorate a function",
        "notes": ("Python would enter it around each call of the function, where a run cannot stop",),
        "help": "write `with {name}:` inside the function",
    },
    "effectful-decorator": {
        "message": "`{name}` cannot decorate a function that holds steps",
        "notes": ("the decorator would call the function from inside Python, where a run cannot stop",),
        "help": "call the steps in an undecorated function",
    },
}

_EFFECTS: dict[str, Entry] = {
    "effectful-class": {
        "message": "a step in the body of the class `{name}` cannot be taken out of it",
        "notes": (_DURABLE + ", and a class that is half-way through its body cannot be stored",),
        "help": "run the step before the class and use its result in the body, or run it in a method",
    },
    "effectful-generator": {
        "message": "`{consumer}` asks a generator that holds steps from inside Python, where a run cannot stop",
        "notes": (_DURABLE + "; in the middle of `{consumer}` it cannot",),
        "help": "collect the items in a list first: `items = [x for x in generator]`",
    },
    "effectful-except-type": {
        "message": "the type after `except*` cannot hold a step",
        "notes": ("Python evaluates it while an error is under way, where a run cannot stop",),
        "help": "get the type before the `try`",
    },
}

TABLE: dict[str, Entry] = _SOURCE | _SUBSET | _NAMES | _CALLS | _EFFECTS

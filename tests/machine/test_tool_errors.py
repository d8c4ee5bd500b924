"""What tools raise arrives in the program with its type and its message, also where JSON cannot carry its arguments."""

from __future__ import annotations

import pytest
from weft_activities.failures import describe_failure
from weft_workflows.machine.json_values import to_json
from weft_workflows.machine.protocol import StepFailed
from weft_workflows.machine.tool_errors import error_of


class OwnGroup(ExceptionGroup):
    pass


def arrived(error: Exception) -> BaseException:
    told = describe_failure(error)
    event = StepFailed("s", told.type, told.message, to_json(told.arguments), told.base_type, 0.0)
    return error_of(event, "tool")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad"),
        KeyError("k"),
        FileNotFoundError(2, "No such file or directory", "/gone"),
        UnicodeDecodeError("utf-8", b"\xff\xfe", 0, 1, "invalid start byte"),
        UnicodeEncodeError("ascii", "ü", 0, 1, "ordinal not in range(128)"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_builtin_keeps_type_and_message(error: Exception) -> None:
    found = arrived(error)
    assert (type(found), str(found)) == (type(error), str(error))


@pytest.mark.parametrize("kind", [ExceptionGroup, OwnGroup])
def test_a_group_arrives_as_a_group_whose_members_are_texts(kind: type[ExceptionGroup]) -> None:
    found = arrived(kind("two failed", [ValueError("a"), KeyError("b")]))
    assert isinstance(found, ExceptionGroup)
    assert type(found).__name__ == kind.__name__
    assert found.message == "two failed"
    assert "ValueError('a'), KeyError('b')" in str(found.exceptions[0])

"""The filter as the kernel would run it, for both processors: what it answers to system calls that matter."""

from __future__ import annotations

import pytest
from weft_workflows.host import seccomp
from weft_workflows.host.seccomp import _Instruction, _program

PID = 4321
ALLOW, EPERM, KILL = seccomp._ALLOW, seccomp._EPERM, seccomp._KILL
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
#: Numbers from the kernel's tables, kept apart from the ones under test.
REFUSED = {
    "x86_64": {
        "open": 2,
        "stat": 4,
        "pipe": 22,
        "dup": 32,
        "socket": 41,
        "connect": 42,
        "sendmsg": 46,
        "clone": 56,
        "fork": 57,
        "vfork": 58,
        "execve": 59,
        "kill": 62,
        "ptrace": 101,
        "prctl": 157,
        "openat": 257,
        "prlimit64": 302,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "memfd_create": 319,
        "io_uring_setup": 425,
        "clone3": 435,
        "openat2": 437,
    },
    "aarch64": {
        "dup": 23,
        "openat": 56,
        "pipe2": 59,
        "newfstatat": 79,
        "ptrace": 117,
        "kill": 129,
        "prctl": 167,
        "socket": 198,
        "connect": 203,
        "sendmsg": 211,
        "clone": 220,
        "execve": 221,
        "prlimit64": 261,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "memfd_create": 279,
        "io_uring_setup": 425,
        "clone3": 435,
        "openat2": 437,
    },
}
ALLOWED = {
    "x86_64": {"sendto": 44, "recvfrom": 45, "setitimer": 38, "brk": 12, "futex": 202, "exit_group": 231},
    "aarch64": {"sendto": 206, "recvfrom": 207, "setitimer": 103, "brk": 214, "futex": 98, "exit_group": 94},
}
BOTH = pytest.mark.parametrize("arch", ["x86_64", "aarch64"])


def answer(arch: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """Runs the program for one call, as the kernel does with its `seccomp_data`."""
    data = {0: number, 4: AUDIT[arch] if audit is None else audit}
    data |= {16 + 8 * n: argument for n, argument in enumerate((*arguments, 0, 0, 0, 0, 0, 0)[:6])}
    program = _program(arch, PID)
    at, loaded = 0, 0
    while True:
        instruction: _Instruction = program[at]
        at += 1
        if instruction.code == seccomp._RETURN:
            return instruction.value
        if instruction.code == seccomp._LOAD:
            loaded = data[instruction.value]
            continue
        equal = instruction.code == seccomp._IF_EQUAL
        holds = loaded == instruction.value if equal else bool(loaded & instruction.value)
        at += instruction.if_true if holds else instruction.if_false


@BOTH
def test_the_list(arch: str) -> None:
    assert {name: answer(arch, number) for name, number in ALLOWED[arch].items()} == dict.fromkeys(ALLOWED[arch], ALLOW)
    assert {name: answer(arch, number) for name, number in REFUSED[arch].items()} == dict.fromkeys(REFUSED[arch], EPERM)


@BOTH
@pytest.mark.parametrize("name", ["mmap", "mprotect"])
def test_memory_is_never_code(arch: str, name: str) -> None:
    number = {"x86_64": {"mmap": 9, "mprotect": 10}, "aarch64": {"mmap": 222, "mprotect": 226}}[arch][name]
    assert answer(arch, number, 0, 4096, 0b011) == ALLOW
    assert answer(arch, number, 0, 4096, 0b100) == EPERM
    assert answer(arch, number, 0, 4096, 0b111) == EPERM


@BOTH
def test_only_the_process_itself_is_signalled(arch: str) -> None:
    tgkill = {"x86_64": 234, "aarch64": 131}[arch]
    assert answer(arch, tgkill, PID, PID, 6) == ALLOW
    assert answer(arch, tgkill, PID + 1, PID + 1, 6) == EPERM


@BOTH
def test_calls_by_another_table_are_killed(arch: str) -> None:
    assert answer(arch, 0, audit=0x40000003) == KILL


def test_the_x32_table_is_not_a_way_around() -> None:
    assert answer("x86_64", 0x40000000 | 45) == EPERM


def test_both_lists_name_the_same_calls() -> None:
    """The generic table, which aarch64 uses, has no `time` and no `poll`."""
    assert set(seccomp._ALLOWED["x86_64"]) - set(seccomp._ALLOWED["aarch64"]) == {"time", "poll"}
    assert set(seccomp._ALLOWED["aarch64"]) <= set(seccomp._ALLOWED["x86_64"])

"""The system calls that a host may make, as a seccomp filter (Linux, x86_64 and aarch64).

An allow-list: everything else gives EPERM, also calls that future kernels will add. The list is what an interpreter
needs that computes, keeps time and talks over a socket that is already open. Numbers are from the kernel's tables
`arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h`; the filter's layout is that of
`seccomp(2)`. Why EPERM and not a kill is in `docs/adr/003-host.md`.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from dataclasses import dataclass
from typing import Final

_AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
#: Allowed whatever their arguments are; the ones of each hop first.
_ALLOWED: Final = {
    "x86_64": {
        "recvfrom": 45,
        "sendto": 44,
        "setitimer": 38,
        "futex": 202,
        "brk": 12,
        "munmap": 11,
        "mremap": 25,
        "madvise": 28,
        "read": 0,
        "write": 1,
        "close": 3,
        "fstat": 5,
        "lseek": 8,
        "poll": 7,
        "ppoll": 271,
        "rt_sigaction": 13,
        "rt_sigprocmask": 14,
        "rt_sigreturn": 15,
        "sigaltstack": 131,
        "restart_syscall": 219,
        "getpid": 39,
        "gettid": 186,
        "getrusage": 98,
        "times": 100,
        "time": 201,
        "gettimeofday": 96,
        "clock_gettime": 228,
        "clock_getres": 229,
        "clock_nanosleep": 230,
        "nanosleep": 35,
        "getitimer": 36,
        "getrandom": 318,
        "sysinfo": 99,
        "sched_yield": 24,
        "sched_getaffinity": 204,
        "membarrier": 324,
        "rseq": 334,
        "set_robust_list": 273,
        "exit": 60,
        "exit_group": 231,
    },
    "aarch64": {
        "recvfrom": 207,
        "sendto": 206,
        "setitimer": 103,
        "futex": 98,
        "brk": 214,
        "munmap": 215,
        "mremap": 216,
        "madvise": 233,
        "read": 63,
        "write": 64,
        "close": 57,
        "fstat": 80,
        "lseek": 62,
        "ppoll": 73,
        "rt_sigaction": 134,
        "rt_sigprocmask": 135,
        "rt_sigreturn": 139,
        "sigaltstack": 132,
        "restart_syscall": 128,
        "getpid": 172,
        "gettid": 178,
        "getrusage": 165,
        "times": 153,
        "gettimeofday": 169,
        "clock_gettime": 113,
        "clock_getres": 114,
        "clock_nanosleep": 115,
        "nanosleep": 101,
        "getitimer": 102,
        "getrandom": 278,
        "sysinfo": 179,
        "sched_yield": 124,
        "sched_getaffinity": 123,
        "membarrier": 283,
        "rseq": 293,
        "set_robust_list": 99,
        "exit": 93,
        "exit_group": 94,
    },
}
#: Memory is mapped, but never as code.
_MAPPING: Final = {"x86_64": {"mmap": 9, "mprotect": 10}, "aarch64": {"mmap": 222, "mprotect": 226}}
#: `abort()` signals the process itself; nobody else is signalled.
_TGKILL: Final = {"x86_64": 234, "aarch64": 131}

_SET_MODE_FILTER: Final = 1
_ALL_THREADS: Final = 1
_PROT_EXEC: Final = 4
_LOAD: Final = 0x20
_IF_EQUAL: Final = 0x15
_IF_BITS: Final = 0x45
_RETURN: Final = 0x06
_KILL: Final = 0x80000000
_EPERM: Final = 0x00050001
_ALLOW: Final = 0x7FFF0000
_NUMBER_AT: Final = 0
_ARCH_AT: Final = 4
_ARGUMENTS_AT: Final = 16


@dataclass(frozen=True, slots=True)
class _Instruction:
    code: int
    value: int
    if_true: int = 0
    if_false: int = 0

    def packed(self) -> bytes:
        return struct.pack("<HBBI", self.code, self.if_true, self.if_false, self.value)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install_filter() -> bool:
    """Installs the filter for every thread, for ever. False where the kernel or the processor offers none.

    Needs `PR_SET_NO_NEW_PRIVS`.
    """
    arch = platform.machine()
    if arch not in _AUDIT_ARCH:
        return False
    instructions = _program(arch, os.getpid())
    text = b"".join(i.packed() for i in instructions)
    program = _Program(len(instructions), text)
    libc = ctypes.CDLL(None, use_errno=True)
    numbers = map(ctypes.c_long, (_SECCOMP[arch], _SET_MODE_FILTER, _ALL_THREADS))
    done = libc.syscall(*numbers, ctypes.byref(program))
    return bool(done == 0)


def _program(arch: str, pid: int) -> list[_Instruction]:
    """Kills a caller of another architecture's table, whose numbers mean something else; then the list; then EPERM."""
    program = [
        _Instruction(_LOAD, _ARCH_AT),
        _Instruction(_IF_EQUAL, _AUDIT_ARCH[arch], 1, 0),
        _Instruction(_RETURN, _KILL),
        _Instruction(_LOAD, _NUMBER_AT),
    ]
    for number in _ALLOWED[arch].values():
        program += [_Instruction(_IF_EQUAL, number, 0, 1), _Instruction(_RETURN, _ALLOW)]
    for number in _MAPPING[arch].values():
        program += _where(number, 2, _Instruction(_IF_BITS, _PROT_EXEC, 1, 0))
    program += _where(_TGKILL[arch], 0, _Instruction(_IF_EQUAL, pid, 0, 1))
    return [*program, _Instruction(_RETURN, _EPERM)]


def _where(number: int, argument: int, test: _Instruction) -> list[_Instruction]:
    """Allows that call if `test` of its argument falls through to the next instruction, else EPERM."""
    return [
        _Instruction(_IF_EQUAL, number, 0, 4),
        _Instruction(_LOAD, _ARGUMENTS_AT + 8 * argument),
        test,
        _Instruction(_RETURN, _ALLOW),
        _Instruction(_RETURN, _EPERM),
    ]

"""What a host gives up before it executes anything: files, processes, memory without end, system calls.

Limits are applied once, in this order, and cannot be lifted again by the process. On Linux all of them hold, the system
call filter where the kernel offers one; on macOS only the resource limits and the CPU timer do, and RLIMIT_AS is not
enforced by its kernel.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import sys
import time

from weft_workflows.host.limits import HostLimits
from weft_workflows.host.seccomp import install_filter

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


def detach() -> None:
    """Ties the process to its worker's life and to nothing else: no interrupt, no environment, one time zone.

    The death signal comes when the *thread* that started this process ends, so the worker starts hosts from one thread
    that lives as long as the pool.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    # UTC, so that local time neither needs a file later nor differs between workers.
    os.environ["TZ"] = "UTC0"
    time.tzset()


def confine(limits: HostLimits) -> tuple[str, ...]:
    """Applies the limits for good; names those that hold here."""
    gc.collect()
    # What is loaded now lives as long as the process: the collector need not look at it again.
    gc.freeze()
    os.nice(limits.niceness)
    held = [name for name, value in _resource_limits(limits) if _limit(name, value)]
    if sys.platform == "linux":
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _prctl(_PR_SET_DUMPABLE, 0)
        if install_filter():
            held.append("seccomp")
    return tuple(held)


class CpuTimer:
    """Ends the process by SIGPROF, which nobody handles, when a call has used its CPU time.

    To be made by the main thread, in which Python runs handlers. While another thread stays inside C code no handler
    runs, and that is how such a thread is told from one that only computes long.
    """

    def __init__(self) -> None:
        #: The process's CPU time at which the long call under way ends; None while there is none.
        self._end: float | None = None
        self._stuck = 0.0
        signal.signal(signal.SIGALRM, self._look)

    def arm(self, seconds: float) -> None:
        """From now on the process may use that much."""
        self._end = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, seconds)

    def arm_long(self, seconds: float, stuck: float) -> None:
        """The same, and no more than `stuck` of it in one call of C code."""
        self._end, self._stuck = time.process_time() + seconds, stuck
        signal.setitimer(signal.ITIMER_PROF, min(seconds, stuck))
        interval = min(1.0, stuck / 4)
        signal.setitimer(signal.ITIMER_REAL, interval, interval)

    def _look(self, _number: int, _frame: object) -> None:
        if self._end is not None:
            left = max(0.001, self._end - time.process_time())
            signal.setitimer(signal.ITIMER_PROF, min(left, self._stuck))


def _resource_limits(limits: HostLimits) -> tuple[tuple[str, int], ...]:
    return (
        ("RLIMIT_AS", limits.memory_bytes),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NPROC", 0),
        # Open descriptors stay open; none can be added.
        ("RLIMIT_NOFILE", 0),
    )


def _limit(name: str, value: int) -> bool:
    which = getattr(resource, name)
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:
        resource.setrlimit(which, (value, value))
    except (ValueError, OSError):
        return False
    return True


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0))) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")

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


def arm_cpu_timer(seconds: float) -> None:
    """From now on the process may use that much CPU time; then SIGPROF, which nobody handles, ends it."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


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

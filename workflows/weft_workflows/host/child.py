"""The main loop of a host process: takes one frame, lets one machine work on it, sends one reply.

Started by `process.py` with two inherited descriptors. Machines live in a thread of their own only because a thread's
stack can be made large; nothing here runs at the same time as anything else. The machine's class is
known by name alone.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import NoReturn

from weft_workflows.host.confine import CpuTimer, confine, detach
from weft_workflows.host.contract import Machine, load_machine
from weft_workflows.host.errors import MachineFailed
from weft_workflows.host.limits import HostLimits
from weft_workflows.host.warm import warm
from weft_workflows.host.wire import LONG, OUT_OF_MEMORY, Channel, MessageTooLong, Op, Page


def main(channel_fd: int, page_fd: int) -> NoReturn:
    """Gets ready, then serves until the worker closes the channel. Never returns."""
    detach()
    channel = Channel(socket.socket(fileno=channel_fd), 2**32 - 1)
    page = Page(page_fd)
    os.close(page_fd)
    try:
        hello = json.loads(channel.receive()[2])
        limits = HostLimits(**hello["limits"])
        machine_class = load_machine(hello["machine"])
        warm()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the worker shows it
        channel.send(Op.RAISED, 0, MachineFailed.of(error, 0).to_bytes())
        os._exit(1)
    threading.stack_size(limits.stack_bytes)
    thread = threading.Thread(target=_Server(channel, page, machine_class, limits).serve, name="machines")
    thread.start()
    thread.join()
    os._exit(0)


class _Server:
    def __init__(self, channel: Channel, page: Page, machine_class: type[Machine], limits: HostLimits) -> None:
        self._channel = channel
        self._page = page
        self._machine_class = machine_class
        self._limits = limits
        self._machines: dict[int, Machine] = {}
        self._timer = CpuTimer()

    def serve(self) -> None:
        sys.setrecursionlimit(self._limits.recursion_limit)
        held = confine(self._limits)
        self._channel.send(Op.READY, 0, json.dumps(held).encode())
        while True:
            try:
                op, machine, body = self._channel.receive()
            except (EOFError, OSError):
                return
            limits = self._limits
            if op & LONG:
                self._timer.arm_long(limits.long_cpu_seconds, limits.stuck_seconds)
            else:
                self._timer.arm(limits.cpu_seconds)
            if op == Op.FORGET:
                self._machines.pop(machine, None)
            else:
                self._channel.send(*self._execute(op, machine, body))
            if op & LONG:
                # An idle host need not look at its timer.
                self._timer.arm(limits.cpu_seconds)

    def _execute(self, op: int, machine: int, body: bytes) -> tuple[int, int, bytes]:
        """The reply. A machine whose state is unknown after an error is dropped; the worker rebuilds it."""
        self._page.begin(machine)
        try:
            reply = self._carry_out(op, machine, body)
            if len(reply) > self._limits.message_bytes:
                raise MessageTooLong(len(reply), self._limits.message_bytes)
            status = Op.DONE
        except MemoryError:
            # Whatever else is attempted now may fail too; the page keeps the machine and its line.
            os._exit(OUT_OF_MEMORY)
        except BaseException as error:  # noqa: BLE001 - a fault in the machine must not end its neighbours
            if op & ~LONG not in (Op.SNAPSHOT, Op.INSPECT):
                self._machines.pop(machine, None)
            status, reply = Op.RAISED, MachineFailed.of(error, self._page.line).to_bytes()
        self._page.end()
        return status, machine, reply

    def _carry_out(self, op: int, machine: int, body: bytes) -> bytes:
        budget = None if op & LONG else self._limits.activation_fuel
        op &= ~LONG
        if op == Op.DELIVER:
            return self._machines[machine].deliver(body, budget)
        if op == Op.START:
            self._machines[machine], commands = self._machine_class.start(body, self._page.trace, budget)
            return commands
        if op == Op.RESTORE:
            self._machines[machine] = self._machine_class.restore(body, self._page.trace)
            return b""
        if op == Op.SNAPSHOT:
            return self._machines[machine].snapshot(body)
        if op == Op.INSPECT:
            return self._machines[machine].inspect(body.decode())
        raise ValueError(f"unknown operation {op}")

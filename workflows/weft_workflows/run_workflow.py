"""The Temporal workflow that carries out a run: feeds its machine one event at a time and does what the
machine commands.

What always holds: events are delivered one by one, in the order of history, each to quiescence; nothing is decided from
anything but history; the machine is closed when the workflow leaves this process, and is built again by replay. There is no
orchestration logic here: what a failure means is in `step_outcomes`, what waits for a person in `parking`, what an earlier
execution has done in `reliving`.

A run outlasts its executions: where history grows long, an execution ends and the next one goes on with the machine's
checkpoint and with `Carried`. It moves between two events, when no activity of its own is in flight; workflows that carry
out steps, timers and what is parked cross over.

Handlers of updates and of reports only take note, and what they noted is done after what came of activities and timers. A
replay joins a workflow task without commands to the next one, and handles that one's updates and signals first: in this
order, and since a task with reports always has a command, the machine is told the same in both.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Coroutine
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from weft_workflows import run_details
from weft_workflows.advance import Killed, advance
from weft_workflows.batch_workflow import REPORT
from weft_workflows.batches import Batches
from weft_workflows.cleaning_up import CleaningUp, cut_off
from weft_workflows.crossing import Arguments, Crossing
from weft_workflows.evaluators import EVALUATOR_DIED, Death, Evaluator, TooLong
from weft_workflows.failures import Failure
from weft_workflows.fitting import fitting_plan, fitting_tools
from weft_workflows.history_limits import Thresholds
from weft_workflows.keeping import keep_history
from weft_workflows.machine import protocol as p
from weft_workflows.messages import (
    LIMIT_CLEANUP,
    MEMO_ELSEWHERE,
    RUN_WORKFLOW,
    Decision,
    Report,
    RunInput,
    RunResult,
)
from weft_workflows.parking import MACHINE, ORPHANS, RUN, Parking
from weft_workflows.reliving import Reliving
from weft_workflows.run_deadline import RunDeadline
from weft_workflows.run_queries import RunQueries
from weft_workflows.run_results import result_of
from weft_workflows.step_activities import Step, Steps
from weft_workflows.step_limits import limited
from weft_workflows.step_outcomes import Outcome, arguments_text
from weft_workflows.timers import Timers


@workflow.defn(name=RUN_WORKFLOW, sandboxed=False)
class RunWorkflow(RunQueries):
    @workflow.init
    def __init__(self, *arguments: Any) -> None:
        """The run's input; then what `crossing.Arguments` reads, where another execution was before this one."""
        run = RunInput.model_validate(arguments[0])
        self._given = given = Arguments.of(arguments[1:])
        info = workflow.info()
        self._input = run
        self._plan = fitting_plan(run.plan)
        tools = {name: limited(tool, run.options) for name, tool in fitting_tools(self._plan).items()}
        self._batches = Batches(info.workflow_id, run.options.batches) if run.options.batches else None
        self._steps = Steps(tools, run.options, self._step_ended, self._batches)
        if self._batches is not None:
            self._batches.serve(self._steps)
        self._parking = Parking(info.workflow_id, self._steps.all, run.parking_rules)
        self._evaluator = Evaluator(info.workflow_id, info.run_id)
        self._reliving = None if given.past is None else Reliving.of(given.past, tools)
        self._timers = Timers(self._timer_fired)
        self._deadline = RunDeadline(run.options.run_timeout, self._is_parked, self._time_out)
        #: What has happened and is not yet delivered, oldest first.
        self._happened: deque[p.Start | p.Event | tuple[Step, Outcome]] = deque()
        #: What people and other workflows have said since, oldest first.
        self._said: deque[Report | tuple[Step, Outcome]] = deque()
        #: Steps that a person has had tried again.
        self._retried: deque[Step] = deque()
        #: What a person has said of old writes that the program does not repeat, and what `fail` raises.
        self._orphans_said: tuple[str, Failure] | None = None
        #: The event that would kill the evaluator, while the machine is parked.
        self._held: tuple[p.Start | p.Event, Death] | None = None
        #: How the program has ended, while the whole run is parked because of it.
        self._ended_as: p.Fail | None = None
        #: The line of long pure code that is being carried out elsewhere (0: unknown), None while there is none.
        self._computing: int | None = None
        self._cancelled = False
        #: The run's time in seconds, once it is over.
        self._timed_out: float | None = None
        self._cleaning_up = CleaningUp(run.options.cleanup_limit, self._cut_off)
        self._stdout: list[str] = []
        self._end: p.Finish | p.Fail | None = None
        self._crossing = Crossing(
            self._steps,
            self._batches,
            self._parking,
            self._evaluator,
            self._timers,
            self._deadline,
            self._reliving,
            Thresholds(run.options.history),
        )
        if given.carried is not None:
            self._crossing.take_over(given.carried)
            self._stdout.append(given.carried.stdout)

    @workflow.run
    async def run(self, *_arguments: Any) -> RunResult:
        try:
            if self._given.carried is None:
                self._begin()
            else:
                self._crossing.go_on(self._given.carried, self._given.parts)
                if self._input.keeps_history and (earlier := workflow.info().continued_run_id):
                    self._keeping = asyncio.create_task(keep_history(earlier))
            while self._end is None:
                self._heed()
                self._hold_deadlines()
                if self._may_relive():
                    await self._relive()
                elif self._may_go_on():
                    await self._deliver_next()
                elif self._may_move():
                    self._move()
                else:
                    await self._wait()
            if self._batches is not None:
                await workflow.wait_condition(self._batches.is_settled)
            if self._input.keeps_history:
                await self._despite_cancellation(keep_history(workflow.info().run_id))
        finally:
            self._evaluator.close()
        return result_of(
            self._end,
            "".join(self._stdout),
            self._steps.completed,
            cancelled=self._cancelled,
            timed_out=self._timed_out,
            reused=self._reliving.publish() if self._reliving is not None else 0,
            sizes=self._input.options.sizes,
        )

    def _begin(self) -> None:
        seed, now = workflow.random().getrandbits(63), workflow.time()
        if self._reliving is not None:
            seed, now = self._reliving.beginning
        inputs = json.dumps(self._input.inputs, ensure_ascii=False)
        self._happened.append(p.Start(self._input.plan, inputs, workflow.info().workflow_id, seed, now))
        self._deadline.start()

    def _may_move(self) -> bool:
        """Whether this is a moment to go on in a new execution: not where the program is at its end, or cannot go on."""
        return self._crossing.is_ready() and not self._is_stopping()

    def _is_stopping(self) -> bool:
        ending = self._cancelled or self._timed_out is not None
        return ending or self._held is not None or self._ended_as is not None

    def _move(self) -> None:
        """Goes on in a new execution. Comes back only where the machine cannot be kept."""
        arguments = self._crossing.pack("".join(self._stdout))
        if arguments is not None:
            # A run that is pinned to a version of its worker's deployment goes on with the current one.
            newest = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
            workflow.continue_as_new(args=[self._input, *arguments], initial_versioning_behavior=newest)

    async def _despite_cancellation(self, work: Coroutine[Any, Any, None]) -> None:
        """Waits for what is to be done in any case."""
        task = asyncio.create_task(work)
        while not task.done():
            try:
                await workflow.wait([task])
            except asyncio.CancelledError:
                self._take_cancellation()
        task.result()

    def _may_relive(self) -> bool:
        """Whether the past goes before what happens now: from when the machine has begun until it has no more to give."""
        begun = not (self._happened and isinstance(self._happened[0], p.Start))
        return begun and self._held is None and self._reliving is not None and self._reliving.active

    async def _relive(self) -> None:
        """Delivers what the past has next; where that is nothing, carries out what has waited for it."""
        assert self._reliving is not None
        event, results = self._reliving.next()
        if event is None:
            for command in self._reliving.release():
                self._carry_out(command)
            return
        self._steps.completed += results
        await self._deliver(event)
        if self._reliving.is_tired():
            await self._despite_cancellation(workflow.sleep(0.001, summary="going through what has been done already"))

    def _may_go_on(self) -> bool:
        return self._end is not None or (bool(self._happened or self._said) and self._held is None)

    def _is_told(self) -> bool:
        """Whether a person has said something that nothing has followed from yet."""
        return bool(self._retried or self._orphans_said) or self._steps.paused != self._parking.paused

    def _heed(self) -> None:
        """Does what people have said. Handlers of updates only take note: what they start stands in history before the
        update's end, and a replay that joins two workflow tasks handles the update before what came in the first one.
        """
        self._steps.pause(self._parking.paused)
        while self._retried:
            self._steps.retry(self._retried.popleft())
        if self._orphans_said is not None and self._reliving is not None:
            (action, failure), self._orphans_said = self._orphans_said, None
            for call in self._reliving.let_go(accepted=action == "retry"):
                if action == "fail":
                    self._step_ended(self._steps.add(call), Outcome("answer", failure=failure))
                else:
                    self._call(call)

    def _hold_deadlines(self) -> None:
        """Deadlines around what waits for a person stand still; they have the rest of their time when it goes on."""
        guards = self._timers.guards
        if not guards or not self._input.parking_rules:
            return
        if self._held is None:
            steps = [row.step for row in self._parking.rows()]
            guards = self._evaluator.guarding(steps) if steps else []
        self._timers.stand_still(guards)

    async def _wait(self) -> None:
        """Waits for the next thing to happen; a cancellation of the run is one."""
        self._show()
        if not (self._steps.busy or self._timers or self._parking):
            self._end = p.Fail("Deadlock", "the program waits for something that can no longer happen", 0)
            return
        try:
            await workflow.wait_condition(lambda: self._may_go_on() or self._is_told() or self._may_move())
        except asyncio.CancelledError:
            self._take_cancellation()

    def _take_cancellation(self) -> None:
        """Notes that a person cancels the run. Raises again where the cancellation is none of a person's."""
        if self._cancelled or workflow.cancellation_reason() is None:
            raise  # the workflow is leaving this process
        self._cancelled = True
        self._steps.release()
        if self._held is None and self._ended_as is None:
            self._clean_up()
            self._happened.append(p.CancelRun(self._now()))
        else:
            # The program has ended, or cannot be told, so that nothing of it can clean up.
            line = self._held[1].line if self._held is not None else 0
            self._end = p.Fail("CancelledError", "", line, cancelled=True)

    def _is_parked(self) -> bool:
        """Whether the run waits for people alone."""
        parked = run_details.is_parked(self._steps, self._timers.lines, self._parking, self._computing)
        return parked or self._parking.paused

    def _time_out(self) -> None:
        """Cancels the run as a person would, so that its `finally` blocks run; not one that is being cancelled."""
        if not self._cancelled:
            self._timed_out = self._input.options.run_timeout
            self._steps.release()
            self._clean_up()
            self._happened.append(p.CancelRun(self._now()))

    def _clean_up(self) -> None:
        """The program is being cancelled: its clean-up takes steps, and has its own limit."""
        self._parking.pause(False)
        self._cleaning_up.begin()

    def _cut_off(self, seconds: float) -> None:
        """Ends a cancelled run that still cleans up."""
        self._end = cut_off(self._steps, seconds)

    def _show(self) -> None:
        details = run_details.markdown(
            workflow.info().workflow_id, self._steps, self._timers.lines, self._parking, self._computing
        )
        workflow.set_current_details(details)

    async def _deliver_next(self) -> None:
        if not self._happened:
            self._hear(self._said.popleft())
            return
        item = self._happened.popleft()
        event = self._event_of(*item) if isinstance(item, tuple) else item
        if event is None or (isinstance(event, p.TimerFired) and not self._timers.is_due(event.timer)):
            return  # parked, or after it happened cancelled by the program, or to stand still
        if isinstance(event, p.TimerFired) and self._evaluator.fatal(event) is None:
            self._timers.forget(event.timer)
        await self._deliver(event)

    def _hear(self, said: Report | tuple[Step, Outcome]) -> None:
        """What people and other workflows have said has happened, too."""
        if isinstance(said, tuple):
            self._happened.append(said)
        elif self._batches is not None:
            self._batches.report(said)
            workflow.upsert_memo({MEMO_ELSEWHERE: self._batches.steps or None})

    async def _deliver(self, event: p.Start | p.Event) -> None:
        if (death := self._evaluator.fatal(event)) is not None:
            self._park(event, death)
            return
        try:
            commands = self._evaluator.deliver(event, replaying=workflow.unsafe.is_replaying_history_events())
        except TooLong as too_long:
            commands = await self._advance(event, too_long)
        if not self._is_stopping():
            self._crossing.watch_history()
        for command in commands:
            self._perform(command)

    async def _advance(self, event: p.Start | p.Event, too_long: TooLong) -> list[p.Command]:
        """Has an event carried out elsewhere; what happens meanwhile waits its turn, a cancellation too."""
        self._computing = too_long.line
        self._show()
        advancing = asyncio.create_task(advance(event, too_long))
        while not advancing.done() and self._end is None:
            try:
                await workflow.wait_condition(lambda: advancing.done() or self._end is not None or self._is_told())
                self._heed()
            except asyncio.CancelledError:
                self._take_cancellation()
        self._computing = None
        if not advancing.done():
            # Whatever comes of it now is of no interest any more.
            advancing.add_done_callback(lambda task: task.cancelled() or task.exception())
            advancing.cancel()
            return []
        try:
            advanced = advancing.result()
        except Killed as killed:
            self._park(event, killed.death)
            return []
        if advanced.snapshot:
            self._evaluator.resume(advanced.snapshot)
        return advanced.commands

    def _park(self, event: p.Start | p.Event, death: Death) -> None:
        self._held = event, death
        self._parking.park_machine(death.line, death.reason)

    def _event_of(self, step: Step, outcome: Outcome) -> p.Event | None:
        """What the machine is told of a step's end: nothing where it was cancelled meanwhile, or parks."""
        if step.state == "cancelled":
            return None
        now, failure = self._now(), outcome.failure
        if failure is None:
            self._finish(step)
            return p.StepSucceeded(step.call.step, outcome.value, now)
        arguments = arguments_text(failure)
        spent = outcome.kind in ("spent", "lost")
        noted = spent and self._input.parking_rules > 0
        event = p.StepFailed(step.call.step, failure.type, failure.message, arguments, failure.base_type, now, noted)
        if outcome.kind == "ambiguous":
            self._parking.park_ambiguous(step, failure)
        elif outcome.kind == "unread" or (spent and self._evaluator.would_end(event, cleaning_up=noted)):
            self._parking.park_spent(step, failure)
        else:
            self._finish(step, failure)
            return event
        step.state = "parked"
        return None

    def _finish(self, step: Step, failure: Failure | None = None) -> None:
        self._steps.finish(step, failure)
        if self._reliving is not None:
            self._reliving.ended(step.call.step, self._now())

    def _now(self) -> float:
        """The time that the program is told."""
        return workflow.time() if self._reliving is None else max(workflow.time(), self._reliving.clock)

    def _perform(self, command: p.Command) -> None:
        if self._reliving is None or not self._reliving.take(command):
            self._carry_out(command)

    def _call(self, call: p.CallTool) -> None:
        """Starts a step, unless it may have been carried out already and must not be twice, or must not be yet."""
        if self._reliving is not None and self._reliving.keep_back(call):
            if not self._parking.holds(ORPHANS):
                self._parking.park_orphans(self._reliving.orphans_text(), call.line)
            return
        if self._reliving is None or not self._reliving.is_unsure(call):
            self._steps.call(call)
            return
        (step := self._steps.add(call)).state = "parked"
        self._parking.park_ambiguous(step, Failure("ConnectionError", "an earlier execution ended while it ran"))

    def _carry_out(self, command: p.Command) -> None:
        match command:
            case p.CallTool():
                self._call(command)
            case p.StartTimer():
                self._timers.start(command)
            case p.CancelStep(step):
                self._parking.forget(step)
                self._steps.cancel(step)
            case p.CancelTimer(timer):
                self._timers.cancel(timer)
            case p.Output(text):
                self._stdout.append(text)
            case p.Fail(spent=spent) if spent and not self._cleaning_up.begun:
                self._ended_as = command
                self._parking.park_run(command)
            case p.Finish() | p.Fail():
                self._end = command
            case _:
                raise TypeError(f"the machine gave an unknown command: {command!r}")

    def _timer_fired(self, timer: str) -> None:
        self._happened.append(p.TimerFired(timer, self._now()))

    def _step_ended(self, step: Step, outcome: Outcome) -> None:
        self._happened.append((step, outcome))

    @workflow.signal(name=EVALUATOR_DIED)
    def evaluator_died(self, death: Death) -> None:
        self._evaluator.learn(death)

    @workflow.signal(name=REPORT)
    def report(self, report: Any) -> None:
        """How steps have ended that a workflow of their own carries out: a `Report`, as plain data because the SDK drops a
        signal that it cannot make into what a handler wants, and a newer workflow may say more than this one knows.
        """
        self._said.append(Report.model_validate(report))

    @workflow.update(
        description='Say of what is parked: {"step": "…", "action": "retry" | "skip" | "fail", "value": …}'
    )
    def decide(self, decision: Decision) -> None:
        """What a person says of parked steps: `retry`, `skip` with a value, or `fail`."""
        for name, failure in self._parking.take(decision).items():
            if name == MACHINE:
                self._decide_machine(decision, failure)
            elif name == ORPHANS:
                self._orphans_said = decision.action, failure
            elif name == RUN:
                self._decide_run(decision)
            else:
                self._decide_step(self._steps.all[name], decision, failure)

    @decide.validator
    def check_decision(self, decision: Decision) -> None:
        self._parking.check(decision)

    def _decide_step(self, step: Step, decision: Decision, failure: Failure) -> None:
        match decision.action:
            case "retry" if self._input.parking_rules:
                self._retried.append(step)
            case "retry":
                self._steps.retry(step)
            case "skip":
                self._decided(step, Outcome("value", json.dumps(decision.value, ensure_ascii=False)))
            case "fail":
                self._decided(step, Outcome("answer", failure=failure))

    def _decided(self, step: Step, outcome: Outcome) -> None:
        (self._said if self._input.parking_rules else self._happened).append((step, outcome))

    @workflow.update(description="Start no more steps; those in flight end and are kept")
    def pause(self) -> None:
        """Holds new steps until `unpause`. Twice is as good as once."""
        if not self._cleaning_up.begun:
            self._parking.pause(True)

    @pause.validator
    def check_pause(self) -> None:
        if self._cleaning_up.begun:
            raise ApplicationError("the run is being cancelled: its clean-up is not paused", type="RefusedDecision")

    @workflow.update(description="Let steps start again after `pause`")
    def unpause(self) -> None:
        self._parking.pause(False)

    @workflow.signal(name=LIMIT_CLEANUP, description="Seconds that the clean-up of the cancelled run may still take")
    def limit_cleanup(self, seconds: float) -> None:
        self._cleaning_up.limit(seconds)

    def _decide_machine(self, decision: Decision, failure: Failure) -> None:
        assert self._held is not None
        (event, death), self._held = self._held, None
        if decision.action == "retry":
            self._evaluator.forgive(event)
            if self._reliving is None or not self._reliving.put_back(event):
                self._happened.appendleft(event)
        else:
            self._end = p.Fail(failure.type, failure.message, death.line)

    def _decide_run(self, decision: Decision) -> None:
        skipped = p.Finish(json.dumps(decision.value, ensure_ascii=False))
        self._end = self._ended_as if decision.action == "fail" else skipped

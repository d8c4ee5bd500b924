"""Statements about several things at once: gather, tasks, groups, deadlines, locks, queues. They stand in coroutines only."""

from __future__ import annotations

from collections.abc import Callable

from tests.oracle.generated.blocks import Blocks
from tests.oracle.generated.writer import NUMBERS, Function, Lines, indented


class Waiting(Blocks):
    def more_statements(self) -> list[tuple[int, Callable[[], Lines]]]:
        if self.scope.kind != "async" or not self.affordable(3):
            return super().more_statements()
        return [
            *super().more_statements(),
            (5, self.gathered),
            (3, self.gathered_jobs),
            (4, self.task),
            (3, self.tasks),
            (3, self.cancelled),
            (2, self.left_alone),
            (3, self.limited),
            (3, self.deadline),
            (4, self.group),
            (2, self.with_semaphore),
            (2, self.with_event),
            (3, self.with_queue),
            (2, self.with_condition),
            (2, self.as_completed),
            (3, self.waited),
            (2, self.shielded),
            (2, self.rested),
            (2 if self.callable_here("pure") else 0, self.in_a_thread),
            (1, self.called_back),
        ]

    # -- parts -------------------------------------------------------------------------------------------------------

    def seconds(self) -> str:
        """A time that no sum of other times equals."""
        return f"{self.pick(1, 3_999_999) / 1e6:.6f}"

    def coroutines(self, low: int, high: int) -> list[str]:
        return [self.coroutine(2) for _ in range(self.pick(low, high))]

    def shown(self, values: str) -> str:
        return f"[v if isinstance(v, (int, list)) else repr(v) for v in {values}]"

    def job(self, *, times: float = 2, before: Lines | None = None) -> tuple[Lines, Function]:
        """A coroutine function inside this one, which shares its variables: the definition, and what to call."""
        name = self.fresh("job")
        shared = [n for n in (*NUMBERS, "xs", "d", "st") if self.chance(40)]
        own = {n: self.scope.declared.get(n, self.scope.keyword) for n in shared}
        declarations = [f"{keyword} {n}" for n, keyword in own.items()]
        fresh = {"a": "a = p", "b": "b = 2", "c": "c = 0", "xs": "xs = [p]", "d": "d = {}", "st": "st = set()"}
        locals_ = [*(text for n, text in fresh.items() if n not in shared), "ys = xs", "s = 'j'"]
        cost = self.cost
        with self.within(
            times, in_function=True, in_loop=False, may_leave=True, declared=own, readable=(*self.scope.readable, "p")
        ):
            body = self.block(self.pick(1, 3))
            ending = f"    return {self.number(1)}"
        lines = [f"async def {name}(p, q=0):", *indented([*declarations, *locals_, *(before or [])]), *body, ending]
        return lines, Function(name, "async closure", cost=max(1.0, (self.cost - cost) / self.weight / times))

    # -- gather ------------------------------------------------------------------------------------------------------

    def gathered(self) -> Lines:
        caught = ", return_exceptions=True" if self.chance(35) else ""
        with self.within(assigns=False):
            jobs = ", ".join(self.coroutines(1, 3))
        form = self.pick(0, 4)
        if form == 0:
            v = self.fresh("v")
            source = self.gone_over(1)
            with self.within(2.5, readable=(*self.scope.readable, v), assigns=False):
                jobs = f"*[{self.coroutine(1)} for {v} in {source}]"
        elif form == 1:
            jobs = f"*({self.choose('look', 'add', 'risky')}(v) for v in {self.gone_over(1)})"
        elif form == 2:
            with self.within(assigns=False):
                jobs += f", asyncio.gather({', '.join(self.coroutines(1, 2))}{self.choose('', caught)})"
        elif form == 3 and not caught:
            return [f"a, b = await asyncio.gather({', '.join(self.coroutines(2, 2))})"]
        elif form == 4:
            self.spend(3)
            jobs = f"*map({self.choose('look', 'add', 'risky')}, {self.numbers(1)}[:3])"
        return [f"print({self.shown(f'await asyncio.gather({jobs}{caught})')})"]

    def gathered_jobs(self) -> Lines:
        lines, job = self.job()
        caught = ", return_exceptions=True" if self.chance(40) else ""
        v = self.fresh("v")
        with self.within(assigns=False):
            number = self.number(1)
        jobs = self.choose(f"*[{job.name}({v}) for {v} in {self.gone_over(1)}]", f"{job.name}(1), {job.name}({number})")
        return [*lines, f"print({self.shown(f'await asyncio.gather({jobs}{caught})')})"]

    # -- tasks -------------------------------------------------------------------------------------------------------

    def task(self) -> Lines:
        name = self.fresh("t")
        start = self.choose("asyncio.create_task", "asyncio.create_task", "asyncio.ensure_future")
        lines = [f"{name} = {start}({self.coroutine(2)})"]
        for _ in range(self.pick(0, 2)):
            lines += self.simple()
        return [*lines, *self.choose([f"print({name}.done())"], []), f"{self.choose(*NUMBERS)} = await {name}"]

    def tasks(self) -> Lines:
        name = self.fresh("ts")
        started = ", ".join(f"asyncio.create_task({call})" for call in self.coroutines(1, 3))
        take = [f"for t in {name}:", "    xs.append(await t)", "del xs[:-4]"]
        if self.chance(30):
            take = [f"print(sorted([await t for t in {name}]))"]
        return [f"{name} = [{started}]", *(self.simple() if self.chance(60) else []), *take]

    def cancelled(self) -> Lines:
        name = self.fresh("t")
        lines, call = ([], self.coroutine(2)) if self.chance(50) else self._job_call()
        lines = [*lines, f"{name} = asyncio.create_task({call})"]
        lines += self.choose(
            [], ["await asyncio.sleep(0)"], [f"await asyncio.sleep({self.seconds()})"], [f"b = {self.number(2)}"]
        )
        lines += [f"print({name}.cancel({self.choose('', repr('enough'))}))"]
        waiting = ["try:", f"    a = await {name}", "except asyncio.CancelledError as e:"]
        return [*lines, *waiting, f"    print('cancelled', e.args, {name}.cancelled())"]

    def _job_call(self) -> tuple[Lines, str]:
        lines, job = self.job(times=1)
        return lines, f"{job.name}({self.number(1)})"

    def left_alone(self) -> Lines:
        """A task that nobody waits for: it ends some time, or with the program."""
        name = self.fresh("t")
        return [
            f"{name} = asyncio.create_task({self.coroutine(2)})",
            self.choose("await asyncio.sleep(0)", "a += 1", "pass"),
        ]

    def called_back(self) -> Lines:
        name = self.fresh("t")
        lines = [f"{name} = asyncio.create_task({self.coroutine(1)})"]
        return [
            *lines,
            f"{name}.add_done_callback(lambda t: log.append(t.cancelled()))",
            f"await asyncio.wait([{name}])",
        ]

    # -- deadlines ---------------------------------------------------------------------------------------------------

    def limited(self) -> Lines:
        seconds = self.seconds()
        call = f"{self.choose(*NUMBERS)} = await asyncio.wait_for({self.coroutine(2)}, {seconds})"
        end = ["else:", *self.inner()] if self.chance(30) else []
        return ["try:", f"    {call}", "except TimeoutError as e:", "    print('late', repr(e))", *end]

    def deadline(self) -> Lines:
        name = self.fresh("limit")
        body = self.block(self.pick(1, 3))
        lines = ["try:", f"    async with asyncio.timeout({self.seconds()}) as {name}:", *indented(body)]
        return [*lines, "except TimeoutError:", f"    print('late', {name}.expired())"]

    def shielded(self) -> Lines:
        name = self.fresh("t")
        lines = [f"{name} = asyncio.create_task({self.coroutine(2)})", "try:"]
        lines += [f"    a = await asyncio.wait_for(asyncio.shield({name}), {self.seconds()})", "except TimeoutError:"]
        return [*lines, *self.inner(), f"    b = {self.choose(f'await {name}', f'int({name}.done())')}"]

    def rested(self) -> Lines:
        return [f"await asyncio.sleep({self.choose('0', '0', self.seconds(), self.seconds())})"]

    # -- groups ------------------------------------------------------------------------------------------------------

    def group(self) -> Lines:
        name, made = self.fresh("tg"), [self.fresh("t") for _ in range(self.pick(1, 3))]
        before, call = self._job_call() if self.chance(50) else ([], self.coroutine(2))
        calls = [call, *(self.coroutine(2) for _ in made[1:])]
        body = [f"{t} = {name}.create_task({call})" for t, call in zip(made, calls, strict=True)]
        more = self.block(self.pick(1, 2)) if self.chance(40) else []
        result = f"print([t.result() for t in ({', '.join(made)},)])"
        lines = [*before, f"async with asyncio.TaskGroup() as {name}:", *indented(body), *more, result]
        if self.chance(20):
            return lines
        shown = "print([repr(v) for v in e.exceptions])"
        return [
            "try:",
            *indented(lines),
            f"except {self.choose('ExceptionGroup', 'BaseExceptionGroup')} as e:",
            f"    {shown}",
        ]

    # -- synchronisation ---------------------------------------------------------------------------------------------

    def with_semaphore(self) -> Lines:
        name, v = self.fresh("sem"), self.fresh("v")
        made = self.choose("asyncio.Semaphore(2)", "asyncio.Lock()", "asyncio.BoundedSemaphore(1)")
        lines, job = self.job(times=3)
        caught = self.choose("", ", return_exceptions=True")
        guarded = [f"async def {name}_(v):", f"    async with {name}:", f"        return await {job.name}(v)"]
        jobs = f"*[{name}_({v}) for {v} in range({self.pick(2, 3)})]{caught}"
        return [f"{name} = {made}", *lines, *guarded, f"print({self.shown(f'await asyncio.gather({jobs})')})"]

    def with_event(self) -> Lines:
        name = self.fresh("ev")
        lines, job = self.job(before=[f"await {name}.wait()"])
        first = [f"t{name} = asyncio.create_task({job.name}({self.number(1)}))", "try:", *self.inner()]
        return [f"{name} = asyncio.Event()", *lines, *first, "finally:", f"    {name}.set()", f"a = await t{name}"]

    def with_condition(self) -> Lines:
        name, v = self.fresh("cond"), self.fresh("v")
        job = self.fresh("job")
        lines = [f"{name} = asyncio.Condition()", f"async def {job}(p):", f"    async with {name}:"]
        lines += [f"        await {name}.wait_for(lambda: len(log) >= p)", f"    return {self.atom()}"]
        lines += [f"t{name} = [asyncio.create_task({job}({v})) for {v} in (1, 2)]", *self.rested()]
        lines += [f"async with {name}:", f"    log.extend([{self.number(2)}, 0])", f"    {name}.notify_all()"]
        return [*lines, f"a, b = await asyncio.gather(*t{name})"]

    def with_queue(self) -> Lines:
        name, feed, eat = self.fresh("q"), self.fresh("feed"), self.fresh("eat")
        item, v = self.fresh("item"), self.fresh("v")
        kind = self.choose("Queue", "Queue", "LifoQueue", "PriorityQueue")
        size = self.choose("", "1", "2")
        with self.within(3, readable=(*self.scope.readable, v), assigns=False, in_function=True):
            put = f"await {name}.put({self.number(2)})"
        with self.within(3, readable=(*self.scope.readable, item), assigns=False, in_function=True):
            took = f"got.append({self.number(2)})"
        end = "None" if kind != "PriorityQueue" else "999"
        stop = f"({item} := await {name}.get()) != {end}"
        return [
            f"{name} = asyncio.{kind}({size})",
            f"async def {feed}():",
            f"    for {v} in range({self.pick(0, 3)}):",
            f"        {put}",
            f"    await {name}.put({end})",
            f"async def {eat}():",
            "    got = []",
            f"    while {stop}:",
            f"        {took}",
            "    return got",
            f"print((await asyncio.gather({eat}(), {feed}()))[0], {name}.qsize())",
        ]

    # -- several, in their own order ---------------------------------------------------------------------------------

    def as_completed(self) -> Lines:
        name = self.fresh("f")
        lines = [f"for {name} in asyncio.as_completed([{', '.join(self.coroutines(1, 3))}]):"]
        return [
            *lines,
            f"    {self.choose('log', 'xs')}.append(await {name})",
            *self.choose([], self.inner(2, in_loop=True)),
        ]

    def waited(self) -> Lines:
        name, done, left = self.fresh("ts"), self.fresh("done"), self.fresh("left")
        started = ", ".join(f"asyncio.create_task({call})" for call in self.coroutines(1, 3))
        how = self.choose(
            "",
            f", timeout={self.seconds()}",
            ", return_when=asyncio.FIRST_COMPLETED",
            ", return_when='FIRST_EXCEPTION'",
        )
        result = f"print([t.exception() or t.result() for t in {name} if t in {done} and not t.cancelled()])"
        end = self.choose(
            [f"for t in {left}:", "    t.cancel()"],
            [f"print(len(await asyncio.gather(*{name}, return_exceptions=True)))"],
            [f"await asyncio.wait({name})", f"print([t.done() for t in {name}])"],
        )
        return [
            f"{name} = [{started}]",
            f"{done}, {left} = await asyncio.wait({name}{how})",
            f"print(len({done}))",
            result,
            *end,
        ]

    def in_a_thread(self) -> Lines:
        functions = self.callable_here("pure")
        if not functions:
            return self.rested()
        function = self.choose(*functions)
        call = self.call_of(function, 1)
        arguments = call.removeprefix(f"{function.name}(").removesuffix(")")
        return [f"b = await asyncio.to_thread({function.name}, {arguments})"]

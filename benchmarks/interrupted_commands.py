"""Disturbs commands that run and resume orchestrations, and looks whether anything shows.

    python -m benchmarks.interrupted_commands --rounds 20 --seed 7 --kinds run,host,server

A round runs one orchestration of `disturbing.programs` with `weft run` on an embedded server of its own, disturbs it once
or twice at random moments and resumes it until it is over:

    run      kill -9 of `weft run` or `weft resume` (its hosts must end with it)
    host     kill -9 of one host, as no one resumes anything
    server   kill -9 of the server, which the keeper must start again
    keeper   kill -9 of the keeper, which takes its server along
    stop     SIGINT, as Ctrl-C sends it: exit code 3
    all      all of these processes at once

A write in flight must park; a random one of retry, skip and fail follows. Checked in the end: result and output equal
the undisturbed run's (a failed write gives `lost`), exit codes are ours, no step that ended well before a disturbance
ran again, a write ran again only on demand, nothing is printed that looks like a traceback, no process is left behind.
The exit code is 1 if anything of that does not hold. Works on Linux, where processes can be found by their parents.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.disturbing import program_tools
from benchmarks.disturbing.programs import PROGRAMS

#: Programs that end otherwise once a person lets a write fail.
OTHERWISE = {"falls", "retries"}
KINDS = ("run", "host", "server", "keeper", "stop", "all")
#: Seconds for one command; a lost worker is noticed after 15.
PATIENCE = 120.0
#: What ended so long before a disturbance has been recorded by then.
RECORDED = 1.0
#: Exit codes of a command: completed, failed, wrong usage, waiting; or killed by us.
OURS = {0, 1, 3, -signal.SIGKILL}


@dataclass
class Answer:
    code: int
    said: dict[str, Any]
    stderr: str


@dataclass
class Round:
    """One orchestration and what happened to it. `wrong` is empty if nothing shows."""

    name: str
    number: int
    #: Seconds, the kind, and whether they count from the first execution of a tool after the command.
    disturbances: list[tuple[float, str, bool]]
    folder: Path
    happened: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    failed_keys: list[str] = field(default_factory=list)
    retried: Counter[str] = field(default_factory=Counter)

    @property
    def run_id(self) -> str:
        return f"{self.name}-{self.number}"

    @property
    def log(self) -> Path:
        return self.folder / "log"


class Chaos:
    """Rounds in one folder. Each has a state directory of its own, so that rounds disturb only themselves."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        (folder / "tools.py").write_text(Path(program_tools.__file__).read_text())
        for name, source in PROGRAMS.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(source).lstrip())

    def undisturbed(self, name: str) -> tuple[Any, str]:
        """Result and output, of the in-memory driver."""
        command = [*WEFT, "run", f"{name}.py", "--tools", "tools.py", "--in-memory", "--json"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
        said = json.loads(done.stdout)
        if said["status"] != "completed":
            raise SystemExit(f"{name} does not complete: {said['error'] or done.stderr}")
        return said["result"], said["stdout"]

    def play(self, round_: Round, expected: tuple[Any, str]) -> Round:
        """Run, disturb, resume until it is over; then check."""
        round_.folder.mkdir()
        try:
            answer = self._to_the_end(round_)
        except (AssertionError, ValueError, subprocess.TimeoutExpired) as problem:
            round_.wrong.append(f"{type(problem).__name__}: {problem}")
        else:
            check_answer(round_, answer, expected)
            check_executions(round_)
        check_processes(round_)
        return round_

    def _to_the_end(self, round_: Round) -> Answer:
        chance = random.Random(f"{self.seed} {round_.number} decisions")
        start = ["run", f"{round_.name}.py", "--tools", "tools.py", "--run-id", round_.run_id]
        command = start
        for _ in range(12):
            answer = self._once(round_, command)
            if answer.code not in OURS:
                round_.wrong.append(f"{command[0]} ended with {answer.code}: {answer.stderr[-300:]}")
            if "Traceback" in answer.stderr or "panicked" in answer.stderr:
                round_.wrong.append(f"{command[0]} printed {answer.stderr[-1000:]}")
            status = answer.said.get("status")
            if status == "completed":
                return answer
            if error_type(answer) == "NoSuchRun":
                command = start
            elif status == "parked":
                command = self._decide(round_, answer, chance)
            elif answer.code == -signal.SIGKILL or status == "running" or was_interrupted(answer):
                command = ["resume", round_.run_id]
            else:
                raise AssertionError(f"{command[0]} ended with {answer.code}: {answer.said or answer.stderr[-1000:]!r}")
        raise AssertionError(f"not over after 12 commands: {round_.happened}")

    def _decide(self, round_: Round, answer: Answer, chance: random.Random) -> list[str]:
        """The command for the first parked step."""
        row = answer.said["parked"][0]
        if row["reason"] != "ambiguous":
            raise AssertionError(f"parked as {row}")
        steps = self._once(round_, ["steps", round_.run_id]).said["steps"]
        key = next(step["arguments"]["key"] for step in steps if step["id"] == row["step"])
        action = chance.choice(("retry", "skip", "fail"))
        if action == "retry":
            round_.retried[key] += 1
        if action == "fail":
            round_.failed_keys.append(key)
        value = ["--value", json.dumps(f"sent {key}")] if action == "skip" else []
        return [action, round_.run_id, row["step"], *value]

    def _once(self, round_: Round, command: list[str]) -> Answer:
        environment = {**os.environ, "CHAOS_LOG": str(round_.log), "WEFT_GRACE": "1"}
        process = subprocess.Popen(
            [*WEFT, *command, "--json", "--state-dir", str(round_.folder / "state")],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        round_.happened.append(command[0] if command[0] in ("run", "resume") else " ".join(command))
        with ThreadPoolExecutor(1) as reader:
            output = reader.submit(process.communicate, timeout=PATIENCE)
            if round_.disturbances and command[0] != "steps":
                delay, kind, from_step = round_.disturbances.pop(0)
                if from_step:
                    await_step(round_, process)
                time.sleep(delay)
                if process.poll() is None:
                    round_.happened.append(f"{kind}@{'step+' if from_step else ''}{delay:.2f}")
                    round_.times.append(time.time())
                    disturb(kind, round_, process)
            try:
                stdout, stderr = output.result()
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Answer(process.returncode, json.loads(stdout) if stdout.strip() else {}, stderr)


WEFT = (sys.executable, "-m", "weft_worker.cli.main")


def error_type(answer: Answer) -> str:
    return str((answer.said.get("error") or {}).get("type", ""))


def was_interrupted(answer: Answer) -> bool:
    """Whether Ctrl-C came before the command had to do with a run."""
    return error_type(answer) == "Interrupted"


def await_step(round_: Round, process: subprocess.Popen[str]) -> None:
    """Return once a tool has begun since, or the command is over."""
    before = len(executions(round_))
    while len(executions(round_)) == before and process.poll() is None:
        time.sleep(0.02)


def executions(round_: Round) -> list[tuple[str, str, float]]:
    """What the tools wrote: begin or end, tool and key, Unix time."""
    if not round_.log.exists():
        return []
    rows = [line.split() for line in round_.log.read_text().splitlines()]
    return [(row[0], row[1], float(row[2])) for row in rows if len(row) == 3]


def check_answer(round_: Round, answer: Answer, expected: tuple[Any, str]) -> None:
    result, stdout = expected
    if round_.failed_keys:
        lost = {f"sent {key}": f"lost {key}" for key in round_.failed_keys}
        result = [lost.get(row, row) for row in result]
        result = sorted(result) if round_.name == "parallel_payments" else result
    if answer.said["result"] != result:
        round_.wrong.append(f"result {answer.said['result']} instead of {result}")
    if answer.said["stdout"] != stdout:
        round_.wrong.append(f"output {answer.said['stdout']!r} instead of {stdout!r}")


def check_executions(round_: Round) -> None:
    """A step that had ended well before the first disturbance after it does not begin again; a write never does."""
    ended: dict[str, float] = {}
    begun: Counter[str] = Counter()
    for word, key, at in executions(round_):
        if word == "end":
            ended.setdefault(key, at)
            continue
        begun[key] += 1
        between = [when for when in round_.times if ended.get(key, at) + RECORDED < when <= at]
        if begun[key] > 1 and between:
            round_.wrong.append(f"{key} ended {between[0] - ended[key]:.2f} s before the disturbance and ran again")
        if key.startswith("send:") and begun[key] > 1 + round_.retried[key.removeprefix("send:")]:
            round_.wrong.append(f"{key} ran {begun[key]} times")


def check_processes(round_: Round) -> None:
    """Nothing of this round runs two seconds after its end."""
    deadline = time.monotonic() + 4.0
    while left := processes_with(str(round_.folder)):
        if time.monotonic() > deadline:
            round_.wrong.append(f"left behind: {left}")
            for pid in left:
                kill(pid)
            return
        time.sleep(0.1)


def processes_with(text: str) -> dict[int, str]:
    """Processes whose command line has that text (keeper, server, command)."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in command:
                found[int(entry.name)] = command[:200]
    return found


def children(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(each) for each in task.read_text().split()]
        except OSError:
            continue
    return found


def hosts_of(pid: int) -> list[int]:
    hosts = []
    for child in children(pid):
        try:
            if b"weft_workflows.host.child" in Path(f"/proc/{child}/cmdline").read_bytes():
                hosts.append(child)
        except OSError:
            continue
    return hosts


def server_info(round_: Round) -> dict[str, Any]:
    try:
        info: dict[str, Any] = json.loads((round_.folder / "state" / "server.json").read_text())
    except (OSError, ValueError):
        return {}
    return info


def kill(pid: int | None) -> None:
    if pid is not None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def disturb(kind: str, round_: Round, process: subprocess.Popen[str]) -> None:
    info = server_info(round_)
    match kind:
        case "run":
            kill_run(round_, process)
        case "host":
            for pid in hosts_of(process.pid)[:1]:
                kill(pid)
        case "server":
            kill(info.get("pid"))
        case "keeper":
            kill(info.get("keeper"))
        case "stop":
            # While Python still imports the command, Ctrl-C is Python's own.
            if (round_.folder / "state").exists():
                process.send_signal(signal.SIGINT)
        case "all":
            for each in (info.get("keeper"), process.pid, info.get("pid")):
                kill(each)
            process.wait()


def kill_run(round_: Round, process: subprocess.Popen[str]) -> None:
    hosts = hosts_of(process.pid)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 3.0
    while left := [pid for pid in hosts if is_host(pid)]:
        if time.monotonic() > deadline:
            round_.wrong.append(f"hosts {left} outlive their worker")
            return
        time.sleep(0.02)


def is_host(pid: int) -> bool:
    try:
        return b"weft_workflows.host.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def plan_rounds(arguments: argparse.Namespace, folder: Path) -> list[Round]:
    chance = random.Random(arguments.seed)
    names = arguments.only.split(",") if arguments.only else [name for name in PROGRAMS if name not in OTHERWISE]
    rounds = []
    for number in range(arguments.rounds):
        kinds = [chance.choice(arguments.kinds.split(",")) for _ in range(chance.choice((1, 1, 2)))]
        disturbances = [(round(chance.uniform(0.0, 3.0), 2), kind, chance.random() < arguments.late) for kind in kinds]
        rounds.append(Round(names[number % len(names)], number, disturbances, folder / str(number)))
    return rounds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1, help="names the moments and the decisions")
    parser.add_argument("--kinds", default=",".join(KINDS), help="what may happen, by commas")
    parser.add_argument("--only", default="", help="names of orchestrations, by commas")
    parser.add_argument("--late", type=float, default=0.7, help="share of disturbances after the first step")
    parser.add_argument("--jobs", type=int, default=3, help="rounds at a time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weft-chaos-") as folder:
        chaos = Chaos(Path(folder), arguments.seed)
        rounds = plan_rounds(arguments, Path(folder))
        with ThreadPoolExecutor(arguments.jobs) as pool:
            names = sorted({each.name for each in rounds})
            expected = dict(zip(names, pool.map(chaos.undisturbed, names), strict=True))
            wrong = 0
            happened: Counter[str] = Counter()
            for played in pool.map(lambda each: chaos.play(each, expected[each.name]), rounds):
                happened.update(each.split("@")[0].split()[0] for each in played.happened)
                wrong += bool(played.wrong)
                print(f"{'WRONG' if played.wrong else 'ok'} {played.run_id}: {', '.join(played.happened)}", flush=True)
                for each in played.wrong:
                    print(f"    {each}", flush=True)
    print(f"{len(rounds)} rounds, {wrong} wrong; " + ", ".join(f"{k} {n}" for k, n in sorted(happened.items())))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

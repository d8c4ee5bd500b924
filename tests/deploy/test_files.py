"""What can be said of `deploy/` without a container engine: paths exist, commands parse, variables are read by
somebody, nothing runs as root, the collector's pipelines hold together.
"""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from weft_worker.cli.main import app
from weft_worker.settings import Settings
from weft_worker.state import VARIABLE

from tests.deploy.files import (
    DEPLOY,
    ROOT,
    example_variables,
    instructions,
    read_compose,
    required_variables,
    workers,
)

#: Variables that Temporal's own client configuration reads (`temporalio.envconfig`).
CLIENT_VARIABLES = {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "TEMPORAL_PROFILE"}
WEFT_VARIABLES = {f"WEFT_{name.upper()}" for name in Settings.model_fields} | {VARIABLE}


def parse(command: list[str]) -> typer.Context | Any:
    """A command line of `weft`, parsed by `weft` itself. Raises where it is wrong."""
    group = typer.main.get_command(app)
    name, *rest = command
    return group.commands[name].make_context(name, list(rest))  # type: ignore[attr-defined]


def sections(name: str) -> list[tuple[str, Any]]:
    return [(service, each[name]) for service, each in read_compose()["services"].items() if name in each]


def test_commands_of_workers_parse_and_name_their_roles() -> None:
    roles = {name: parse(each["command"]).params["role"] for name, each in workers().items()}
    assert roles == {"workflows": "workflows", "activities": "activities"}


def test_the_images_own_command_parses() -> None:
    assert ("ENTRYPOINT", ['["weft"]']) in instructions()
    command = json.loads(" ".join(next(words for name, words in instructions() if name == "CMD")))
    assert parse(command).params["role"] == "workflows"


def test_a_wrong_command_would_be_noticed() -> None:
    with pytest.raises(typer.BadParameter):
        parse(["worker", "--role", "steps"])


def test_workers_are_given_variables_that_somebody_reads() -> None:
    for name, worker in workers().items():
        unread = worker["environment"].keys() - CLIENT_VARIABLES - WEFT_VARIABLES
        assert not unread, f"nothing reads {unread} of {name}"


def test_the_settings_of_workers_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for worker in workers().values():
        for name, value in worker["environment"].items():
            monkeypatch.setenv(name, value)
        settings = Settings()
        assert settings.grace < float(worker["stop_grace_period"].removesuffix("s"))


def test_the_page_lists_each_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `(WEFT_\w+)` \| (\S+)", (DEPLOY / "README.md").read_text(), re.MULTILINE)
    listed = {name: default.strip("`") for name, default in rows}
    assert listed.keys() == WEFT_VARIABLES - {VARIABLE}
    for name, field in Settings.model_fields.items():
        # None is explained in words.
        if field.default is not None:
            default = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
            assert listed[f"WEFT_{name.upper()}"] == default


def test_mounted_paths_exist() -> None:
    volumes = read_compose()["volumes"]
    for service, mounts in sections("volumes"):
        for mount in mounts:
            source, target = mount.split(":")[:2]
            assert source in volumes or (DEPLOY / source).exists(), f"{service}: {source}"
            assert target.startswith("/")


def test_the_tools_are_where_the_mount_puts_them() -> None:
    worker = workers()["activities"]
    source, target = worker["volumes"][0].split(":")[:2]
    tools = worker["command"][-1]
    assert tools.startswith(target)
    assert (DEPLOY / source / tools.removeprefix(target + "/")).is_file()


def test_scripts_that_services_run_exist_and_are_executable() -> None:
    for _, entrypoint in sections("entrypoint"):
        script = DEPLOY / "temporal" / Path(entrypoint[-1]).name
        assert script.stat().st_mode & stat.S_IXUSR


def test_services_wait_for_services_that_exist_and_can_meet_the_condition() -> None:
    services = read_compose()["services"]
    for name, each in services.items():
        for other, how in each.get("depends_on", {}).items():
            assert other in services, name
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for {other}, which has no health check"
            if how["condition"] == "service_completed_successfully":
                assert services[other]["restart"].startswith("on-failure"), other


def test_what_stays_is_restarted() -> None:
    for name, restart in sections("restart"):
        ends = "entrypoint" in read_compose()["services"][name]
        assert restart == ("on-failure:6" if ends else "unless-stopped")
    assert {name for name, _ in sections("restart")} == read_compose()["services"].keys()


def test_ports_are_published_to_this_machine_only() -> None:
    for service, ports in sections("ports"):
        for port in ports:
            assert port.startswith("127.0.0.1:"), service


def test_images_are_pinned() -> None:
    images = [image for _, image in sections("image") if image != "weft"]
    images += [words[0] for name, words in instructions() if name == "FROM"]
    for image in images:
        tag = image.rpartition(":")[2]
        assert re.match(r"\d|\$\{PYTHON\}-", tag), image


def test_there_are_two_workers_for_steps_and_one_for_runs() -> None:
    replicas = {name: each.get("deploy", {}).get("replicas", 1) for name, each in workers().items()}
    assert replicas == {"workflows": 1, "activities": 2}


def test_no_secret_is_written_down() -> None:
    assert required_variables() == {"POSTGRES_PASSWORD"}
    assert example_variables()["POSTGRES_PASSWORD"] == ""
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file():
            assert not re.search(r"(?i)(password|pwd|secret|api_key)\s*[=:]\s*['\"]?\w", path.read_text()), path


def test_the_example_environment_repeats_the_defaults() -> None:
    given = example_variables()
    mount = workers()["activities"]["volumes"][0]
    assert mount.startswith(given["WEFT_TOOLS_DIR"] + ":")
    assert workers()["activities"]["command"][-1] == given["WEFT_TOOLS"]


def test_the_image_is_built_from_files_that_exist_and_are_not_ignored() -> None:
    allowed = [line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"]
    copies = [words[:-1] for name, words in instructions() if name == "COPY" and not words[0].startswith("--from")]
    sources = [source for words in copies for source in words]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in allowed, f"{source} is kept out of the build by Dockerfile.dockerignore"
    assert sorted(allowed) == sorted(sources)


def test_the_image_does_not_run_as_root() -> None:
    after_last_from = [name for name, _ in instructions()][::-1]
    users = [words[0] for name, words in instructions() if name == "USER"]
    assert users[-1] not in ("root", "0")
    assert after_last_from.index("USER") < after_last_from.index("FROM")


def test_health_checks_run_the_script_that_the_image_holds() -> None:
    held = next(words[-1] for name, words in instructions() if name == "COPY" and words[0] == "deploy/healthcheck.py")
    for name, worker in workers().items():
        assert worker["healthcheck"]["test"] == ["CMD", "python", held, name]
    check = next(words for name, words in instructions() if name == "HEALTHCHECK")
    assert held in " ".join(check)


def test_the_collectors_pipelines_use_what_is_defined() -> None:
    collector = yaml.safe_load((DEPLOY / "collector.yaml").read_text())
    pipelines = collector["service"]["pipelines"]
    assert pipelines.keys() == {"traces", "metrics", "logs"}
    for stage in ("receivers", "processors", "exporters"):
        used = {name for pipeline in pipelines.values() for name in pipeline[stage]}
        assert used == collector[stage].keys(), stage
    assert set(collector["service"]["extensions"]) == collector["extensions"].keys()


def test_the_collector_reads_the_metrics_where_the_server_gives_them() -> None:
    collector = yaml.safe_load((DEPLOY / "collector.yaml").read_text())
    job = collector["receivers"]["prometheus"]["config"]["scrape_configs"][0]
    port = read_compose()["services"]["temporal"]["environment"]["PROMETHEUS_ENDPOINT"].rpartition(":")[2]
    assert job["static_configs"][0]["targets"] == [f"temporal:{port}"]

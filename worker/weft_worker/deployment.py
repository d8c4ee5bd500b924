"""Temporal's worker versioning, where it is configured: which version of which deployment this process is.

What always holds: without `WEFT_DEPLOYMENT` workers are unversioned and take every run of their task queue. With it they take
the runs that the server routes to their version. Nothing here decides which version is current: people and their pipelines do,
with Temporal's own tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio.api.enums.v1 import VersioningBehavior as Behavior
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

if TYPE_CHECKING:
    from temporalio.client import Client

    from weft_worker.settings import Settings

_BEHAVIOURS = {"pinned": VersioningBehavior.PINNED, "auto-upgrade": VersioningBehavior.AUTO_UPGRADE}


def deployment_of(settings: Settings) -> WorkerDeploymentConfig | None:
    """The deployment of a worker with these settings, None where it is unversioned."""
    if settings.deployment is None or settings.build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.deployment, settings.build_id),
        use_worker_versioning=True,
        default_versioning_behavior=_BEHAVIOURS[settings.versioning],
    )


async def pinned_to(client: Client, run_id: str) -> str | None:
    """The version, as `name.build`, by whose workers alone a run can go on; None where any worker can."""
    described = await client.get_workflow_handle(run_id).describe()
    versioning = described.raw_description.workflow_execution_info.versioning_info
    override = versioning.versioning_override
    if override.HasField("pinned"):
        version = override.pinned.version
    elif versioning.behavior == Behavior.VERSIONING_BEHAVIOR_PINNED:
        version = versioning.deployment_version
    else:
        return None
    return f"{version.deployment_name}.{version.build_id}"

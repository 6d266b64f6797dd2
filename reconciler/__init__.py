"""Declarative, YAML-driven sync and reconciliation for video-AI platforms.

    async with reconciler.open("archive/", emulator=True) as project:
        planning = await project.plan()
        report = await project.apply(planning)

What stands in `__all__` is the library; `docs/library.md` shows it. Each name is imported when it is first asked for:
`import reconciler` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reconciler.version import __version__

if TYPE_CHECKING:
    from reconciler.engine.planning import Drift, Planning
    from reconciler.errors import (
        Ambiguous,
        ApiError,
        Invalid,
        Locked,
        Problem,
        ReconcilerError,
        Refused,
        StalePlan,
        StateError,
        Unauthorised,
    )
    from reconciler.model import (
        Action,
        BytesSent,
        Change,
        Delta,
        Event,
        Narrowed,
        Outcome,
        Paused,
        Plan,
        Report,
        Resource,
        RunEnded,
        Stack,
        StepAwaited,
        StepDone,
        StepFailed,
        StepSkipped,
        StepStarted,
        StillWaiting,
    )
    from reconciler.plan.guards import Consent
    from reconciler.project import Project, ProjectOptions, open
    from reconciler.project.applying import Applying
    from reconciler.project.saved import open_saved
    from reconciler.project.sync import SyncApplying, SyncProject, open_sync

__all__ = [
    "Action",
    "Ambiguous",
    "ApiError",
    "Applying",
    "BytesSent",
    "Change",
    "Consent",
    "Delta",
    "Drift",
    "Event",
    "Invalid",
    "Locked",
    "Narrowed",
    "Outcome",
    "Paused",
    "Plan",
    "Planning",
    "Problem",
    "Project",
    "ProjectOptions",
    "ReconcilerError",
    "Refused",
    "Report",
    "Resource",
    "RunEnded",
    "Stack",
    "StalePlan",
    "StateError",
    "StepAwaited",
    "StepDone",
    "StepFailed",
    "StepSkipped",
    "StepStarted",
    "StillWaiting",
    "SyncApplying",
    "SyncProject",
    "Unauthorised",
    "__version__",
    "open",
    "open_saved",
    "open_sync",
]

_PLACES = {
    "Applying": "project.applying",
    "Consent": "plan.guards",
    "Drift": "engine.planning",
    "Planning": "engine.planning",
    "Project": "project",
    "ProjectOptions": "project",
    "SyncApplying": "project.sync",
    "SyncProject": "project.sync",
    "open": "project",
    "open_saved": "project.saved",
    "open_sync": "project.sync",
} | dict.fromkeys(
    (
        "Ambiguous",
        "ApiError",
        "Invalid",
        "Locked",
        "Problem",
        "ReconcilerError",
        "Refused",
        "StalePlan",
        "StateError",
        "Unauthorised",
    ),
    "errors",
)
"""name → the module that has it; what is not named here is a value of the pipeline."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_PLACES.get(name, 'model')}"), name)
    return found


def __dir__() -> list[str]:
    return __all__

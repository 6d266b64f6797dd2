"""How a project reaches its account and its state: plain data, whoever asked for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from reconciler.frozen import dataclass

__all__ = ["BUDGET_VARIABLE", "STATE_VARIABLE", "ProjectOptions"]

STATE_VARIABLE, BUDGET_VARIABLE = "RECONCILER_STATE", "RECONCILER_BUDGET"


@dataclass(frozen=True, slots=True)
class ProjectOptions:
    """What can be said of account, state, variables and pace; everything has a default."""

    emulator: bool | str | Path = False
    """The provider's own fake of its API, in this process: True keeps its account under the stack, a path there."""
    endpoint: str | None = None
    """The API's address, if it is not the provider's own."""
    allow_http: bool = False
    """Send the API key to `http://` hosts too."""
    state: str | None = None
    """Where state is kept [the environment's RECONCILER_STATE; beside the emulator's account; under the stack]."""
    variables: Mapping[str, str] = field(default_factory=dict)
    var_file: Path | Mapping[str, Any] | None = None
    """A file of variables, or what is in it."""
    allow_env: tuple[str, ...] = ()
    """What the stack may read of the environment (globs)."""
    parallelism: int = 16
    """Writes side by side at most; fewer while the API takes no more."""
    poll_interval: float | None = None
    """Seconds before the second poll of what is not ready [as the driver says; none at the emulator]."""
    upload_parallelism: int = 8
    refresh: str | None = None
    """How the account is read for a plan: `full`, `delta`, or `none`, which cannot be applied [as the stack says]."""
    budget: str | None = None
    """With whom the account's rate limits are shared: all runs of this name, whatever their key is; `off`: with nobody
    [the environment's RECONCILER_BUDGET; all runs with the same key]."""
    lock_timeout: float = 0.0
    """Seconds to wait for a stack that another run holds."""
    bandwidth: float | None = None
    """Most bytes per second for all uploads."""

    @property
    def shared_budget(self) -> str | None:
        """The name that somebody gave the budget; None: it is called after address and key."""
        return self.budget or os.environ.get(BUDGET_VARIABLE) or None

    @property
    def shared_state(self) -> str | None:
        """The state that somebody named. What the environment names is for the real account, not for the emulator's."""
        return self.state or (None if self.emulator else os.environ.get(STATE_VARIABLE)) or None

"""What of the environment a stack may read: what whoever runs this opens to it, never what the stack asks for.

The YAML is a pull request's, and what it reads it can send anywhere. So a name is closed unless it begins with
`RECONCILER_VAR_` or the operator opens it (`--allow-env`, RECONCILER_ALLOW_ENV), and keys are closed for good.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from reconciler.frozen import dataclass
from reconciler.load.wording import cut, is_text
from reconciler.provider import names, provider

__all__ = ["ALLOW", "FREE", "Environment", "FromEnvironment", "Unreadable", "globs_in"]

FREE: Final = "RECONCILER_VAR_"
"""Whoever gives a variable such a name has opened it."""
ALLOW: Final = "RECONCILER_ALLOW_ENV"

CLOSED: Final = (
    *("RECONCILER_STATE", "RECONCILER_*_STATE", "RECONCILER_NOTIFY", "RECONCILER_*_NOTIFY", ALLOW),
    *("GITHUB_TOKEN", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "ACTIONS_*", "RUNNER_*_TOKEN"),
    *("CI_JOB_TOKEN", "CI_JOB_JWT*", "CI_BUILD_TOKEN", "CI_*_PASSWORD", "CI_REPOSITORY_URL", "GITLAB_TOKEN"),
    *("SYSTEM_ACCESSTOKEN", "BITBUCKET_*_TOKEN", "BUILDKITE_*_TOKEN", "CIRCLE_*_TOKEN", "DRONE_*_TOKEN"),
)
"""Globs of names that are closed whatever is allowed, beside the keys of accounts: the state, who is notified, what CI
holds."""


class FromEnvironment(str):
    """A value that must not be shown."""

    __slots__ = ()


class Unreadable(Exception):
    """A variable that may not be read, or is not there; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables, and globs of the names that are open."""

    values: Mapping[str, str]
    allowed: Collection[str] = ()

    def read(self, name: str) -> FromEnvironment:
        """The value; raises Unreadable. What is closed is not told from what is not set."""
        # Asked before what is allowed: `--allow-env "*"` opens no key either.
        if _is_closed(name):
            raise Unreadable(
                f"`${{env.{cut(name)}}}` is the key to an account, a state or a CI job; a stack may not read it"
            )
        if not name.startswith(FREE) and not any(fnmatchcase(name, glob) for glob in self.allowed):
            what = f"a stack may not read `${{env.{cut(name)}}}` unless whoever runs this allows it"
            raise Unreadable(f"{what}: --allow-env {cut(name)}, or {ALLOW}; names that begin with {FREE} are free")
        if name not in self.values:
            raise Unreadable(f'the environment has no "{cut(name)}"; set it, or use a variable with a default')
        if not is_text(self.values[name]):
            raise Unreadable(f'"{cut(name)}" in the environment is not UTF-8')
        return FromEnvironment(self.values[name])


def _is_closed(name: str) -> bool:
    # Names differ by case nowhere but on the systems where they do not differ at all.
    upper = name.upper()
    return any(fnmatchcase(upper, glob) for glob in CLOSED) or upper in _keys_of_providers()


def _keys_of_providers() -> Iterable[str]:
    """Variables that hold a key, of all providers that are installed."""
    return {key.upper() for name in names() for key in provider(name).access.key_variables}


def globs_in(*texts: str) -> tuple[str, ...]:
    """The names and globs in arguments and variables, parted by commas or blanks."""
    return tuple(dict.fromkeys(glob for text in texts for glob in re.split(r"[,\s]+", text) if glob))

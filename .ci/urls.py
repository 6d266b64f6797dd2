"""Where the project lives, told to the package by whoever builds it: a fork's package must not point to another's."""

from __future__ import annotations

import os
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Urls(MetadataHookInterface):
    """The links that an index of packages shows."""

    def update(self, metadata: dict[str, Any]) -> None:
        """None where no forge says which repository this is."""
        server, repository = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
        home = f"{server}/{repository}" if server and repository else None
        metadata["urls"] = (
            {
                "Source": home,
                "Documentation": f"{home}/tree/main/docs",
                "Changelog": f"{home}/blob/main/CHANGELOG.md",
                "Issues": f"{home}/issues",
            }
            if home
            else {}
        )

"""The files on the page about many machines: as far as they can be held against anything without a cluster."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import yaml

from tests.support.commandline import CHECKOUT

PAGE = (CHECKOUT / "docs" / "spread.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def manifests() -> dict[str, Any]:
    """By kind."""
    return {it["kind"]: it for block in blocks("yaml") for it in yaml.safe_load_all(block)}


def test_its_scripts_are_scripts() -> None:
    scripts = blocks("bash")
    assert scripts
    for script in scripts:
        told = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert told.returncode == 0, told.stderr
        assert script.startswith("#!/bin/bash\n#SBATCH "), "options are read from the first lines alone"


def test_what_its_pods_name_is_there() -> None:
    """Volumes that are mounted, ports that a service leads to; the schema of the operator wants those by name."""
    cluster, job = manifests()["DaskCluster"]["spec"], manifests()["Job"]["spec"]["template"]["spec"]
    pods = [cluster["scheduler"]["spec"], cluster["worker"]["spec"], job]
    for pod in pods:
        volumes = {it["name"] for it in pod.get("volumes", ())}
        mounted = {it["name"] for container in pod["containers"] for it in container.get("volumeMounts", ())}
        assert mounted == volumes
    ports = {it["name"]: it["containerPort"] for it in pods[0]["containers"][0]["ports"]}
    for port in cluster["scheduler"]["service"]["ports"]:
        assert ports[port["targetPort"]] == port["port"] == 8786
    assert {"name": "reconciler"} in [it["secretRef"] for pod in pods[1:] for it in pod["containers"][0]["envFrom"]]


def test_the_run_looks_for_the_scheduler_under_the_name_that_the_operator_gives_it() -> None:
    cluster, job = manifests()["DaskCluster"], manifests()["Job"]
    args = job["spec"]["template"]["spec"]["containers"][0]["args"]

    assert args[args.index("--spread") + 1] == f"tcp://{cluster['metadata']['name']}-scheduler:8786"

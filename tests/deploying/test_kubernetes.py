"""The manifests for Kubernetes, against its published schemas; those for Agones, in part.

The schemas are those of the distribution ``kubernetes-validate``.  It has none of Agones' own
kinds: of a Fleet only the pod is checked by a schema.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gameserver.config import load_settings
from gameserver.deploying.recipes import RECIPES
from tests.support.deployed_game import HOST, NAME, game

#: The oldest and the newest release that the manifests are for.
RELEASES = ("1.30.0", "1.34.0")


def manifests(recipe: str, **given: Any) -> Iterator[dict[str, Any]]:
    for path, text in RECIPES[recipe](game(**given)).files.items():
        if path.endswith(".yaml"):
            for manifest in yaml.safe_load_all(text):
                if "kind" in manifest:
                    yield manifest


def manifest(recipe: str, kind: str, name: str = NAME) -> dict[str, Any]:
    found = [each for each in manifests(recipe) if each["kind"] == kind]
    return next(each for each in found if each.get("metadata", {}).get("name", NAME) == name)


@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_takes_the_manifests(release: str) -> None:
    checked = [each for each in manifests("kubernetes") if each["kind"] != "Kustomization"]
    for each in checked:
        kubernetes_validate.validate(each, release, strict=True)
    assert len(checked) == 10


@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_takes_the_pod_of_a_fleet(release: str) -> None:
    pod = manifest("agones", "Fleet")["spec"]["template"]["spec"]["template"]
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, **pod}
    kubernetes_validate.validate(whole, release, strict=True)
    secret = manifest("agones", "Secret")
    kubernetes_validate.validate(secret, release, strict=True)


@pytest.mark.parametrize("recipe", ["kubernetes", "agones"])
def test_kustomize_builds_it(recipe: str, tmp_path: pathlib.Path) -> None:
    """Where kubectl is; elsewhere nothing is checked here."""
    if shutil.which("kubectl") is not None:
        RECIPES[recipe](game()).write(tmp_path)
        run = subprocess.run(
            ["kubectl", "kustomize", tmp_path], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        built = list(yaml.safe_load_all(run.stdout))
        [settings] = [each for each in built if "settings" in each["metadata"]["name"]]
        # What it is called, and where a pod names it.
        assert run.stdout.count(f"name: {settings['metadata']['name']}\n") == 2


def test_the_settings_of_the_pods_are_complete() -> None:
    """With what the StatefulSet and the Secret put into the environment."""
    files = RECIPES["kubernetes"](game(max_rooms=50)).files
    stateful = manifest("kubernetes", "StatefulSet")
    [container] = stateful["spec"]["template"]["spec"]["containers"]
    environment = dict(manifest("kubernetes", "Secret")["stringData"])
    environment["GAMESERVER_PUBLIC_URL"] = container["env"][1]["value"].replace(
        "$(POD_NAME)", f"{NAME}-0"
    )
    settings = load_settings(environment=environment, flags=tomllib.loads(files["settings.toml"]))
    assert settings.public_url == f"wss://{HOST}/{NAME}-0"
    assert settings.max_rooms == 50
    assert settings.directory
    stop_s = stateful["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    sleep_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert stop_s > sleep_s + settings.drain_s + settings.grace_s


def test_a_fleet_tells_agones() -> None:
    files = RECIPES["agones"](game()).files
    environment = dict(manifest("agones", "Secret")["stringData"])
    settings = load_settings(environment=environment, flags=tomllib.loads(files["settings.toml"]))
    assert settings.agones
    fleet = manifest("agones", "Fleet")
    assert fleet["apiVersion"] == "agones.dev/v1"
    spec = fleet["spec"]["template"]["spec"]
    assert spec["container"] == spec["template"]["spec"]["containers"][0]["name"]
    [port] = spec["ports"]
    assert (port["containerPort"], port["protocol"]) == (settings.port, "TCP")
    assert files["requirements.txt"].startswith("trio-gameserver[agones]==")
    [selector] = manifest("agones", "GameServerAllocation")["spec"]["selectors"]
    assert selector == {"matchLabels": {"agones.dev/fleet": NAME}}


def test_what_selects_pods_finds_them() -> None:
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for each in manifests("kubernetes"):
        by_kind.setdefault(each["kind"], []).append(each)
    labels = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in (*by_kind["StatefulSet"], *by_kind["Deployment"])
    ]
    for service in by_kind["Service"]:
        assert service["spec"]["selector"] in labels
    for budget in by_kind["PodDisruptionBudget"]:
        assert budget["spec"]["selector"]["matchLabels"] in labels


@pytest.mark.parametrize("recipe", ["kubernetes", "agones"])
def test_secrets_are_drawn_anew(recipe: str, tmp_path: pathlib.Path) -> None:
    texts = [RECIPES[recipe](game()).files["secret.yaml"] for _ in range(2)]
    assert texts[0] != texts[1]
    assert all(re.search(r'GAMESERVER_SECRET: "[0-9a-f]{48}"', text) for text in texts)
    RECIPES[recipe](game()).write(tmp_path)
    assert (tmp_path / "secret.yaml").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".gitignore").read_text() == "secret.yaml\n"

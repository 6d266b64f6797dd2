"""`${env.NAME}`: who opens what to a stack, what is masked and found again, and what `$env` in metadata is: data."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Invalid
from reconciler.load import Environment, expand, load
from reconciler.load.grammar import environment
from reconciler.model import Stack
from reconciler.provider import Access
from reconciler.redact import Secret, mask, unmask
from tests.support.commandline import Said, reconciler

HEAD = "stack: archive\nprovider: twelvelabs\n"


def loaded(directory: Path, text: str, **options: Any) -> Stack:
    (directory / "stack.yaml").write_text(HEAD + text)
    return load(directory, display=Path(), **options)


@pytest.mark.parametrize(
    ("name", "allowed", "may"),
    [
        ("RECONCILER_VAR_A", (), True),
        ("A", (), False),
        ("A", ("B", "A"), True),
        ("TEAM_A", ("TEAM_*",), True),
        ("XTEAM_A", ("TEAM_*",), False),
        ("a", ("A",), False),
        *((name, ("*",), False) for name in ("TWELVELABS_API_KEY", "TWELVE_LABS_API_KEY", "MIXPEEK_API_KEY")),
        *(
            (name, ("*", name), False)
            for name in ("RECONCILER_STATE", "RECONCILER_NOTIFY", "RECONCILER_ALLOW_ENV", "GITHUB_TOKEN")
        ),
        *((name, ("*",), False) for name in ("GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")),
        *((name, ("*",), False) for name in ("CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD", "github_token")),
    ],
)
def test_a_stack_reads_of_the_environment_only_what_whoever_runs_it_allows(
    tmp_path: Path, name: str, allowed: tuple[str, ...], may: bool
) -> None:
    text = f"assets: {{a: {{url: 'http://x/${{env.{name}}}'}}}}"
    if may:
        assert (
            loaded(tmp_path, text, environ={name: "hush"}, allow_env=allowed)
            .resources["assets/a"]
            .fields["url"]
            .endswith("hush")
        )
        return

    with pytest.raises(Invalid) as there:
        loaded(tmp_path, text, environ={name: "hush"}, allow_env=allowed)
    with pytest.raises(Invalid) as missing:
        loaded(tmp_path, text, environ={}, allow_env=allowed)

    assert "hush" not in str(there.value)
    assert str(there.value) == str(missing.value)
    assert "a stack may not read" in str(there.value)


def test_the_key_of_any_provider_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Provider:
        access = Access("https://api.example", lambda key: {"key": key}, key_variables=("ELSEWHERE_SECRET",))

    monkeypatch.setattr(environment, "names", lambda: ("elsewhere",))
    monkeypatch.setattr(environment, "provider", lambda _: Provider)

    with pytest.raises(KeyError, match="may not read it"):
        expand("${env.ELSEWHERE_SECRET}", Environment({"ELSEWHERE_SECRET": "hush"}, ["*"]))


@pytest.mark.parametrize(
    ("texts", "globs"),
    [((), ()), (("A,B", " C\tD* ", ""), ("A", "B", "C", "D*")), (("A", "A"), ("A",)), ((",",), ())],
)
def test_names_that_are_allowed_are_parted_by_commas_or_blanks(texts: tuple[str, ...], globs: tuple[str, ...]) -> None:
    assert environment.globs_in(*texts) == globs


def asset(directory: Path, metadata: str) -> None:
    text = f"assets: {{a: {{url: 'https://example.com/a.mp4', metadata: {{{metadata}}}}}}}"
    (directory / "stack.yaml").write_text(HEAD + text)


def run(directory: Path, command: str, *more: str, env: dict[str, str] | None = None) -> Said:
    return reconciler(command, directory, "--emulator", *more, env=env or {})


def test_whoever_runs_it_allows_names_by_a_flag_or_by_the_environment(tmp_path: Path) -> None:
    asset(tmp_path, 'x: "${env.TEAM}"')
    given: dict[str, str] = {"TEAM": "hush-hush"}

    closed = run(tmp_path, "plan", env=given)
    by_flag = run(tmp_path, "plan", "--allow-env", "OTHER,TE*", env=given)
    by_variable = run(tmp_path, "plan", env={**given, "RECONCILER_ALLOW_ENV": "OTHER TEAM"})

    assert (closed.code, by_flag.code, by_variable.code) == (1, 0, 0)
    assert "--allow-env TEAM" in closed.err
    assert "hush-hush" not in closed.err + by_flag.out + by_variable.out


def test_a_saved_plan_opens_nothing(tmp_path: Path) -> None:
    asset(tmp_path, 'x: "${env.TEAM}"')
    plan, env = str(tmp_path / "plan.json"), {"TEAM": "hush-hush"}
    run(tmp_path, "plan", "-o", plan, "--allow-env=TEAM", env=env)

    closed = reconciler("apply", plan, "--emulator", env=env)
    opened = reconciler("apply", plan, "--emulator", "--allow-env=TEAM", env=env)

    assert (closed.code, opened.code) == (1, 0)
    assert "--allow-env TEAM" in closed.err


@pytest.mark.parametrize(
    "metadata",
    [
        'x: "$${x} ${env.RECONCILER_VAR_T}"',
        'x: "$$${env.RECONCILER_VAR_T}${env.RECONCILER_VAR_T}$${env.RECONCILER_VAR_T}"',
        '"$env": 2024',
        '"$env": text',
        '"$env": "$${env.TWELVELABS_API_KEY}"',
        '"$env": "${env.RECONCILER_VAR_T}"',
        '"$$env": "$${env.RECONCILER_VAR_T}"',
    ],
)
def test_what_was_applied_is_found_again_so_that_the_next_plan_is_empty(tmp_path: Path, metadata: str) -> None:
    asset(tmp_path, metadata)
    env = {"RECONCILER_VAR_T": "hush-hush", "TWELVELABS_API_KEY": "the-key"}

    applied = run(tmp_path, "apply", "--auto-approve", env=env)
    plan, drift = run(tmp_path, "plan", env=env), run(tmp_path, "drift", env=env)

    assert (applied.code, plan.code, drift.code) == (0, 0, 0), applied.err + plan.err + drift.err
    assert plan.last_line == "No changes. archive is in sync."
    asset(tmp_path, "x: 1")
    assert run(tmp_path, "apply", "--auto-approve", env=env).code == 0
    assert run(tmp_path, "plan", env=env).last_line == "No changes. archive is in sync."


def test_a_stack_whose_variable_is_gone_or_closed_by_now_can_still_be_planned_and_destroyed(tmp_path: Path) -> None:
    asset(tmp_path, 'x: "${env.TEAM}"')
    run(tmp_path, "apply", "--auto-approve", "--allow-env=TEAM", env={"TEAM": "hush-hush"})
    asset(tmp_path, "y: 1")

    plan = run(tmp_path, "plan")
    destroyed = run(tmp_path, "destroy", "--auto-approve")

    assert (plan.code, destroyed.code) == (0, 0)
    assert "hush-hush" not in plan.out + plan.err + destroyed.out + destroyed.err


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("${env.A}"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$env", "$$env", "env", "$", "a", "$$$env"]), inner, max_size=2)
    ),
    max_leaves=8,
)


@given(value=json_values)
def test_what_a_user_writes_is_never_taken_for_a_secret(value: Any) -> None:
    assert unmask(mask(value), lambda template: f"resolved {template}") == value


@given(before=json_values)
def test_a_secret_is_masked_and_found_again_wherever_it_stands(before: Any) -> None:
    secret = Secret("hush", "${env.A}")

    found = unmask(mask({"$env": [before, secret, {"$env": secret}]}), lambda _: "hush")

    assert found == {"$env": [before, "hush", {"$env": "hush"}]}
    assert [isinstance(found["$env"][1], Secret), isinstance(found["$env"][2]["$env"], Secret)] == [True, True]


def test_rows_of_an_earlier_version_are_still_read() -> None:
    old = {"url": {"$env": "http://${env.A}"}, "metadata": {"x": {"$env": "${env.B}"}}, "other": {"$env": 2024}}

    found = unmask(old, lambda template: expand(template, Environment({"A": "hush"}, ["A"])))

    assert found == {"url": "http://hush", "metadata": {"x": "${env.B}"}, "other": {"$env": 2024}}
    assert [type(found["url"]), type(found["metadata"]["x"]), type(found["other"])] == [Secret, Secret, dict]


@pytest.mark.parametrize("kept", ['{"$env":"${env.TWELVELABS_API_KEY}"}', '{"$env":"text"}', '{"$env":2024}'])
def test_metadata_that_an_earlier_version_kept_as_if_it_were_a_secret_is_data(tmp_path: Path, kept: str) -> None:
    asset(tmp_path, "x: 1")
    run(tmp_path, "apply", "--auto-approve")
    (state,) = (tmp_path / ".reconciler").glob("*state.db")
    with closing(sqlite3.connect(state)) as database, database:
        (table,) = (
            name
            for (name,) in database.execute("select name from sqlite_master where type = 'table'").fetchall()
            if {"fields", "address"} <= {row[1] for row in database.execute(f"pragma table_info({name})")}
        )
        database.execute(f"update {table} set fields = json_set(fields, '$.metadata', json(?))", (kept,))

    plan, drift = (run(tmp_path, command, env={"TWELVELABS_API_KEY": "the-key"}) for command in ("plan", "drift"))

    assert (plan.code, drift.code) == (0, 2), plan.err + drift.err
    assert "the-key" not in plan.out + drift.out

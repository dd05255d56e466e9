"""Is what a stranger reads first true? The README's commands, question, answer and settings; the compose file."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    parse,
)

from datadir.names import StoreName
from graph.settings import PREFIX, SECRETS, Settings, environment_name
from resolvers.demo.named import NAMED
from resolvers.demo.roster import PASSWORD
from tests.execution.test_explain import predicted
from tests.queries.triple import triples

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
OPERATION = (ROOT / "graph/explorer/operations/front-page.graphql").read_text(encoding="utf-8")
TRIPLE = ROOT / "tests/queries/classrooms/front_page.graphql"
# Words of ours for the command line and the tests, not settings of the program.
MAKE_VARIABLES = {"PORT", "DATA", "CHROMIUM", "TRIPLES", "STORES_PASSWORD"}

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "datadir").rglob("*.md"), *(ROOT / "docs").rglob("*.md"))
)


def block(language: str) -> str:
    """The first fenced block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def variables(text: str) -> set[str]:
    """What looks like an environment variable, in code."""
    words = re.findall(r"`([^`\n]+)`", text)
    return {name for word in words for name in re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", word)}


def test_the_first_command_is_make_run_and_the_second_make_test() -> None:
    commands = [line.partition("#")[0].strip() for line in block("sh").splitlines()]
    assert commands == ["make run", "make test"]


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_every_make_command_is_a_target(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    code = re.findall(r"```sh\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
    named = {
        target for each in code for words in re.findall(r"\bmake((?: [a-z-]+)+)", each) for target in words.split()
    }
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert named <= targets


def test_its_question_is_the_front_page_itself() -> None:
    assert block("graphql").strip() == OPERATION.strip()


def test_its_answer_has_what_the_question_asks_for_in_the_types_of_the_schema() -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"), assume_valid_sdl=True)
    definition = parse(OPERATION).definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    assert schema.query_type is not None
    answer = json.loads(block("json"))
    assert list(answer) == ["data"]
    fits(answer["data"], schema.query_type, definition, schema)


def fits(value: Any, kind: GraphQLOutputType, node: FieldNode | OperationDefinitionNode, schema: GraphQLSchema) -> None:
    """Whether a value of the answer can be one of `kind`, with no field but those that are selected."""
    if isinstance(kind, GraphQLNonNull):
        assert value is not None
        return fits(value, kind.of_type, node, schema)
    if value is None:
        return None
    if isinstance(kind, GraphQLList):
        for each in value:
            fits(each, kind.of_type, node, schema)
    elif isinstance(kind, GraphQLObjectType):
        assert node.selection_set is not None
        selected = {each.name.value: each for each in node.selection_set.selections if isinstance(each, FieldNode)}
        assert list(value) == [name for name in selected if name in value]
        for name, each in value.items():
            fits(each, kind.fields[name].type, selected[name], schema)
    elif isinstance(kind, GraphQLEnumType):
        assert value in kind.values
    else:
        expected = {"Int": int, "Float": float, "Boolean": bool}.get(str(kind), str)
        assert isinstance(value, expected)
    return None


def test_its_answer_is_what_the_front_page_answers() -> None:
    whole = json.loads(TRIPLE.with_suffix(".json").read_text(encoding="utf-8"))
    assert is_shortened(json.loads(block("json")), whole)


def is_shortened(short: Any, whole: Any) -> bool:
    """Whether `short` is `whole` with some members, items and ends of texts left out. What differs from run to run is
    `{{...}}` there."""
    if isinstance(short, dict):
        return isinstance(whole, dict) and all(
            name in whole and is_shortened(each, whole[name]) for name, each in short.items()
        )
    if isinstance(short, list):
        return isinstance(whole, list) and all(any(is_shortened(each, other) for other in whole) for each in short)
    if isinstance(whole, str) and whole.startswith("{{"):
        return isinstance(short, str)
    if isinstance(short, str) and short.endswith("…"):
        return isinstance(whole, str) and whole.startswith(short.removesuffix("…"))
    return bool(short == whole)


def test_its_store_calls_are_those_of_the_front_page() -> None:
    names = {"Redis": "redis", "PostgreSQL": "postgresql", "MongoDB": "mongodb", "Qdrant": "qdrant"}
    names |= {"Cassandra": "cassandra", "S3": "minio", "Kafka": "kafka"}
    table = README.partition("### What each store does for it")[2].partition("##")[0]
    told = {names[store]: int(calls) for store, calls in re.findall(r"^\| (\w+) \| (\d+) \|", table, re.MULTILINE)}
    pinned = json.loads(TRIPLE.with_suffix(".calls").read_text(encoding="utf-8"))
    assert told == {store.value: 0 for store in StoreName} | pinned
    assert sum(told.values()) == 17
    assert "\nSeventeen, with 20 members or 100" in table


def drawn(plan: dict[str, Any]) -> str:
    """A plan as the README draws it: what is asked before the first level, then each edge below its level."""

    def stores(calls: dict[str, int]) -> str:
        return ", ".join(f"{store} {count}" for store, count in calls.items()) or "-"

    lines: list[str] = []
    before = Counter(plan["calls"])
    for level in plan["levels"]:
        for number, edge in enumerate(level["edges"]):
            head = "" if number else f"level {level['level']}"
            lines.append(f"{head:<9}{edge['path']:<65}{stores(edge['calls'])}")
            before.subtract(edge["calls"])
    opening = f"{'before':<9}{'the session':<65}{stores(dict(sorted((+before).items())))}"
    return "\n".join([opening, *lines, f"{'together':<9}{plan['total']:<65}{stores(plan['calls'])}"])


def test_its_plan_is_the_plan_of_the_front_page() -> None:
    triple = next(each for each in triples() if each.question == TRIPLE)
    plan = predicted(triple)
    assert plan is not None
    assert block("text") == drawn(plan) + "\n"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"https?:", target)]
    for target in links:
        path, _, heading = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in slugs, target


@pytest.mark.parametrize("document", ["README.md", "datadir/README.md"])
def test_every_path_it_names_is_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    rooms = r"(?:graph|resolvers|loaders|datadir|tests|bench|docs|requirements|\.ci)/[\w./-]*"
    paths = {path for path in re.findall(rf"`({rooms})`", text) if not path.startswith("bench/out")}
    assert "graph/app.py" in paths or document != "README.md"
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_where_a_field_is_is_where_it_is() -> None:
    table = README.partition("### Where is field X?")[2].partition("###")[0]
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \| `([^`]+)` \|", table, re.MULTILINE)
    schema = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"), assume_valid_sdl=True)
    assert len(rows) == 6
    for type_name, field, file in rows:
        kind = schema.type_map[type_name]
        assert isinstance(kind, GraphQLObjectType)
        assert field in kind.fields
        snake = re.sub(r"(?<!^)([A-Z])", r"_\1", field).lower()
        declared = (ROOT / file).read_text(encoding="utf-8").partition(f"class {type_name}(")[2]
        assert re.search(rf"^    (def )?{snake}\b", declared, re.MULTILINE), f"{type_name}.{field}"


@pytest.mark.parametrize("document", ["README.md", "datadir/README.md", "SECURITY.md"])
def test_every_setting_it_names_exists(document: str) -> None:
    known = {environment_name(name) for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in SECRETS} | {"NAME_FILE", "FORBIDDEN", "NOT_FOUND"} | MAKE_VARIABLES
    assert variables((ROOT / document).read_text(encoding="utf-8")) - known == set()


def test_it_names_every_setting_of_every_store() -> None:
    settings = {environment_name(name) for name in Settings.model_fields}
    stores = {name for name in settings if not name.startswith(PREFIX)}
    told = README.partition("## Settings")[2]
    # Seven times three files of TLS are told once.
    of_tls = {name for name in stores if re.search(r"_TLS_(CA|CERT|KEY)_FILE$", name)}
    assert len(of_tls) == 7 * 3
    assert all(f"`<STORE>{name[name.index('_TLS_') :]}`" in told for name in of_tls)
    assert stores - of_tls <= variables(told)


def test_the_defaults_it_tells_are_the_defaults() -> None:
    rows = re.findall(r"^\| `(STUDYGRAPH_\w+)` \| `([^`]+)`", README, re.MULTILINE)
    fields = {environment_name(name): field for name, field in Settings.model_fields.items()}
    told = dict(rows)
    assert len(told) >= 5
    assert told == {name: str(fields[name].default).replace("False", "false") for name in told}


def test_its_accounts_are_the_demo_schools() -> None:
    table = README.partition("## Who can log in")[2].partition("##")[0]
    assert re.findall(r"^\| `(\S+@\S+)` \|", table, re.MULTILINE) == list(NAMED.accounts.values())
    assert f"`{PASSWORD}`" in table


def test_the_picture_is_a_whole_page_and_not_a_heavy_one() -> None:
    picture = (ROOT / "docs/front-page.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")) == (1440, 900)
    assert len(picture) < 250_000


@pytest.fixture
def compose() -> Any:
    yaml = pytest.importorskip(
        "yaml", reason="PyYAML comes with other packages and is not here: no compose file is read"
    )
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_each_store_has_a_service_that_is_healthy_before_it_is_used(compose: Any) -> None:
    assert sorted(compose["services"]) == sorted(store.value for store in StoreName)
    for service in compose["services"].values():
        assert service["healthcheck"]["test"]
        assert not service["image"].endswith(":latest")
        assert ":" in service["image"].rpartition("/")[2]


def test_services_keep_their_files_in_named_volumes_and_listen_on_this_machine_alone(compose: Any) -> None:
    used = []
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        for volume in service["volumes"]:
            name, _, place = volume.partition(":")
            if name.startswith("./"):
                assert (ROOT / name).is_file()
                assert place.endswith(":ro"), "a script of ours, which the server runs in a new volume"
            else:
                used.append(name)
    assert sorted(used) == sorted(compose["volumes"])


def test_the_variables_it_tells_to_set_name_every_store() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8").partition("services:")[0]
    exported = set(re.findall(r"\b([A-Z0-9_]+)=", text))
    assert exported <= {environment_name(name) for name in Settings.model_fields}
    addresses = {"DATABASE_URL", "REDIS_URL", "MONGODB_URL", "QDRANT_HOST", "CASSANDRA_HOST"}
    assert exported >= addresses | {"KAFKA_BOOTSTRAP_SERVERS", "S3_ENDPOINT_URL"}


def test_the_table_of_volumes_is_the_compose_file(compose: Any) -> None:
    text = (ROOT / "datadir/docker-volumes.md").read_text(encoding="utf-8")
    row = re.compile(r"^\| `(\w+)` \| `([^`]+)` \| (\d+) \| `(\w+)` \| `([^`]+)` \|$", re.MULTILINE)
    told = {name: (image, port, f"{volume}:{path}") for name, image, port, volume, path in row.findall(text)}
    assert told == {
        name: (service["image"], service["ports"][0].rpartition(":")[2], service["volumes"][0])
        for name, service in compose["services"].items()
    }

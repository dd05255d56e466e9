"""Are the settings what their documentation says, and is every mistake in one told in a sentence?"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from datadir.addresses import Addresses
from datadir.names import StoreName
from datadir.tls import PREFIXES, TlsFiles
from graph.process import addresses
from graph.settings import PREFIX, SECRETS, Settings, SettingsError, environment_name, load

SECRET = "a secret of more than thirty-two characters"
DOCUMENTED = Path(__file__).parents[1] / "docs" / "settings.md"
STORES = {
    "DATABASE_URL": "postgresql://app:secret@db/school",
    "REDIS_URL": "redis://redis:6379/0",
    "MONGODB_URL": "mongodb://app:secret@mongodb/school",
    "QDRANT_HOST": "qdrant",
    "CASSANDRA_HOST": "cassandra",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
    "S3_ENDPOINT_URL": "http://objects:9000",
}
PARTNERS = {
    "CASSANDRA_USERNAME": "CASSANDRA_PASSWORD",
    "KAFKA_USERNAME": "KAFKA_PASSWORD",
    "AWS_ACCESS_KEY_ID": "AWS_SECRET_ACCESS_KEY",
}
"""Who we are, and what proves it."""
KINDS = ("CA", "CERT", "KEY")
PRODUCTION = {"STUDYGRAPH_ENV": "production", "STUDYGRAPH_SECRET": SECRET}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without any setting."""
    names = {environment_name(name) for name in Settings.model_fields}
    for name in list(os.environ):
        if name.upper().startswith(PREFIX) or name.removesuffix("_FILE") in names:
            monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """The settings in an environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load()


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """The sentence that stops the start."""
    with pytest.raises(SettingsError) as refused:
        given(monkeypatch, **variables)
    return str(refused.value)


def test_each_setting_has_its_row_with_default_and_meaning() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", DOCUMENTED.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(rows) == {environment_name(name) for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        row = rows[environment_name(name)]
        default = "unset" if field.default is None else str(field.default)
        default = default.lower() if isinstance(field.default, bool) else default
        assert row.startswith(f"`{default}` | {field.description}"), name
        assert (f"{environment_name(name)}_FILE" in row) == (environment_name(name) in SECRETS), name


def test_without_any_setting_it_is_development_on_this_machine() -> None:
    settings = load()
    assert (settings.env, settings.demo, settings.execution) == ("development", False, "compiled")
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.data_dir == Path(".data")
    assert [name for name, field in Settings.model_fields.items() if getattr(settings, name) != field.default] == []


def test_the_command_line_is_stronger_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDYGRAPH_PORT", "8001")
    assert (load().port, load(port=8002).port, load(port=None).port) == (8001, 8002, 8001)


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, REDIS_URL="", STUDYGRAPH_PORT="", STUDYGRAPH_SECRET="", STUDYGRAPH_SECRET_FILE="")
    assert (settings.redis_url, settings.port, settings.secret) == (None, 8000, None)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("STUDYGRAPH_PROT", " Did you mean STUDYGRAPH_PORT?"),
        ("studygraph_data", " Did you mean STUDYGRAPH_DATA_DIR?"),
        ("STUDYGRAPH_REDIS_URL", " Did you mean REDIS_URL?"),
        ("STUDYGRAPH_SECRET_FIEL", " Did you mean STUDYGRAPH_SECRET_FILE?"),
        ("STUDYGRAPH_PORT_FILE", " Did you mean STUDYGRAPH_PORT?"),
        ("STUDYGRAPH_XYZZY", ""),
    ],
)
def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, hint: str) -> None:
    assert refusal(monkeypatch, **{name: "1"}) == f"There is no setting {name}.{hint}"


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("STUDYGRAPH_PORT", "eighty", "must be a whole number"),
        ("STUDYGRAPH_PORT", "70000", "must be 65535 or less"),
        ("STUDYGRAPH_PORT", "-1", "must be 0 or more"),
        ("STUDYGRAPH_DEMO", "perhaps", "must be true or false"),
        ("STUDYGRAPH_DEMO_SIZE", "11", "must be 10 or less"),
        ("STUDYGRAPH_DEMO_NOW", "yesterday", "must be a moment with its offset, as 2026-11-21T09:00:00Z"),
        ("STUDYGRAPH_DEMO_NOW", "2026-11-21T09:00:00", "must be a moment with its offset, as 2026-11-21T09:00:00Z"),
        ("STUDYGRAPH_ENV", "staging", "must be 'development' or 'production'"),
        ("STUDYGRAPH_EXECUTION", "fast", "must be 'compiled' or 'graphql-core'"),
        ("STUDYGRAPH_STORE_DEADLINE_MS", "1", "must be 50 or more"),
        ("STUDYGRAPH_SECRET", "too short", "must have at least 32 characters"),
        ("STUDYGRAPH_PUBLIC_URL", "school.example", "must begin with http:// or https://"),
        ("QDRANT_PORT", "0", "must be 1 or more"),
        (
            "DATABASE_URL",
            "mysql://u:hidden@db",
            "must begin with postgresql:// or postgres:// or postgresql+asyncpg://",
        ),
        ("REDIS_URL", "cache:6379", "must begin with redis:// or rediss:// or unix://"),
        ("MONGODB_URL", "mongodb://", "must begin with mongodb:// or mongodb+srv://"),
        ("S3_ENDPOINT_URL", "minio:9000", "must begin with http:// or https://"),
    ],
)
def test_a_bad_value_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, what: str
) -> None:
    assert refusal(monkeypatch, **{name: value}) == f"{name} {what}."


def test_a_moment_for_the_demo_school_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, STUDYGRAPH_DEMO_NOW="2026-11-21T09:00:00Z")
    assert settings.demo_now == datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_every_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    value = (STORES | {"STUDYGRAPH_SMTP_URL": "smtps://app:secret@mail.school"}).get(name, SECRET)
    file = tmp_path / "secret"
    file.write_text(f"\n{value}  \n", encoding="utf-8")
    partner = (PARTNERS | {proof: user for user, proof in PARTNERS.items()}).get(name)
    settings = given(monkeypatch, **{f"{name}_FILE": str(file)} | ({partner: "ada"} if partner else {}))
    [found] = [getattr(settings, field) for field in Settings.model_fields if environment_name(field) == name]
    assert isinstance(found, SecretStr)
    assert found.get_secret_value() == value
    assert value not in repr(settings)


def test_a_secret_in_two_places_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert refusal(monkeypatch, REDIS_URL=STORES["REDIS_URL"], REDIS_URL_FILE=str(tmp_path / "url")) == (
        "REDIS_URL and REDIS_URL_FILE are both set: keep one."
    )


def test_a_file_that_is_missing_empty_or_no_text_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing, empty, bytes_only = (tmp_path / name for name in ("missing", "empty", "bytes"))
    empty.write_text(" \n", encoding="utf-8")
    bytes_only.write_bytes(b"\xff\xfe")
    for file, what in (
        (missing, "which cannot be read: No such file or directory"),
        (tmp_path, "which cannot be read: Is a directory"),
        (empty, "which is empty"),
        (bytes_only, "which is not text in UTF-8"),
    ):
        assert refusal(monkeypatch, DATABASE_URL_FILE=str(file)) == f"DATABASE_URL_FILE names {file}, {what}."


def test_a_secret_that_is_too_short_in_its_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short", encoding="utf-8")
    assert refusal(monkeypatch, STUDYGRAPH_SECRET_FILE=str(tmp_path / "secret")) == (
        "STUDYGRAPH_SECRET must have at least 32 characters."
    )


@pytest.mark.parametrize(("user", "proof"), PARTNERS.items())
def test_a_user_without_a_password_is_refused_and_a_password_without_a_user(
    monkeypatch: pytest.MonkeyPatch, user: str, proof: str
) -> None:
    assert refusal(monkeypatch, **{user: "ada"}) == f"{user} is set without {proof}."
    monkeypatch.delenv(user)
    assert refusal(monkeypatch, **{proof: "secret"}) == f"{proof} is set without {user}."


@pytest.mark.parametrize("address", STORES)
@pytest.mark.parametrize("kind", KINDS)
def test_tls_to_an_embedded_store_is_refused(monkeypatch: pytest.MonkeyPatch, address: str, kind: str) -> None:
    name = f"{address.split('_')[0]}_TLS_{kind}_FILE"
    assert refusal(monkeypatch, **{name: "ca.pem"}) == f"{name} is set without {address}."


def test_tls_goes_with_its_stores_address(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(
        monkeypatch, REDIS_URL=STORES["REDIS_URL"], REDIS_TLS_CA_FILE="ca.pem", REDIS_TLS_CERT_FILE="us.pem"
    )
    where = addresses(settings, SECRET)
    assert where.tls_of(StoreName.REDIS) == TlsFiles(StoreName.REDIS, "ca.pem", "us.pem", None)
    assert [store for store in StoreName if where.tls_of(store)] == [StoreName.REDIS]


def test_every_setting_of_a_store_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{prefix}_TLS_{kind}_FILE": f"{prefix}.{kind}" for prefix in PREFIXES.values() for kind in KINDS}
    settings = given(
        monkeypatch,
        **STORES,
        **files,
        STUDYGRAPH_SECRET=SECRET,
        STUDYGRAPH_SECRET_BEFORE=SECRET[::-1],
        STUDYGRAPH_PUBLIC_URL="https://school.example",
        STUDYGRAPH_STORE_DEADLINE_MS="250",
        STUDYGRAPH_S3_BUCKET="objects",
        QDRANT_PORT="6300",
        QDRANT_API_KEY="key",
        CASSANDRA_PORT="9000",
        CASSANDRA_USERNAME="ada",
        CASSANDRA_PASSWORD="of ada",
        CASSANDRA_DATACENTER="dc1",
        KAFKA_USERNAME="grace",
        KAFKA_PASSWORD="of grace",
        KAFKA_SASL_MECHANISM="PLAIN",
        AWS_ACCESS_KEY_ID="access",
        AWS_SECRET_ACCESS_KEY="secret",
        AWS_REGION="eu-central-1",
    )
    assert addresses(settings, SECRET) == Addresses(
        secret=SECRET,
        secret_before=SECRET[::-1],
        public_url="https://school.example",
        database_url=STORES["DATABASE_URL"],
        redis_url=STORES["REDIS_URL"],
        mongodb_url=STORES["MONGODB_URL"],
        qdrant_host="qdrant",
        qdrant_port=6300,
        qdrant_api_key="key",
        cassandra_host="cassandra",
        cassandra_port=9000,
        cassandra_username="ada",
        cassandra_password="of ada",
        cassandra_datacenter="dc1",
        kafka_bootstrap_servers="kafka:9092",
        kafka_username="grace",
        kafka_password="of grace",
        kafka_sasl_mechanism="PLAIN",
        s3_endpoint_url=STORES["S3_ENDPOINT_URL"],
        s3_bucket="objects",
        s3_access_key="access",
        s3_secret_key="secret",
        s3_region="eu-central-1",
        read_deadline=0.25,
        tls={store: TlsFiles(store, *(f"{PREFIXES[store]}.{kind}" for kind in KINDS)) for store in StoreName},
    )


def test_production_takes_real_stores_and_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, **PRODUCTION, **STORES).production


@pytest.mark.parametrize("name", STORES)
def test_production_refuses_an_embedded_store(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    others = {other: value for other, value in STORES.items() if other != name}
    assert refusal(monkeypatch, **PRODUCTION, **others) == f"In production each store is a real server: set {name}."


def test_production_names_every_store_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, **PRODUCTION) == (
        f"In production each store is a real server: set {', '.join(STORES)}."
    )


def test_production_refuses_the_demo_and_a_start_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, **PRODUCTION, **STORES, STUDYGRAPH_DEMO="true") == (
        "STUDYGRAPH_DEMO is for development: its accounts have a public password."
    )
    monkeypatch.delenv("STUDYGRAPH_DEMO")
    monkeypatch.delenv("STUDYGRAPH_SECRET")
    assert refusal(monkeypatch) == "STUDYGRAPH_SECRET must be set in production (or STUDYGRAPH_SECRET_FILE)."


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"STUDYGRAPH_HOST": "0.0.0.0"}, "http://127.0.0.1:8000"),
        ({"STUDYGRAPH_HOST": "::", "STUDYGRAPH_PORT": "80"}, "http://[::1]:80"),
        ({"STUDYGRAPH_HOST": "school.local"}, "http://school.local:8000"),
        ({"STUDYGRAPH_PUBLIC_URL": "https://school.example/"}, "https://school.example"),
    ],
)
def test_links_begin_with_an_address_that_a_browser_can_open(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str
) -> None:
    assert given(monkeypatch, **variables).base_url == url

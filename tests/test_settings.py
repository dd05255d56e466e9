"""Are the settings what their documentation says, and is a wrong one refused with a sentence?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graph.settings import SECRETS, Settings, SettingsError, environment_name, load

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


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(environment_name(name), raising=False)
        monkeypatch.delenv(f"{environment_name(name)}_FILE", raising=False)


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
    assert (settings.env, settings.host, settings.port) == ("development", "127.0.0.1", 8000)
    assert settings.execution == "compiled"
    assert settings.base_url == "http://127.0.0.1:8000"


def test_an_unknown_name_is_refused_with_the_nearest_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDYGRAPH_PROT", "8000")
    with pytest.raises(SettingsError, match=r"^There is no setting STUDYGRAPH_PROT\. Did you mean STUDYGRAPH_PORT\?$"):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STUDYGRAPH_PORT", "eighty"),
        ("STUDYGRAPH_PORT", "70000"),
        ("STUDYGRAPH_ENV", "staging"),
        ("STUDYGRAPH_SECRET", "too short"),
        ("STUDYGRAPH_EXECUTION", "fast"),
        ("QDRANT_PORT", "0"),
    ],
)
def test_a_bad_value_is_refused_by_its_name_and_never_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load()
    assert str(refused.value).startswith(name)
    assert f" {value}" not in str(refused.value)


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("a secret of more than thirty-two characters\n", encoding="utf-8")
    monkeypatch.setenv("STUDYGRAPH_SECRET_FILE", str(file))
    secret = load().secret
    assert secret is not None
    assert secret.get_secret_value() == "a secret of more than thirty-two characters"


def test_a_secret_in_two_places_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://here:6379/0")
    monkeypatch.setenv("REDIS_URL_FILE", str(tmp_path / "there"))
    with pytest.raises(SettingsError, match="REDIS_URL and REDIS_URL_FILE are both set"):
        load()


def test_a_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "missing"))
    with pytest.raises(SettingsError, match=r"DATABASE_URL_FILE names .*missing, which cannot be read"):
        load()


def test_production_names_every_store_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDYGRAPH_ENV", "production")
    monkeypatch.setenv("STUDYGRAPH_SECRET", "a secret of more than thirty-two characters")
    monkeypatch.setenv("REDIS_URL", STORES["REDIS_URL"])
    with pytest.raises(SettingsError) as refused:
        load()
    for name in STORES:
        assert (name in str(refused.value)) == (name != "REDIS_URL")


def test_production_with_all_stores_is_taken_and_shows_no_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDYGRAPH_ENV", "production")
    for name, value in STORES.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="STUDYGRAPH_SECRET must be set in production"):
        load()
    monkeypatch.setenv("STUDYGRAPH_SECRET", "a secret of more than thirty-two characters")
    assert load().production
    with pytest.raises(SettingsError, match="STUDYGRAPH_DEMO is for development"):
        load(demo=True)

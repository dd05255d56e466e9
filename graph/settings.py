"""What can be set, and from where? The environment, read once at the start.

Where a store is goes by the names its users know (`DATABASE_URL`, `REDIS_URL`, ...); everything else is
`STUDYGRAPH_*`. A secret may stand in a file instead: `NAME_FILE`. An unknown `STUDYGRAPH_*` name or a bad value stops
the start with a sentence. `docs/settings.md` has a row for each; a test compares.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AwareDatetime, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from graph.limits_settings import LimitsSettings
from graph.log_in_settings import LogInSettings
from graph.stores_settings import ADDRESSES, PAIRS, StoresSettings
from graph.tls_settings import PREFIXES as TLS_PREFIXES
from graph.tls_settings import TlsSettings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX = "STUDYGRAPH_"
SHORTEST_SECRET = 32
SCHEMES = {
    "public_url": ("http://", "https://"),
    "reset_url": ("http://", "https://"),
    "smtp_url": ("smtp://", "smtps://"),
    "database_url": ("postgresql://", "postgres://", "postgresql+asyncpg://"),
    "redis_url": ("redis://", "rediss://", "unix://"),
    "mongodb_url": ("mongodb://", "mongodb+srv://"),
    "s3_endpoint_url": ("http://", "https://"),
}
"""How an address begins, by field."""
DEVELOPMENT_ORIGINS = ("http://localhost:*", "http://127.0.0.1:*")
"""Whose pages may ask where nobody said: whatever a developer's tools serve."""
ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:(\d{1,5}|\*))?")
"""An origin, or one of any port."""


class SettingsError(Exception):
    """A setting that stops the start; the message is one sentence."""


class Settings(TlsSettings, StoresSettings, LogInSettings, LimitsSettings):
    """Everything that can be set. Each field's description is its row in `docs/settings.md`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", populate_by_name=True)

    env: Literal["development", "production"] = Field(
        "development", description="`production` refuses embedded stores, demo accounts and introspection."
    )
    host: str = Field("127.0.0.1", description="The address the server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="The port the server listens on.")
    data_dir: Path = Field(Path(".data"), description="The folder of the embedded stores, logs and `server.pid`.")
    public_url: str | None = Field(None, description="How browsers reach the server; begins the links it signs.")
    secret: SecretStr | None = Field(
        None,
        min_length=SHORTEST_SECRET,
        description="Signs tokens, cursors and links, closes learners' keys; 32 characters or more. Development makes "
        "one in the data folder.",
    )
    secret_before: SecretStr | None = Field(
        None,
        min_length=SHORTEST_SECRET,
        description="The secret that `STUDYGRAPH_SECRET` has replaced, until learners' keys are wrapped anew.",
    )
    execution: Literal["compiled", "graphql-core"] = Field(
        "compiled", description="Who runs operations: compiled plans, or graphql-core object by object."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")
    workers: int = Field(
        1, ge=1, le=64, description="How many processes answer; more than one needs real stores throughout."
    )
    receive_seconds: int = Field(
        10, ge=1, le=300, description="How long a client may take to send a whole request, in seconds."
    )
    keep_alive_seconds: int = Field(
        12,
        ge=1,
        le=600,
        description="How long a connection stays open without a request, in seconds; longer than your proxy's.",
    )
    operations_at_once: int = Field(
        200, ge=1, le=10_000, description="How many operations one worker runs at once; more wait a moment."
    )
    operations_waiting: int = Field(
        200, ge=0, le=10_000, description="How many may wait; one more is answered 503 `OVERLOADED`."
    )
    sockets_at_once: int = Field(
        1_000, ge=0, le=100_000, description="How many sockets and event streams one worker holds open."
    )
    socket_init_seconds: float = Field(
        5, ge=0.1, le=60, description="How long a WebSocket may be open before its `connection_init`, in seconds."
    )
    sockets_per_user: int = Field(
        20, ge=1, le=10_000, description="How many sockets and event streams an account holds open at one worker."
    )
    subscriptions_per_socket: int = Field(
        20, ge=1, le=10_000, description="How many operations one socket carries at a time."
    )
    batch_limit: int = Field(
        10, ge=0, le=100, description="How many operations one request may hold as an array; 0: none."
    )
    http_spec: Literal["2025", "2026"] = Field(
        "2025", description="The edition of GraphQL over HTTP whose statuses answers have."
    )
    allowed_origins: str | None = Field(
        None,
        description="Whose pages may ask, as `https://app.school.org`, separated by commas; unset: in development "
        "`http://localhost:*` and `http://127.0.0.1:*`, in production our own pages alone.",
    )
    metrics_token: SecretStr | None = Field(
        None, description="The bearer token that `/metrics` asks for; unset: whoever reaches the path may read it."
    )
    documents: Literal["any", "known"] = Field(
        "any", description="Which documents are answered: `any`, or those alone that a manifest knows."
    )
    manifests: str | None = Field(
        None, description="Manifest files of persisted documents, ours, Relay's or Apollo's, separated by commas."
    )
    store_deadline_ms: int = Field(
        400, ge=50, le=60_000, description="How long one read of a store may take, in milliseconds."
    )
    operation_deadline_ms: int = Field(
        5_000,
        ge=100,
        le=600_000,
        description="How long one operation, or one event of a stream, may take, in milliseconds; fields that are not "
        "there by then are null.",
    )
    token_keys_dir: Path | None = Field(
        None,
        description="A folder of PEM files that sign and check tokens: the last by name signs; unset: the secret does.",
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="Who takes letters: `smtps://user:password@host` or `smtp://` with STARTTLS; unset: in development "
        "the folder `mail` of the data folder, in production none leave.",
    )
    mail_from: str = Field("StudyGraph <no-reply@localhost>", description="Who letters say they are from.")
    reset_url: str | None = Field(
        None, description="The page where a forgotten password is changed; letters add `#token=...` to it."
    )
    sessions_when_down: Literal["grace", "refuse"] = Field(
        "grace",
        description="While Redis is down: may a session that was seen alive within a minute go on reading (`grace`), "
        "or nobody (`refuse`).",
    )
    demo: bool = Field(False, description="Whether the demo school is written at the first start; development only.")
    demo_size: int = Field(
        1, ge=1, le=10, description="How large that school is: 1 to 10; the largest has a teacher of fifty classrooms."
    )
    demo_now: AwareDatetime | None = Field(
        None, description="The moment that school's dates are relative to, with offset; unset: its first start."
    )
    explorer: bool | None = Field(
        None, description="Whether browsers get the explorer at `/graphql`; unset: in development alone."
    )

    @field_validator(*SCHEMES)
    @classmethod
    def _has_scheme(cls, value: Any, info: ValidationInfo) -> Any:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        schemes = SCHEMES[str(info.field_name)]
        if text and not any(text.startswith(scheme) and len(text) > len(scheme) for scheme in schemes):
            raise ValueError(f"must begin with {' or '.join(schemes)}")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: str | None) -> str | None:
        for each in filter(None, map(str.strip, (value or "").split(","))):
            if ORIGIN.fullmatch(each) is None:
                raise ValueError(f"holds {each!r}, which is no origin: write https://host or http://host:port")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line, then the environment, then the files that `NAME_FILE` names."""
        return init_settings, env_settings, SecretFiles(settings_cls)

    @property
    def production(self) -> bool:
        """Whether this is the real thing."""
        return self.env == "production"

    @property
    def shows_explorer(self) -> bool:
        """Whether browsers get a page."""
        return not self.production if self.explorer is None else self.explorer

    @property
    def origins(self) -> tuple[str, ...]:
        """Whose pages may ask, beside our own."""
        if self.allowed_origins is None:
            return () if self.production else DEVELOPMENT_ORIGINS
        return tuple(filter(None, map(str.strip, self.allowed_origins.split(","))))

    @property
    def base_url(self) -> str:
        """How browsers reach the server."""
        # Whoever listens on every address is reached by the loopback from here; from elsewhere, public_url says how.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        bracketed = f"[{host}]" if ":" in host else host
        return (self.public_url or f"http://{bracketed}:{self.port}").rstrip("/")


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets that stand in files: `NAME_FILE` names one."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The file's text without surrounding white space, None where no file is named."""
        variable = environment_name(field_name)
        path = os.environ.get(f"{variable}_FILE")
        if variable not in SECRETS or not path:
            return None, field_name, False
        if os.environ.get(variable):
            raise SettingsError(f"{variable} and {variable}_FILE are both set: keep one.")
        try:
            secret = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{variable}_FILE names {path}, which cannot be read: {error.strerror}.") from None
        except UnicodeError:
            raise SettingsError(f"{variable}_FILE names {path}, which is not text in UTF-8.") from None
        if not secret:
            raise SettingsError(f"{variable}_FILE names {path}, which is empty.")
        return secret, field_name, False

    def __call__(self) -> dict[str, Any]:
        """All secrets that are in files."""
        found = {name: self.get_field_value(field, name)[0] for name, field in Settings.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def environment_name(name: str) -> str:
    """The environment variable of a field."""
    alias = Settings.model_fields[name].validation_alias
    return str(alias) if alias else PREFIX + name.upper()


SECRETS = frozenset(
    environment_name(name) for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)
)


def load(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` are field names from the command line. Raises SettingsError."""
    _refuse_unknown_names()
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else ""
        variable = environment_name(where) if where in Settings.model_fields else where
        # The value itself is not repeated: it may be a secret.
        raise SettingsError(f"{variable} {_complaint(first)}.") from None
    return _checked(settings)


def _refuse_unknown_names() -> None:
    known = {environment_name(name) for name in Settings.model_fields} | {f"{secret}_FILE" for secret in SECRETS}
    for name in os.environ:
        if not name.upper().startswith(PREFIX) or name.upper() in known:
            continue
        # STUDYGRAPH_REDIS_URL, STUDYGRAPH_PORT_FILE: likely slips, and farther away than other names are.
        slips = [name.upper().removeprefix(PREFIX), name.upper().removesuffix("_FILE")]
        near = [slip for slip in slips if slip in known]
        near += difflib.get_close_matches(name.upper(), known, 1, cutoff=0.75)
        raise SettingsError(f"There is no setting {name}." + (f" Did you mean {near[0]}?" if near else ""))


def _complaint(error: ErrorDetails) -> str:
    """What is wrong with a value, in our words where pydantic's are about Python."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "too_short":
            return f"must have at least {limits['min_length']} characters"
        case "int_parsing" | "int_type" | "int_from_float":
            return "must be a whole number"
        case "bool_parsing" | "bool_type":
            return "must be true or false"
        case "greater_than_equal":
            return f"must be {limits['ge']} or more"
        case "less_than_equal":
            return f"must be {limits['le']} or less"
        case "literal_error":
            return f"must be {limits['expected']}"
        case "datetime_parsing" | "datetime_from_date_parsing" | "timezone_aware" | "datetime_type":
            return "must be a moment with its offset, as 2026-11-21T09:00:00Z"
        case "value_error":
            return str(limits["error"])
    return f"has a bad value: {error['msg'][0].lower()}{error['msg'][1:]}"


def _checked(settings: Settings) -> Settings:
    if settings.token_keys_dir is not None:
        # Imported where it is needed: most starts sign with the secret.
        from resolvers.signing_keys import KeysUnusable, of_folder

        try:
            of_folder(settings.token_keys_dir)
        except KeysUnusable as error:
            raise SettingsError(f"STUDYGRAPH_TOKEN_KEYS_DIR: {error}") from None
    for prefix, address in TLS_PREFIXES.items():
        for kind in ("ca", "cert", "key"):
            name = f"{prefix}_tls_{kind}_file"
            if getattr(settings, name) and not getattr(settings, address):
                raise SettingsError(f"{environment_name(name)} is set without {environment_name(address)}.")
    for one, other in PAIRS:
        if (getattr(settings, one) is None) != (getattr(settings, other) is None):
            alone, missing = (other, one) if getattr(settings, one) is None else (one, other)
            raise SettingsError(f"{environment_name(alone)} is set without {environment_name(missing)}.")
    if not settings.production:
        return settings
    if settings.secret is None:
        raise SettingsError("STUDYGRAPH_SECRET must be set in production (or STUDYGRAPH_SECRET_FILE).")
    if settings.demo:
        raise SettingsError("STUDYGRAPH_DEMO is for development: its accounts have a public password.")
    unset = [environment_name(name) for name in ADDRESSES if not getattr(settings, name)]
    if unset:
        raise SettingsError(f"In production each store is a real server: set {', '.join(unset)}.")
    return settings

"""What can be done from a shell? Serve, migrate, make an administrator, verify the audit log, print the schema, name
the demo's people."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from graph.progress import StartProgress
from graph.settings import Settings, SettingsError, load

app = typer.Typer(
    name="studygraph", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)


def run() -> None:
    """The entry point."""
    app()


@app.callback()
def main() -> None:
    """StudyGraph: one GraphQL schema over all the datastores of a learning platform."""


def _stop(sentence: str, code: int = 2) -> NoReturn:
    print(f"studygraph: {sentence}", file=sys.stderr)  # noqa: T201 - the command line speaks by printing
    raise typer.Exit(code)


def _settings(**overrides: object) -> Settings:
    try:
        return load(**overrides)
    except SettingsError as error:
        _stop(str(error))


def _run_on_stores(what: str, settings: Settings, *more: object) -> None:
    """Run a function of `graph.serving`; importing that takes a second or two, with something to look at."""
    with StartProgress() as progress:
        progress.step("loading the program")
        try:
            serving = import_module("graph.serving")
        except ModuleNotFoundError as missing:
            sentence = f"The module {missing.name} is not installed: `make run` installs what is needed."
        else:
            sentence = getattr(serving, what)(settings, progress, *more)
    if sentence is not None:
        _stop(sentence, 1)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; STUDYGRAPH_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; STUDYGRAPH_PORT.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder; STUDYGRAPH_DATA_DIR.")] = None,
    demo: Annotated[bool | None, typer.Option("--demo", help="Write the demo school at the first start.")] = None,
    size: Annotated[int | None, typer.Option(help="How large that school is, 1 to 10; STUDYGRAPH_DEMO_SIZE.")] = None,
    now: Annotated[
        str | None,
        typer.Option(help="The moment its dates are relative to, as 2026-11-21T09:00:00Z; STUDYGRAPH_DEMO_NOW."),
    ] = None,
) -> None:
    """Open the stores, migrate, and answer at /graphql until SIGINT or SIGTERM."""
    settings = _settings(host=host, port=port, data_dir=data, demo=demo, demo_size=size, demo_now=now)
    _run_on_stores("serve_until_stopped", settings)


@app.command()
def migrate(
    data: Annotated[Path | None, typer.Option(help="Data folder; STUDYGRAPH_DATA_DIR.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing: say store by store what is pending; 1 if anything is.")
    ] = False,
) -> None:
    """Open the stores, bring their schemas up to date, and close them."""
    settings = _settings(data_dir=data)
    _run_on_stores("check_stores" if check else "migrate_stores", settings)


admin = typer.Typer(no_args_is_help=True, help="Administrators' accounts.")
app.add_typer(admin, name="admin")


@admin.callback()
def administrators() -> None:
    """Administrators' accounts."""


@admin.command()
def create(
    email: Annotated[str, typer.Option(prompt="E-mail address", help="The address to log in with.")],
    name: Annotated[str | None, typer.Option(help="How others see the person.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder; STUDYGRAPH_DATA_DIR.")] = None,
) -> None:
    """Make an administrator's account, the first one or another. The password is asked for, or is a line of stdin."""
    settings = _settings(data_dir=data)
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    _run_on_stores("create_admin", settings, email, password, name)


audit = typer.Typer(no_args_is_help=True, help="The audit log: who read or changed whose records.")
app.add_typer(audit, name="audit")


@audit.callback()
def audit_log() -> None:
    """The audit log: who read or changed whose records."""


@audit.command()
def verify(data: Annotated[Path | None, typer.Option(help="Data folder; STUDYGRAPH_DATA_DIR.")] = None) -> None:
    """Say whether the audit log is as it was written: 0 where it is, 1 with what is broken where not."""
    _run_on_stores("verify_audit", _settings(data_dir=data))


@app.command()
def schema() -> None:
    """Print the schema definition, as `schema.graphql` holds it."""
    from graph.schema import sdl

    sys.stdout.write(sdl())


@app.command()
def documents(
    files: Annotated[list[Path], typer.Argument(help="Files, or folders of .graphql files.")],
) -> None:
    """Print the manifest of all operations in these files: what STUDYGRAPH_MANIFESTS names, and clients ask by id."""
    from graph.manifests import ManifestError, made
    from graph.schema import graphql_schema

    try:
        sys.stdout.write(made(graphql_schema(), files).decode())
    except ManifestError as error:
        _stop(str(error), 1)


@app.command()
def demo(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    size: Annotated[int | None, typer.Option(help="How large the school is, 1 to 10; STUDYGRAPH_DEMO_SIZE.")] = None,
) -> None:
    """Name the demo school's accounts and records."""
    settings = _settings(demo_size=size)
    import orjson

    from graph.explorer.tabs import demo_hints

    hints = demo_hints(settings.demo_size)
    if as_json:
        shape = {"accounts": hints.accounts, "ids": hints.ids}
        sys.stdout.write(orjson.dumps(shape, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    for name, email in hints.accounts.items():
        sys.stdout.write(f"{name:10} {email:32} {hints.password}\n")
    for name, identity in hints.ids.items():
        sys.stdout.write(f"{name:20} {identity}\n")

"""Commands for developers of bridges: create a folder, run the simulator, check the bridge, record real answers."""

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import typer
from pydantic import SecretStr

from connector_kit.bridge import InvalidBridgeError
from connector_kit.docs_generator import describe
from connector_kit.folder import RELEASED, BridgeFolder, read_folder
from connector_kit.scenarios import InvalidScenarioError

commands = typer.Typer(
    help="Build and check bridges to registers: new, verify, simulate, record, docs, upgrade.\n\n"
    "A bridge is a folder: bridge.toml declares the register's operations and limits, adapter.py translates messages, "
    "models.py holds the models of questions and answers, scenarios/ holds recorded answers. "
    "Start with 'wanderamt bridge new NAME --openapi FILE', then 'wanderamt bridge verify NAME'.",
    no_args_is_help=True,
)
Folder = Annotated[Path, typer.Argument(help="Folder of the bridge, or the name of an installed bridge.")]


def open_folder(folder: Path) -> BridgeFolder:
    """A name means the folder of an installed bridge."""
    path = folder if (folder / "bridge.toml").exists() else _installed(folder)
    try:
        return read_folder(path)
    except (InvalidBridgeError, InvalidScenarioError) as error:
        _stop(str(error))


def _installed(name: Path) -> Path:
    from importlib.metadata import entry_points

    for point in entry_points(group="wanderamt.bridges"):
        for root in point.load().__path__:
            if (Path(root) / name / "bridge.toml").exists():
                return Path(root) / name
    return name


def _stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)


@commands.command("verify")
def verify(
    folder: Folder,
    release: Annotated[  # noqa: FBT002
        bool, typer.Option("--release", help="If it passes, store its contract in released.json.")
    ] = False,
    mutants: Annotated[  # noqa: FBT002
        bool, typer.Option("--mutants", help="Also show that each check rejects a bridge that was broken for it.")
    ] = False,
) -> None:
    """Check a bridge: 22 checks, without a network, in a few seconds."""
    bridge = open_folder(folder)
    if release:
        (bridge.path / RELEASED).unlink(missing_ok=True)
    started = time.perf_counter()
    failed = _run_checks(bridge)
    typer.echo(f"{bridge.manifest.id}: {'FAILED' if failed else 'passes'}, {time.perf_counter() - started:.1f} s")
    if mutants:
        failed = _show_mutants() or failed
    if failed:
        raise typer.Exit(1)
    if release:
        (bridge.path / RELEASED).write_text(
            json.dumps(bridge.published_contract(), indent=2, ensure_ascii=False) + "\n", "utf-8"
        )
        typer.echo(f"The contract is in {RELEASED}: commit it.")


def _run_checks(bridge: BridgeFolder) -> bool:
    try:
        import pytest

        from connector_kit.conformance import suite
    except ImportError as error:
        _stop(f"install wanderamt-connector-kit[verify]: {error}")

    root = Path(suite.__file__).parent
    plugins = ("-p", "connector_kit.conformance.plugin", "-p", "no:cacheprovider", "-c", str(root / "pytest.ini"))
    options = ("--rootdir", str(root), "--bridge", str(bridge.path), "-v", "--no-header", str(root / "suite.py"))
    return bool(pytest.main([*plugins, *options]))


def _show_mutants() -> bool:
    from connector_kit.conformance.checks import CHECKS
    from connector_kit.conformance.mutants import MUTANTS
    from connector_kit.conformance.subject import CheckFailedError

    survived = False
    for mutant in MUTANTS:
        try:
            CHECKS[mutant.number - 1].run(mutant.make())
            survived = True
            typer.echo(f"{mutant.number:2} SURVIVED: {mutant.description}")
        except CheckFailedError as failure:
            typer.echo(f"{mutant.number:2} rejected: {mutant.description} ({failure})")
    return survived


@commands.command("simulate")
def simulate(
    folder: Folder,
    port: Annotated[
        int, typer.Option(help="HTTP port; for a register that exchanges files, the port of its faults.")
    ] = 9000,
    sftp_port: Annotated[int, typer.Option(help="SFTP port, for a register that exchanges files.")] = 9022,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Fault to set: NAME=VALUE, such as latency_s=5. Repeatable.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Folder with host_key and client_key.pub, for SFTP. Default: new keys.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="Seed of the random faults: the same seed fails the same calls.")] = 1,
) -> None:
    """Run the register's simulator. If it runs already on that port, show its state, or change its faults with
    --set."""
    try:
        from connector_kit.testing.simulator_server import parse_faults, serve

        faults = parse_faults(set_ or [])
    except ImportError as error:
        _stop(str(error))
    except ValueError as error:
        _stop(str(error))
    url = f"http://{host}:{port}/_simulator"
    try:
        response = httpx.post(url, json=faults, timeout=5) if faults else httpx.get(url, timeout=5)
    except httpx.ConnectError:
        bridge = open_folder(folder)
        asyncio.run(serve(bridge, host, port, sftp_port=sftp_port, keys=keys, faults=faults, seed=seed, say=typer.echo))
        return
    if response.status_code == 422:
        _stop(str(response.json()["error"]))
    for name, value in response.json().items():
        typer.echo(f"{name}: {value}")


@commands.command("record")
def record(
    folder: Folder,
    operation: Annotated[str, typer.Argument(help="Name of the operation.")],
    question: Annotated[str, typer.Argument(help="The question as JSON: about a test person in the register.")],
    url: Annotated[str, typer.Option(help="Address of the register.")],
    name: Annotated[str, typer.Option(help="Name of the scenario; its file is scenarios/NAME.json.")],
    secret: Annotated[list[str] | None, typer.Option(help="NAME=FILE with a secret. Repeatable.")] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Text of the answer to keep, not personal data, such as CONFIRMED. Repeatable."),
    ] = None,
) -> None:
    """Call a register once and store its answer as a scenario, with all other texts and numbers redacted."""
    from connector_kit.testing.recording import RecordingError, record_scenario

    bridge = open_folder(folder)
    secrets = {
        secret_name: SecretStr(Path(file).read_text("utf-8").strip())
        for secret_name, _, file in (option.partition("=") for option in secret or [])
    }
    try:
        outcome, scenario = asyncio.run(
            record_scenario(bridge, operation, question, url=url, name=name, secrets=secrets, keep=keep or [])
        )
    except RecordingError as error:
        _stop(str(error))
    file = bridge.path / "scenarios" / f"{name}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(scenario, indent=2, ensure_ascii=False) + "\n", "utf-8")
    typer.echo(f"{file}: {outcome}. Review it before you commit it.")


@commands.command("docs")
def docs(folder: Folder) -> None:
    """Print the bridge's documentation in Markdown, for the owner of the register and for operators."""
    typer.echo(describe(open_folder(folder)))


@commands.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Name of the register, such as libraries.")],
    openapi: Annotated[Path | None, typer.Option(help="OpenAPI 3 file of a REST register.", exists=True)] = None,
    wsdl: Annotated[
        Path | None, typer.Option(help="WSDL of a SOAP register, with its schemas in the same folder.", exists=True)
    ] = None,
    sftp: Annotated[
        Path | None, typer.Option(help="layout.toml of a register that exchanges files.", exists=True)
    ] = None,
    operation: Annotated[
        list[str] | None, typer.Option(help="Operation id in the OpenAPI file. Repeatable. Default: all.")
    ] = None,
    into: Annotated[Path, typer.Option(help="Where to create the folder.", exists=True, file_okay=False)] = Path(),
    owner: Annotated[str, typer.Option(help="Whom to call when the register fails.")] = "unknown owner",
) -> None:
    """Create the folder of a new bridge from a description of its register."""
    plan: Any
    try:
        from connector_kit.scaffold.layout import plan_from_layout
        from connector_kit.scaffold.new import make, plan_from_openapi
        from connector_kit.scaffold.openapi import InvalidDescriptionError, read_openapi

        if wsdl:
            from connector_kit.scaffold.wsdl import plan_from_wsdl
    except ImportError as error:
        _stop(f"install wanderamt-connector-kit[new,soap]: {error}")
    try:
        if openapi:
            plan = plan_from_openapi(name, owner, read_openapi(openapi, operation or []))
        elif wsdl:
            plan = plan_from_wsdl(name, owner, wsdl)
        elif sftp:
            plan = plan_from_layout(name, owner, sftp)
        else:
            _stop("give a description of the register: --openapi FILE, --wsdl FILE or --sftp layout.toml")
        target = make(plan, into)
    except (InvalidDescriptionError, FileExistsError) as error:
        _stop(str(error))
    typer.echo(f"Created {target}. Next steps:")
    typer.echo(f"  1. edit {target}/bridge.toml: limits, purposes and idempotency, as the register's owner confirms")
    typer.echo(f"  2. wanderamt bridge verify {target}")
    typer.echo(f"  3. wanderamt bridge simulate {target}; wanderamt bridge record {target} … against the real register")


@commands.command("upgrade")
def upgrade(folder: Folder) -> None:
    """Update generated files to this version of the kit. Files you changed stay; the new text is written to
    NAME.new."""
    from connector_kit.scaffold.new import upgrade as renew

    try:
        renewed, kept = renew(open_folder(folder).path)
    except FileNotFoundError:
        _stop(f"{folder} was not created by 'wanderamt bridge new': nothing to update")
    for name in renewed:
        typer.echo(f"{name}: updated")
    for name in kept:
        typer.echo(f"{name}: you changed it, so it stays; compare it with {name}.new")
    if not renewed and not kept:
        typer.echo("everything is up to date")

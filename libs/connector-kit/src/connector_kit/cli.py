"""Commands for whoever builds a bridge: make its folder, run its simulator, check it, record what a register says."""

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import typer
from pydantic import SecretStr

from connector_kit.bridge import BrokenBridge
from connector_kit.described import describe
from connector_kit.folder import RELEASED, BridgeFolder, read_folder
from connector_kit.scenarios import BadScenario

commands = typer.Typer(
    help="Bridges to registers: new, sim, verify, record, docs, upgrade.\n\n"
    "A bridge is a folder: bridge.toml says what the register bears, adapter.py translates, models.py and scenarios/ "
    "say what is asked and answered. Begin with 'wanderamt bridge new NAME --openapi FILE', then 'verify' it.",
    no_args_is_help=True,
)
Folder = Annotated[Path, typer.Argument(help="Folder of the bridge, or the name of one that is installed.")]


def opened(folder: Path) -> BridgeFolder:
    """Names stand for folders beside the bridges that are installed."""
    path = folder if (folder / "bridge.toml").exists() else _installed(folder)
    try:
        return read_folder(path)
    except (BrokenBridge, BadScenario) as error:
        _stop(str(error))


def _installed(name: Path) -> Path:
    from importlib.metadata import entry_points  # noqa: PLC0415 -- asked for names alone

    for point in entry_points(group="wanderamt.bridges"):
        for root in point.load().__path__:
            if (Path(root) / name / "bridge.toml").exists():
                return Path(root) / name
    return name


def _stop(what: str) -> NoReturn:
    typer.echo(what, err=True)
    raise typer.Exit(2)


@commands.command("verify")
def verify(
    folder: Folder,
    release: Annotated[  # noqa: FBT002
        bool, typer.Option("--release", help="When it passes, write down what it promises from now on.")
    ] = False,
    mutants: Annotated[  # noqa: FBT002
        bool, typer.Option("--mutants", help="Show as well that each check rejects the bridge that was broken for it.")
    ] = False,
) -> None:
    """Check a bridge: twenty checks, no network, some seconds."""
    bridge = opened(folder)
    if release:
        (bridge.path / RELEASED).unlink(missing_ok=True)
    begun = time.perf_counter()
    failed = _run_checks(bridge)
    typer.echo(f"{bridge.manifest.id}: {'FAILED' if failed else 'passes'}, {time.perf_counter() - begun:.1f} s")
    if mutants:
        failed = _show_mutants() or failed
    if failed:
        raise typer.Exit(1)
    if release:
        (bridge.path / RELEASED).write_text(json.dumps(bridge.promise(), indent=2, ensure_ascii=False) + "\n", "utf-8")
        typer.echo(f"what it promises stands in {RELEASED}: commit it")


def _run_checks(bridge: BridgeFolder) -> bool:
    import pytest  # noqa: PLC0415 -- comes with the extra `verify`, services do not have it

    from connector_kit.conformance import suite  # noqa: PLC0415

    here = Path(suite.__file__).parent
    return bool(
        pytest.main(
            [
                *("-p", "connector_kit.conformance.plugin", "-p", "no:cacheprovider", "-c", str(here / "pytest.ini")),
                *("--rootdir", str(here), "--bridge", str(bridge.path), "-v", "--no-header", str(here / "suite.py")),
            ]
        )
    )


def _show_mutants() -> bool:
    from connector_kit.conformance.candidate import CheckFailed  # noqa: PLC0415
    from connector_kit.conformance.checks import CHECKS  # noqa: PLC0415
    from connector_kit.conformance.mutants import MUTANTS  # noqa: PLC0415

    survived = False
    for mutant in MUTANTS:
        try:
            CHECKS[mutant.number - 1].run(mutant.bend())
            survived = True
            typer.echo(f"{mutant.number:2} SURVIVED: {mutant.what}")
        except CheckFailed as failure:
            typer.echo(f"{mutant.number:2} rejected: {mutant.what} ({failure})")
    return survived


@commands.command("sim")
def sim(
    folder: Folder,
    port: Annotated[int, typer.Option(help="Port to listen on; of its knobs, for a register of files.")] = 9000,
    sftp_port: Annotated[int, typer.Option(help="Port of SFTP, for a register of files.")] = 9022,
    set_: Annotated[list[str] | None, typer.Option("--set", help="KNOB=VALUE; repeat for more.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Folder of host_key and client_key.pub, for SFTP. Without: new ones.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="Of its chance: the same seed fails the same calls.")] = 1,
) -> None:
    """Run the register's simulator. Does one listen there already? Then its knobs are turned, while it runs."""
    from connector_kit.simulating import knobs_of, serve  # noqa: PLC0415

    try:
        knobs = knobs_of(set_ or [])
    except ValueError as error:
        _stop(str(error))
    url = f"http://{host}:{port}/_simulator"
    try:
        told = httpx.post(url, json=knobs, timeout=5) if knobs else httpx.get(url, timeout=5)
    except httpx.ConnectError:
        asyncio.run(
            serve(opened(folder), host, port, sftp_port=sftp_port, keys=keys, knobs=knobs, seed=seed, say=typer.echo)
        )
        return
    if told.status_code == 422:
        _stop(str(told.json()["wrong"]))
    for name, value in told.json().items():
        typer.echo(f"{name}: {value}")


@commands.command("record")
def record(
    folder: Folder,
    operation: Annotated[str, typer.Argument(help="Name of the operation.")],
    question: Annotated[str, typer.Argument(help="The question as JSON: of an invented person the register knows.")],
    url: Annotated[str, typer.Option(help="Address of the register.")],
    name: Annotated[str, typer.Option(help="Name of the scenario; its file is scenarios/NAME.json.")],
    secret: Annotated[list[str] | None, typer.Option(help="NAME=FILE that holds a secret; repeat for more.")] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="Text of the answer that is no datum of a person, such as CONFIRMED.")
    ] = None,
) -> None:
    """Ask a register once and keep its answer as a scenario, with every other text and number blotted out."""
    from connector_kit.recording import NotRecorded, record_one  # noqa: PLC0415

    bridge = opened(folder)
    secrets = {
        mine: SecretStr(Path(file).read_text("utf-8").strip())
        for mine, _, file in (one.partition("=") for one in secret or [])
    }
    try:
        verdict, scenario = asyncio.run(
            record_one(bridge, operation, question, url=url, name=name, secrets=secrets, keep=keep or [])
        )
    except NotRecorded as error:
        _stop(str(error))
    file = bridge.path / "scenarios" / f"{name}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(scenario, indent=2, ensure_ascii=False) + "\n", "utf-8")
    typer.echo(f"{file}: {verdict}. Look at it before you commit it.")


@commands.command("docs")
def docs(folder: Folder) -> None:
    """Say what a bridge does, in Markdown: for the owner of the register, and for the crew."""
    typer.echo(describe(opened(folder)))


@commands.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Name of the register, such as libraries.")],
    openapi: Annotated[Path | None, typer.Option(help="OpenAPI 3 file of a REST register.", exists=True)] = None,
    wsdl: Annotated[
        Path | None, typer.Option(help="WSDL of a SOAP register; its schemas beside it.", exists=True)
    ] = None,
    sftp: Annotated[Path | None, typer.Option(help="layout.toml of a register of files.", exists=True)] = None,
    operation: Annotated[
        list[str] | None, typer.Option(help="Operation id of the OpenAPI file; repeat. Without: all.")
    ] = None,
    into: Annotated[Path, typer.Option(help="Where the folder is made.", exists=True, file_okay=False)] = Path(),
    owner: Annotated[
        str, typer.Option(help="Who is called when the register breaks.")
    ] = "who is called when it breaks",
) -> None:
    """Make the folder of a new bridge from what describes its register."""
    plan: Any
    try:
        from connector_kit.scaffold import layout  # noqa: PLC0415 -- extra `new`
        from connector_kit.scaffold import wsdl as wsdls  # noqa: PLC0415
        from connector_kit.scaffold.new import make, of_openapi  # noqa: PLC0415
        from connector_kit.scaffold.openapi import BadDescription, read_openapi  # noqa: PLC0415
    except ImportError as error:
        _stop(f"install wanderamt-connector-kit[new] first: {error}")
    try:
        if openapi:
            plan = of_openapi(name, owner, read_openapi(openapi, operation or []))
        elif wsdl:
            plan = wsdls.of_wsdl(name, owner, wsdl)
        elif sftp:
            plan = layout.of_layout(name, owner, sftp)
        else:
            _stop("say what describes the register: --openapi FILE, --wsdl FILE or --sftp layout.toml")
        target = make(plan, into)
    except (BadDescription, FileExistsError) as error:
        _stop(str(error))
    typer.echo(f"{target} is made. Next:")
    typer.echo(f"  1. {target}/bridge.toml: limits, purposes, effects, as the register's owner says")
    typer.echo(f"  2. wanderamt bridge verify {target}")
    typer.echo(f"  3. wanderamt bridge sim {target}, wanderamt bridge record {target} … against the real one")


@commands.command("upgrade")
def upgrade(folder: Folder) -> None:
    """Bring what was made by 'new' up to this kit. What you changed stays; the new text lies beside it as NAME.new."""
    from connector_kit.scaffold.new import upgrade as renew  # noqa: PLC0415 -- extra `new`

    try:
        renewed, kept = renew(opened(folder).path)
    except FileNotFoundError:
        _stop(f"{folder} was not made by 'wanderamt bridge new': there is nothing to bring up to date")
    for one in renewed:
        typer.echo(f"{one}: made anew")
    for one in kept:
        typer.echo(f"{one}: yours, left alone; compare it with {one}.new")
    if not renewed and not kept:
        typer.echo("nothing has changed")

"""What a bridge does, in Markdown."""

from connector_kit.folder import BridgeFolder
from connector_kit.manifest import Effect, Kind, Manifest, Operation

EFFECTS = {
    Effect.NATURAL: "repeated when in doubt: twice is like once",
    Effect.KEY: "repeated when in doubt: the register knows our id again",
    Effect.PROBE: "looked up when in doubt, before anything is repeated",
    Effect.UNSAFE: "never repeated: what is in doubt waits for a human",
}


def describe(folder: BridgeFolder) -> str:
    manifest = folder.manifest
    parts = [f"# {manifest.id}", f"Owner: {manifest.owner}. Transport: {manifest.transport}.", _limits(manifest)]
    parts += [_operation(folder, name, one) for name, one in manifest.operations.items()]
    rows = [
        f"| {one.name} | {one.operation} | {one.expect.verdict} | {one.expect.code or ''} |" for one in folder.scenarios
    ]
    parts.append(
        "\n".join(["## Scenarios", "| name | operation | verdict | code |", "| --- | --- | --- | --- |", *rows])
    )
    return "\n\n".join(parts)


def _limits(manifest: Manifest) -> str:
    limits, breaker = manifest.limits, manifest.breaker
    quota = f", {limits.daily_quota} a day" if limits.daily_quota else ""
    closed = [f"{', '.join(one.days)} {one.begins:%H:%M}-{one.ends:%H:%M}" for one in manifest.maintenance]
    return "\n".join(
        [
            "## What it bears",
            f"- at most {limits.rate_per_s:g} calls a second and {limits.concurrency} at the same time{quota}; "
            f"{limits.for_counter} of them are kept for the counter",
            f"- calls stop for {breaker.open_s:g} s and longer when {breaker.failure_share:.0%} of at least "
            f"{breaker.min_calls} within {breaker.window_s:g} s fail, or {breaker.slow_share:.0%} take longer than "
            f"{breaker.slow_after_s:g} s",
            *(f"- closed: {one}" for one in closed),
            *(f"- wants the secret `{one}`" for one in manifest.secrets),
        ]
    )


def _operation(folder: BridgeFolder, name: str, operation: Operation) -> str:
    fields = ", ".join(
        f"{field}{'' if about.is_required() else ' (optional)'}"
        for field, about in folder.models[operation.question].model_fields.items()
    )
    lines = [
        f"## {name} ({operation.kind})",
        f"- asks {operation.question}: {fields}",
        *([f"- answers {operation.answer}"] if operation.answer else []),
        f"- for: {', '.join(operation.purposes)}",
        f"- one call ends after {operation.timeout_s:g} s, the request after {operation.deadline_s / 3600:g} h",
    ]
    if operation.kind is not Kind.LOOKUP:
        lines.append(f"- {EFFECTS[operation.effect]}")
    if cache := operation.cache:
        lines.append(f"- answers are good for {cache.ttl_s:g} s, and while it is down for {cache.stale_if_down_s:g} s")
    return "\n".join(lines)

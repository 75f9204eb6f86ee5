"""Documentation of a bridge in Markdown, generated from its folder."""

from connector_kit.folder import BridgeFolder
from connector_kit.manifest.manifest import Manifest
from connector_kit.manifest.operation import Idempotency, Operation, OperationKind

IDEMPOTENCY_TEXTS = {
    Idempotency.NATURAL: "repeated when in doubt: executing twice equals executing once",
    Idempotency.BY_KEY: "repeated when in doubt: the register recognises our call id",
    Idempotency.BY_LOOKUP: "checked at the register when in doubt, before it is repeated",
    Idempotency.NONE: "never repeated: when in doubt, an operator decides",
}


def describe(folder: BridgeFolder) -> str:
    manifest = folder.manifest
    parts = [f"# {manifest.id}", f"Owner: {manifest.owner}. Transport: {manifest.transport}.", _limits(manifest)]
    parts += [_operation(folder, name, operation) for name, operation in manifest.operations.items()]
    rows = [
        f"| {scenario.name} | {scenario.operation} | {scenario.expect.outcome} | {scenario.expect.code or ''} |"
        for scenario in folder.scenarios
    ]
    parts.append(
        "\n".join(["## Scenarios", "| name | operation | outcome | code |", "| --- | --- | --- | --- |", *rows])
    )
    return "\n\n".join(parts)


def _limits(manifest: Manifest) -> str:
    limits, breaker = manifest.limits, manifest.breaker
    quota = f", {limits.daily_quota} per day" if limits.daily_quota else ""
    closed = [f"{', '.join(window.days)} {window.begins:%H:%M}-{window.ends:%H:%M}" for window in manifest.maintenance]
    return "\n".join(
        [
            "## Limits",
            f"- at most {limits.rate_per_s:g} calls per second and {limits.max_concurrent_calls} at the same time"
            f"{quota}; {limits.interactive_slots} of them are reserved for interactive lookups",
            f"- calls stop for {breaker.open_s:g} s and longer when {breaker.failure_share:.0%} of at least "
            f"{breaker.min_calls} within {breaker.window_s:g} s fail, or {breaker.slow_share:.0%} take longer than "
            f"{breaker.slow_after_s:g} s",
            *(f"- closed: {hours}" for hours in closed),
            *(f"- needs the secret `{name}`" for name in manifest.secrets),
        ]
    )


def _operation(folder: BridgeFolder, name: str, operation: Operation) -> str:
    fields = ", ".join(
        f"{field}{'' if info.is_required() else ' (optional)'}"
        for field, info in folder.models[operation.question].model_fields.items()
    )
    lines = [
        f"## {name} ({operation.kind})",
        f"- question {operation.question}: {fields}",
        *([f"- answer {operation.answer}"] if operation.answer else []),
        f"- legal grounds: {', '.join(operation.purposes)}",
        f"- timeout of one call: {operation.timeout_s:g} s; deadline of the request: {operation.deadline_s / 3600:g} h",
    ]
    if operation.kind is not OperationKind.LOOKUP:
        lines.append(f"- {IDEMPOTENCY_TEXTS[operation.idempotency]}")
    if cache := operation.cache:
        lines.append(
            f"- answers may be reused for {cache.ttl_s:g} s; while the register is down for {cache.stale_if_down_s:g} s"
        )
    return "\n".join(lines)

"""The pages /docs and /openapi.json of a service that runs with WANDERAMT_DOCUMENTATION.

Invariants: the page has no script and loads nothing, from here or from elsewhere; whatever the OpenAPI document holds
is shown as text. Without the setting both addresses do not exist.
"""

import json
import shlex
from collections.abc import Iterator
from html import escape
from string import Template
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse

from wanderamt.shell.web_forms import NOT_INDEXED, STRICT_CSP

METHODS: Final = ("get", "head", "post", "put", "patch", "delete")
PAGE: Final = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1rem auto; padding: 0 1rem }
summary { cursor: pointer; padding: .3rem 0 }
pre { background: #f3f3f3; padding: .6rem; overflow-x: auto; white-space: pre-wrap }
td { padding-right: 1rem; vertical-align: top }
b { display: inline-block; min-width: 4.5rem }
</style>
<h1>$title</h1>
<p>The routes of this service. <a href="openapi.json">openapi.json</a> is the same for programs. <code>$$TOKEN</code>
is an access token: <code>wanderamt token</code> signs one for a trial.</p>
$sections
</html>""")


def add_documentation(app: FastAPI) -> None:
    app.add_api_route("/openapi.json", show_openapi, include_in_schema=False)
    app.add_api_route("/docs", show_documentation, include_in_schema=False)


async def show_openapi(request: Request) -> JSONResponse:
    app: FastAPI = request.app
    return JSONResponse(app.openapi())


async def show_documentation(request: Request) -> HTMLResponse:
    app: FastAPI = request.app
    page = documentation_page(app.openapi(), address=f"http://{request.url.netloc}")
    return HTMLResponse(page, headers=NOT_INDEXED | {"Content-Security-Policy": STRICT_CSP})


def documentation_page(openapi: dict[str, Any], *, address: str) -> str:
    """`openapi`: an OpenAPI 3.1 document. `address`: of the service, for the commands that the page shows."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in openapi["paths"].items():
        for method in METHODS:
            if operation := operations.get(method):
                tag = operation.get("tags", ["other"])[0]
                by_tag.setdefault(tag, []).append(_operation(method, path, operation, address))
    sections = [f"<h2>{escape(tag)}</h2>{''.join(shown)}" for tag, shown in sorted(by_tag.items())]
    schemas = openapi.get("components", {}).get("schemas", {})
    shown = [_details(f'<code id="{escape(name)}">{escape(name)}</code>', _json(schemas[name])) for name in schemas]
    return PAGE.substitute(
        title=escape(openapi["info"]["title"]), sections="".join([*sections, "<h2>Schemas</h2>", *shown])
    )


def _operation(method: str, path: str, operation: dict[str, Any], address: str) -> str:
    body = next(iter(operation.get("requestBody", {}).get("content", {}).items()), None)
    parts = [f"<p>{escape(operation.get('description', ''))}</p>", _parameters(operation.get("parameters", []))]
    if body:
        parts.append(f"<p>Body, {escape(body[0])}:</p>{_json(body[1].get('schema', {}))}")
    answers = [
        f"<tr><td>{escape(status)}<td>{escape(answer.get('description', ''))}<td>{', '.join(_types(answer))}"
        for status, answer in operation.get("responses", {}).items()
    ]
    parts.append(f"<p>Answers:</p><table>{''.join(answers)}</table>")
    parts.append(f"<pre>{escape(_command(method, address + path, operation, body))}</pre>")
    return _details(f"<b>{method.upper()}</b> <code>{escape(path)}</code>", "".join(parts))


def _parameters(parameters: list[dict[str, Any]]) -> str:
    rows = [
        f"<tr><td><code>{escape(parameter['name'])}</code><td>{escape(parameter['in'])}"
        f"<td>{'required' if parameter.get('required') else ''}<td>{escape(_summary(parameter))}"
        for parameter in parameters
    ]
    return f"<p>Parameters:</p><table>{''.join(rows)}</table>" if rows else ""


def _summary(parameter: dict[str, Any]) -> str:
    schema = parameter.get("schema", {})
    return " ".join(filter(None, (str(schema.get("type", "")), parameter.get("description", ""))))


def _types(answer: dict[str, Any]) -> Iterator[str]:
    for media_type, content in answer.get("content", {}).items():
        name = str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
        link = f' <a href="#{escape(name)}">{escape(name)}</a>' if name else ""
        yield f"{escape(media_type)}{link}"


def _command(method: str, url: str, operation: dict[str, Any], body: tuple[str, dict[str, Any]] | None) -> str:
    """A command that calls the route, with the example of its body."""
    command = ["curl", "-X", method.upper(), shlex.quote(url)]
    if operation.get("security"):
        command.append('-H "Authorization: Bearer $TOKEN"')
    if body:
        example = body[1].get("example", {})
        text = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
        command += ["-H", shlex.quote(f"Content-Type: {body[0]}"), "-d", shlex.quote(text)]
    return " ".join(command)


def _json(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=1, ensure_ascii=False))}</pre>"


def _details(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>{content}</details>"

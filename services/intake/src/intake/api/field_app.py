"""Serves the crew's app as static files, pre-compressed, under a policy that allows only its own scripts."""

from importlib.resources import files
from mimetypes import guess_type
from os import PathLike, stat_result
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PATH = "/field"
NOT_BUILT = "The crew's app is not built here. Run 'make setup', then start the service again.\n"


class FieldAppFiles(StaticFiles):
    """Sends the `.gz` file beside a file to clients that accept gzip."""

    def __init__(self, folder: Path, *, issuer: str) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)
        self._folder = folder
        self._headers = {"Content-Security-Policy": _policy(issuer), "Permissions-Policy": PERMISSIONS}

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not (self._folder / "index.html").is_file():
            return PlainTextResponse(NOT_BUILT, 503)
        response = await super().get_response(path, scope)
        if isinstance(response, RedirectResponse):  # to the host that the caller names
            raise HTTPException(404)
        for name, value in self._headers.items():
            response.headers[name] = value
        immutable = path.startswith("assets/")  # their names change with their content
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if immutable else "no-cache"
        return response

    def file_response(
        self, full_path: "str | PathLike[str]", stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        compressed = Path(f"{full_path}.gz")
        if "gzip" not in Headers(scope=scope).get("accept-encoding", "") or not compressed.is_file():
            return super().file_response(full_path, stat_result, scope, status_code)
        response = super().file_response(compressed, compressed.stat(), scope, status_code)
        kind = guess_type(str(full_path))[0] or "application/octet-stream"
        response.headers["Content-Type"] = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        return response


def serve_field_app(http: FastAPI, folder: Path | None, *, issuer: str) -> None:
    """`issuer`: where clerks sign in; the only other origin that the app may call."""
    shipped = Path(str(files("intake.pages") / "field"))
    http.router.add_route(PATH, _to_the_app, include_in_schema=False)
    http.mount(PATH, FieldAppFiles(folder or shipped, issuer=issuer), name="field app")


async def _to_the_app(_: Request) -> Response:
    """A relative redirect, for people who type the address without its slash."""
    return Response(status_code=308, headers={"Location": f".{PATH}/"})


def _policy(issuer: str) -> str:
    sign_in_origin = "{0.scheme}://{0.netloc}".format(urlsplit(issuer)) if issuer else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "font-src 'self'",
            f"connect-src 'self' {sign_in_origin}".strip(),
            "manifest-src 'self'",
            "worker-src 'self'",
            "form-action 'none'",
        )
    )


PERMISSIONS = "camera=(self), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"

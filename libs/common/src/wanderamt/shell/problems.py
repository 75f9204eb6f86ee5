"""Refusals and errors as problem documents (RFC 9457), in this one place. No problem holds payload or personal data."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from wanderamt.backbone.database import TRANSIENT, UNSTORABLE
from wanderamt.kernel.refusal import Ground, Refusal

MEDIA_TYPE = "application/problem+json"
STATUS = {
    Ground.INVALID: 422,
    Ground.UNAUTHENTICATED: 401,
    Ground.FORBIDDEN: 403,
    Ground.NOT_FOUND: 404,
    Ground.CONFLICT: 409,
    Ground.TOO_LARGE: 413,
    Ground.BUSY: 503,
}

log = structlog.get_logger()


class Problem(BaseModel):
    """RFC 9457 with two members of ours: `code` is stable for programs, `hint` says what to do next."""

    type: str = Field(examples=["urn:wanderamt:problem:stand.unknown"])
    title: str
    status: int
    code: str = Field(examples=["stand.unknown"])
    hint: str
    errors: list[str] = Field(default=[], description="the fields that do not fit, without their values")


class Refused(Exception):
    """Carries a refusal out of a dependency, where a route cannot return it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def problem_of(refusal: Refusal, *, errors: list[str] | None = None) -> Problem:
    return Problem(
        type=f"urn:wanderamt:problem:{refusal.code}",
        title=refusal.code.replace(".", " ").replace("_", " "),
        status=STATUS[refusal.ground],
        code=refusal.code,
        hint=refusal.hint,
        errors=errors or [],
    )


def render_problem(refusal: Refusal, *, errors: list[str] | None = None) -> JSONResponse:
    problem = problem_of(refusal, errors=errors)
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
    return JSONResponse(problem.model_dump(), problem.status, headers=headers, media_type=MEDIA_TYPE)


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem document (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}


UNSTORABLE_TEXT = Refusal(
    "request.character", "A text holds a character that cannot be kept, such as NUL. Remove it and send again."
)


def install_problems(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def on_refused(_: Request, error: Refused) -> JSONResponse:
        return render_problem(error.refusal)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        fields = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        return render_problem(Refusal("request.invalid", "Correct the named fields and send again."), errors=fields)

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> JSONResponse:
        ground = {404: Ground.NOT_FOUND, 413: Ground.TOO_LARGE}.get(error.status_code, Ground.INVALID)
        response = render_problem(Refusal(f"http.{error.status_code}", str(error.detail), ground))
        response.status_code = error.status_code
        return response

    async def on_outage(request: Request, error: Exception) -> JSONResponse:
        log.warning("http.waits", path=request.url.path, error=type(error).__name__)
        hint = "The database does not answer. Nothing was saved; send the same again in a moment."
        return _render_failure("server.unavailable", 503, hint, {"Retry-After": "2"})

    for transient in TRANSIENT:
        app.add_exception_handler(transient, on_outage)

    async def on_unstorable(_: Request, __: Exception) -> JSONResponse:
        return render_problem(UNSTORABLE_TEXT)

    for unstorable in UNSTORABLE:
        app.add_exception_handler(unstorable, on_unstorable)

    @app.exception_handler(Exception)
    async def on_bug(request: Request, error: Exception) -> JSONResponse:
        log.exception("http.failed", path=request.url.path, error=type(error).__name__)
        hint = "The service failed. Nothing was saved; send the same again in a moment."
        return _render_failure("server.failed", 500, hint)


def _render_failure(code: str, status: int, hint: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """What is nobody's refusal: our own failure, or that of a machine."""
    body = Problem(
        type=f"urn:wanderamt:problem:{code}", title=code.replace(".", " "), status=status, code=code, hint=hint
    )
    return JSONResponse(body.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)

"""Turns refusals and errors into problem documents (RFC 9457). A problem never contains payload or personal data."""

from typing import Any, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from wanderamt.backbone.persistence.database import TRANSIENT_ERRORS, UNSTORABLE_TEXT_ERRORS
from wanderamt.kernel.refusal import Refusal, RefusalKind

MEDIA_TYPE = "application/problem+json"
STATUS = {
    RefusalKind.INVALID: 422,
    RefusalKind.UNAUTHENTICATED: 401,
    RefusalKind.FORBIDDEN: 403,
    RefusalKind.NOT_FOUND: 404,
    RefusalKind.CONFLICT: 409,
    RefusalKind.TOO_LARGE: 413,
    RefusalKind.BUSY: 503,
}

T = TypeVar("T")

log = structlog.get_logger()


class Problem(BaseModel):
    """RFC 9457 with two more members: `code` is stable for programs, `hint` says what to do next."""

    type: str = Field(examples=["urn:wanderamt:problem:stand.unknown"])
    title: str
    status: int
    code: str = Field(examples=["stand.unknown"])
    hint: str
    errors: list[str] = Field(default=[], description="the invalid fields, without their values")


class RefusalError(Exception):
    """Ends a request with a refusal; the transaction of the route is rolled back."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def or_refuse(outcome: T | Refusal) -> T:
    """Returns the outcome; raises RefusalError if it is a refusal, which also rolls the transaction back."""
    if isinstance(outcome, Refusal):
        raise RefusalError(outcome)
    return outcome


def problem_for(refusal: Refusal, *, errors: list[str] | None = None) -> Problem:
    return Problem(
        type=f"urn:wanderamt:problem:{refusal.code}",
        title=refusal.code.replace(".", " ").replace("_", " "),
        status=STATUS[refusal.kind],
        code=refusal.code,
        hint=refusal.hint,
        errors=errors or [],
    )


def render_problem(refusal: Refusal, *, errors: list[str] | None = None) -> JSONResponse:
    problem = problem_for(refusal, errors=errors)
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
    return JSONResponse(problem.model_dump(), problem.status, headers=headers, media_type=MEDIA_TYPE)


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem document (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}


UNSTORABLE_TEXT = Refusal(
    "request.character", "A text contains a character that cannot be stored, such as NUL. Remove it and send again."
)


def install_problems(app: FastAPI) -> None:
    @app.exception_handler(RefusalError)
    async def on_refusal(_: Request, error: RefusalError) -> JSONResponse:
        return render_problem(error.refusal)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        fields = [f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in error.errors()]
        return render_problem(Refusal("request.invalid", "Correct the listed fields and send again."), errors=fields)

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> JSONResponse:
        kind = {404: RefusalKind.NOT_FOUND, 413: RefusalKind.TOO_LARGE}.get(error.status_code, RefusalKind.INVALID)
        response = render_problem(Refusal(f"http.{error.status_code}", str(error.detail), kind))
        response.status_code = error.status_code
        return response

    async def on_transient_error(request: Request, error: Exception) -> JSONResponse:
        log.warning("http.database_unavailable", path=request.url.path, error=type(error).__name__)
        hint = "The database does not respond. Nothing was saved; send the same request again in a moment."
        return _render_failure("server.unavailable", 503, hint, {"Retry-After": "2"})

    for transient in TRANSIENT_ERRORS:
        app.add_exception_handler(transient, on_transient_error)

    async def on_unstorable(_: Request, __: Exception) -> JSONResponse:
        return render_problem(UNSTORABLE_TEXT)

    for unstorable in UNSTORABLE_TEXT_ERRORS:
        app.add_exception_handler(unstorable, on_unstorable)

    @app.exception_handler(Exception)
    async def on_bug(request: Request, error: Exception) -> JSONResponse:
        log.exception("http.failed", path=request.url.path, error=type(error).__name__)
        hint = "The service failed. Nothing was saved; send the same request again in a moment."
        return _render_failure("server.failed", 500, hint)


def _render_failure(code: str, status: int, hint: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """For failures that are no refusals: a bug, or a system that does not respond."""
    body = Problem(
        type=f"urn:wanderamt:problem:{code}", title=code.replace(".", " "), status=status, code=code, hint=hint
    )
    return JSONResponse(body.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)

"""Turns refusals and errors into problem documents (RFC 9457). A problem never contains payload or personal data."""

from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from wanderamt.backbone.persistence.database import (
    CONCURRENT_WRITE_ERRORS,
    TRANSIENT_ERRORS,
    UNSTORABLE_TEXT_ERRORS,
)
from wanderamt.kernel.invalid_fields import invalid_fields
from wanderamt.kernel.line_text import FAULT
from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.security.keys import UnreadableCiphertextError

MEDIA_TYPE = "application/problem+json"
STATUS = {
    RefusalKind.INVALID: 422,
    RefusalKind.UNAUTHENTICATED: 401,
    RefusalKind.FORBIDDEN: 403,
    RefusalKind.NOT_FOUND: 404,
    RefusalKind.CONFLICT: 409,
    RefusalKind.TOO_LARGE: 413,
    RefusalKind.TOO_MANY: 429,
    RefusalKind.BUSY: 503,
    RefusalKind.TIMED_OUT: 408,
}
HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}

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
    headers = HEADERS.get(problem.status)
    return JSONResponse(problem.model_dump(), problem.status, headers=headers, media_type=MEDIA_TYPE)


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem document (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}


CUT_OFF = Refusal("request.cut_off", "The connection was cut before the end of the request. Send it again.")
UNSTORABLE_TEXT = Refusal(
    "request.character", "A text contains a character that cannot be stored, such as NUL. Remove it and send again."
)
UNREADABLE_CONTENT = Refusal(
    "content.unreadable",
    "The stored content cannot be decrypted: it was changed or belongs elsewhere. Report it to the operators, who find "
    "it in the log under content.unreadable.",
    RefusalKind.CONFLICT,
)

UNPRINTABLE_TEXT = Refusal(
    "request.character", "The listed texts contain something that documents cannot print. Correct them and send again."
)
INVALID_FIELDS = Refusal("request.invalid", "Correct the listed fields and send again.")


HTTP_HINTS = {
    404: "There is nothing at this address. Check it; the documentation lists the addresses of this service.",
    405: "This address does not take this method. The header Allow lists those that it takes.",
}


def install_problems(app: FastAPI, note_refusal: Callable[[Request, Refusal], None]) -> None:
    """`note_refusal`: writes each refused request down."""
    app.state.note_refusal = note_refusal

    @app.exception_handler(RefusalError)
    async def on_refusal(request: Request, error: RefusalError) -> JSONResponse:
        note_refusal(request, error.refusal)
        return render_problem(error.refusal)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        of_texts = any(entry["type"] == FAULT for entry in error.errors())
        refusal = UNPRINTABLE_TEXT if of_texts else INVALID_FIELDS
        note_refusal(request, refusal)
        return render_problem(refusal, errors=list(invalid_fields(error.errors())))

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> JSONResponse:
        status = error.status_code
        hint = HTTP_HINTS.get(status, str(error.detail))
        return _render_failure(f"http.{status}", status, hint, dict(error.headers or {}))

    async def on_transient_error(request: Request, error: Exception) -> JSONResponse:
        log.warning("http.database_unavailable", path=request.url.path, error=type(error).__name__)
        hint = "The database does not respond. Nothing was saved; send the same request again in a moment."
        return _render_failure("server.unavailable", 503, hint, HEADERS[503])

    for transient in TRANSIENT_ERRORS:
        app.add_exception_handler(transient, on_transient_error)

    async def on_concurrent_write(request: Request, error: Exception) -> JSONResponse:
        log.warning("http.concurrent_write", path=request.url.path, constraint=getattr(error, "constraint_name", ""))
        hint = "Another request did the same at the same moment. Nothing was saved; send the same request again."
        return _render_failure("server.concurrent", 503, hint, {"Retry-After": "1"})

    for concurrent in CONCURRENT_WRITE_ERRORS:
        app.add_exception_handler(concurrent, on_concurrent_write)

    async def on_unstorable(_: Request, __: Exception) -> JSONResponse:
        return render_problem(UNSTORABLE_TEXT)

    for unstorable in UNSTORABLE_TEXT_ERRORS:
        app.add_exception_handler(unstorable, on_unstorable)

    @app.exception_handler(ClientDisconnect)
    async def on_cut(_: Request, __: ClientDisconnect) -> JSONResponse:
        return render_problem(CUT_OFF)  # nobody reads it

    @app.exception_handler(UnreadableCiphertextError)
    async def on_unreadable(request: Request, error: UnreadableCiphertextError) -> JSONResponse:
        log.error("content.unreadable", path=request.url.path, subject=str(error.subject), purpose=error.purpose)
        return render_problem(UNREADABLE_CONTENT)

    @app.exception_handler(Exception)
    async def on_bug(request: Request, error: Exception) -> JSONResponse:
        log.exception("http.failed", path=request.url.path, error=type(error).__name__)
        hint = "The service failed. Nothing was saved; send the same request again in a moment."
        return _render_failure("server.failed", 500, hint)


def _render_failure(code: str, status: int, hint: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """For what is no refusal of ours: a bug, a system that does not respond, or a status of HTTP itself."""
    body = Problem(
        type=f"urn:wanderamt:problem:{code}", title=code.replace(".", " "), status=status, code=code, hint=hint
    )
    return JSONResponse(body.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)

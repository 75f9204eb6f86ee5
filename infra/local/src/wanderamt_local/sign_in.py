"""Sign-in of a city, for development: an OpenID Connect issuer with two clerks (code flow with PKCE, S256).

It offers what the crew's app uses: discovery, authorize with a sign-in page, token, keys. An authorization code is
valid for one minute and one use, for the client and the challenge of its request.
"""

import html
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

import typer
import uvicorn
from fastapi import FastAPI, Form, Query, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from joserfc.jwk import ECKey
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from wanderamt.backbone.environment import utc_now
from wanderamt.security.dpop import sha256_base64url
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner

CLIENT: Final = "wanderamt-field"
AUDIENCE: Final = "intake"
CODE_LIFETIME: Final = timedelta(minutes=1)
TOKEN_LIFETIME: Final = timedelta(minutes=10)
CLERKS: Final = {"anna.huber@linz": "Anna Huber", "mehmet.kaya@linz": "Mehmet Kaya"}
PAGE: Final = """<!doctype html><html lang="de"><meta charset="utf-8"><title>Anmeldung (Entwicklung)</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:18px/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}}
button{{font:inherit;display:block;width:100%;min-height:3rem;margin:.6rem 0}}</style>
<h1>Anmeldung der Stadt</h1><p>Nur zum Entwickeln: Wer sind Sie?</p>
<form method="post" action="{action}">{clerks}</form></html>"""


class SignInSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="WANDERAMT_SIGN_IN_", frozen=True)

    private_key: SecretStr = Field(description="PEM; the services have its public key in WANDERAMT_TOKEN_PUBLIC_KEY")
    port: int


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    clerk: str
    client_id: str
    redirect_uri: str
    challenge: str
    until: datetime


def create_sign_in(issuer: str, private_pem: str) -> FastAPI:
    app = FastAPI(title="Sign-in of the city, for development")
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"])
    signer, codes = TokenSigner(private_pem), dict[str, AuthorizationCode]()
    public: dict[str, Any] = ECKey.import_key(private_pem).as_dict(private=False)

    @app.get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, Any]:
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "subject_types_supported": ["public"],
        }

    @app.get("/keys")
    async def keys() -> dict[str, Any]:
        return {"keys": [public | {"alg": "ES256", "use": "sig"}]}

    @app.get("/authorize")
    async def authorize(request: Request, redirect_uri: Annotated[str, Query()], client_id: str = "") -> Response:
        query = request.query_params
        invalid = client_id != CLIENT or query.get("response_type") != "code" or not query.get("code_challenge")
        if invalid or query.get("code_challenge_method") != "S256" or not _is_local(redirect_uri):
            return JSONResponse({"error": "invalid_request"}, 400)
        buttons = "".join(
            f'<button name="clerk" value="{subject}">{html.escape(name)}</button>' for subject, name in CLERKS.items()
        )
        return HTMLResponse(PAGE.format(action=html.escape(f"authorize?{urlencode(dict(query))}"), clerks=buttons))

    @app.post("/authorize")
    async def sign_in(request: Request, clerk: Annotated[str, Form()]) -> Response:
        query = request.query_params
        redirect_uri = query.get("redirect_uri", "")
        if clerk not in CLERKS or not _is_local(redirect_uri):
            return JSONResponse({"error": "access_denied"}, 400)
        code = secrets.token_urlsafe(24)
        codes[code] = AuthorizationCode(
            clerk, query.get("client_id", ""), redirect_uri, query.get("code_challenge", ""), utc_now() + CODE_LIFETIME
        )
        return RedirectResponse(f"{redirect_uri}?{urlencode({'code': code, 'state': query.get('state', '')})}", 303)

    @app.post("/token")
    async def token(
        code: Annotated[str, Form()],
        code_verifier: Annotated[str, Form()],
        client_id: Annotated[str, Form()],
        redirect_uri: Annotated[str, Form()],
    ) -> Response:
        grant = codes.pop(code, None)
        if not grant or grant.until < utc_now() or sha256_base64url(code_verifier) != grant.challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if (client_id, redirect_uri) != (grant.client_id, grant.redirect_uri):
            return JSONResponse({"error": "invalid_grant"}, 400)
        caller = Principal(grant.clerk, frozenset({Role.CLERK}))
        access = signer.sign(caller, audience=AUDIENCE, now=utc_now(), lifetime=TOKEN_LIFETIME)
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": int(TOKEN_LIFETIME.total_seconds())}
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    return app


def _is_local(redirect_uri: str) -> bool:
    """Codes are sent to this machine only."""
    return urlsplit(redirect_uri).hostname in {"127.0.0.1", "localhost"}


def main() -> None:
    settings = SignInSettings()
    app = create_sign_in(f"http://127.0.0.1:{settings.port}", settings.private_key.get_secret_value())
    uvicorn.run(app, host="127.0.0.1", port=settings.port, log_level="warning")


if __name__ == "__main__":
    typer.run(main)

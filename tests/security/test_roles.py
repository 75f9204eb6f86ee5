"""Every route of every running service needs a token with an allowed role, except health and public routes."""

import re
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner
from wanderamt_local.system import SERVICES, System

ANY_ID = UUID("01900000-0000-7000-8000-000000000000")
ALLOWED_ROLES = {
    ("intake", "POST", "/sync"): {Role.CLERK},
    ("intake", "POST", "/devices"): {Role.OPERATOR},
    ("intake", "GET", "/devices"): {Role.OPERATOR},
    ("intake", "POST", "/persons/cases"): {Role.CLERK},
    ("intake", "POST", "/devices/{device_id}/revoke"): {Role.OPERATOR},
    ("intake", "GET", "/cases/{case_id}"): {Role.CLERK, Role.OPERATOR},
    **{
        ("intake", "POST", f"/cases/{{case_id}}/{action}"): {Role.CLERK}
        for action in ("hand-over", "withdraw", "close", "reopen")
    },
    ("intake", "GET", "/stands/{stand_id}/cases"): set(Role),
    ("intake", "GET", "/stands/{stand_id}/conflicts"): {Role.CLERK},
    ("intake", "POST", "/conflicts/{conflict_id}/decide"): {Role.CLERK},
    ("intake", "POST", "/numbers/blocks"): {Role.CLERK},
    ("intake", "GET", "/numbers/blocks"): {Role.CLERK},
    ("intake", "POST", "/numbers/blocks/{block_id}/return"): {Role.CLERK},
    ("intake", "POST", "/numbers/blocks/restore"): {Role.CLERK},
    ("intake", "POST", "/numbers/void"): {Role.CLERK},
    ("intake", "POST", "/devices/codes"): {Role.OPERATOR},
    **{("intake", "POST", f"/field/{resource}"): {Role.CLERK} for resource in ("sessions", "reports")},
    ("intake", "GET", "/numbers/{series}/{year}"): set(Role),
    ("intake", "GET", "/changes"): {Role.CLERK},
    ("intake", "POST", "/attachments"): {Role.CLERK},
    **{("intake", method, "/attachments/{attachment_id}"): {Role.CLERK} for method in ("HEAD", "PATCH", "GET")},
    ("intake", "GET", "/cases/{case_id}/attachments"): {Role.CLERK, Role.OPERATOR},
    ("intake", "GET", "/entries/held"): {Role.CLERK, Role.OPERATOR},
    ("intake", "POST", "/entries/{entry_id}/abandon"): {Role.OPERATOR},
    ("intake", "POST", "/tills"): {Role.CLERK},
    ("intake", "POST", "/tills/{till_id}/close"): {Role.CLERK},
    ("intake", "GET", "/stands/{stand_id}/tills"): {Role.CLERK, Role.OPERATOR},
    ("intake", "GET", "/stands/{stand_id}/refunds"): {Role.CLERK, Role.OPERATOR},
    ("intake", "POST", "/refunds/{refund_id}/pay-out"): {Role.CLERK},
    **{("intake", "GET", f"/report{form}"): set(Role) for form in ("", ".csv", ".html")},
    ("intake", "GET", "/documents/{document_id}.pdf"): {Role.CLERK},
    ("intake", "GET", "/stands"): set(Role),
    ("intake", "GET", "/stands/{stand_id}/bundle"): {Role.CLERK},
    ("registry-bridge", "GET", "/registers"): {Role.CLERK, Role.OPERATOR},
    ("registry-bridge", "POST", "/lookups"): {Role.CLERK},
    ("registry-bridge", "GET", "/requests/{request_id}"): {Role.OPERATOR},
    ("scheduling", "POST", "/stands"): {Role.PLANNER},
    ("scheduling", "GET", "/stands"): set(Role),
    ("scheduling", "GET", "/stands/{stand_id}"): set(Role),
    ("scheduling", "GET", "/stands/{stand_id}/demand"): {Role.PLANNER, Role.OPERATOR},
    **{
        ("scheduling", "POST", f"/stands/{{stand_id}}/{action}"): {Role.PLANNER}
        for action in ("plan", "confirm", "move", "cancel")
    },
    **{
        ("scheduling", "POST", f"/stands/{{stand_id}}/{action}"): {Role.CLERK, Role.PLANNER}
        for action in ("open", "close")
    },
    ("scheduling", "POST", "/stands/series"): {Role.PLANNER},
    ("scheduling", "GET", "/resources"): set(Role),
    ("scheduling", "GET", "/demand/forecast"): {Role.PLANNER, Role.OPERATOR},
    ("scheduling", "POST", "/demand/wishes"): {Role.CLERK, Role.PLANNER},
    ("scheduling", "POST", "/plans"): {Role.PLANNER},
    **{("scheduling", "POST", f"/plans/{{plan_id}}/{action}"): {Role.PLANNER} for action in ("cancel", "accept")},
    **{
        ("scheduling", "GET", f"/plans{path}"): {Role.PLANNER, Role.OPERATOR}
        for path in ("", "/{plan_id}", "/{first_id}/compare/{second_id}", "/{first_id}/compare/{second_id}.html")
    },
    ("scheduling", "PUT", "/resources/{kind}/{name}"): {Role.PLANNER},
    ("scheduling", "GET", "/stands/{stand_id}/appointments"): set(Role),
    ("scheduling", "GET", "/stands/{stand_id}/queue"): set(Role),
    ("scheduling", "POST", "/stands/{stand_id}/tickets"): {Role.CLERK},
    ("scheduling", "POST", "/stands/{stand_id}/queue/call"): {Role.CLERK},
    ("scheduling", "POST", "/stands/{stand_id}/queue/{entry_id}/end"): {Role.CLERK},
    ("scheduling", "POST", "/appointments/{appointment_id}/arrive"): {Role.CLERK},
    ("notifications", "GET", "/cases/{case_id}/notices"): {Role.CLERK, Role.OPERATOR},
    **{("notifications", "GET", f"/notices/{report}"): {Role.OPERATOR} for report in ("counts", "summary")},
    ("notifications", "GET", "/providers"): {Role.CLERK, Role.OPERATOR},
    ("notifications", "GET", "/tasks"): {Role.CLERK, Role.OPERATOR},
    ("notifications", "POST", "/tasks/{task_id}/done"): {Role.CLERK},
    ("notifications", "POST", "/addresses/check"): {Role.CLERK},
    **{("notifications", method, "/subscribers"): {Role.OPERATOR} for method in ("GET", "POST")},
    **{
        ("notifications", "POST", f"/subscribers/{{subscriber_id}}/{action}"): {Role.OPERATOR}
        for action in ("pause", "resume", "rotate")
    },
    ("notifications", "DELETE", "/subscribers/{subscriber_id}"): {Role.OPERATOR},
    ("notifications", "GET", "/subscribers/{subscriber_id}/deliveries"): {Role.OPERATOR},
    **{(service, "GET", "/asyncapi"): set(Role) for service in SERVICES},
    # also open to the scraper's secret: libs/common/tests/test_telemetry.py
    **{(service, "GET", "/metrics"): {Role.OPERATOR} for service in SERVICES},
    **{
        (service, method, f"/dead-letters{path}"): {Role.OPERATOR}
        for service in SERVICES
        for method, path in (
            ("GET", ""),
            ("GET", "/{dead_letter_id}"),
            ("POST", "/{dead_letter_id}/retry"),
            ("POST", "/{dead_letter_id}/discard"),
        )
    },
}


PUBLIC = {
    ("intake", "GET", "/field/settings"),
    ("intake", "POST", "/field/enrol"),
    ("intake", "GET", "/status-list"),
    ("intake", "GET", "/authority.pem"),
    ("intake", "GET", "/verify"),
    ("intake", "POST", "/verify"),
    ("intake", "POST", "/verify.html"),
    ("scheduling", "GET", "/visit"),
    ("scheduling", "GET", "/visit/{stand_id}"),
    ("scheduling", "GET", "/visit/{stand_id}/display"),
    ("scheduling", "GET", "/visit/appointment"),
    *(("scheduling", "POST", f"/visit/{action}") for action in ("{stand_id}/hold", "{stand_id}/wait", "confirm")),
    *(("scheduling", "POST", f"/visit/appointment{action}") for action in ("", "/move", "/cancel")),
    ("scheduling", "GET", "/public/stands"),
    ("scheduling", "GET", "/public/stands/{stand_id}/times"),
    ("scheduling", "POST", "/public/stands/{stand_id}/holds"),
    ("scheduling", "POST", "/public/holds/{hold_id}/confirm"),
    *(("scheduling", "POST", f"/public/appointments/{action}") for action in ("look-up", "move", "cancel")),
    ("scheduling", "GET", "/calendar.ics"),
    ("scheduling", "GET", "/calendar/district/{district}.ics"),
    ("scheduling", "GET", "/calendar/group/{group}.ics"),
    ("notifications", "GET", "/status"),
    ("notifications", "POST", "/status"),
    ("notifications", "POST", "/status/preferences"),
    ("notifications", "POST", "/status/opt-out"),
    ("notifications", "POST", "/status/unsubscribe"),
    ("notifications", "POST", "/receipts/{provider}"),  # signed by the provider, which has no token
}


@pytest.mark.parametrize("service", SERVICES)
async def test_every_route_is_open_to_its_roles_and_to_no_other(running_system: System, service: str) -> None:
    signer = TokenSigner(running_system.state.secrets.token_private_key)
    async with httpx.AsyncClient(base_url=running_system.url(service), timeout=10) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
        routes = {(m.upper(), path) for path, methods in paths.items() for m in methods if "/health/" not in path}
        public = {(method, path) for name, method, path in PUBLIC if name == service}
        assert routes == public | {(method, path) for name, method, path in ALLOWED_ROLES if name == service}
        for method, path in sorted(public):
            assert (await http.request(method, path)).status_code not in {401, 403}, path
        for method, path in sorted(routes - public):
            url = (
                re.sub(r"\{\w+_id\}", str(ANY_ID), path)
                .replace("{series}", "BE")
                .replace("{year}", "2026")
                .replace("{kind}", "crew")
                .replace("{name}", "A")
                .replace("{district}", "A")
                .replace("{group}", "A")
            )
            assert (await http.request(method, url)).status_code == 401
            for roles in ((), *((role,) for role in Role)):
                caller = Principal("tester", frozenset(roles), ANY_ID, ANY_ID)
                token = signer.sign(caller, audience=service, now=utc_now(), lifetime=timedelta(minutes=5))
                reply = await http.request(method, url, headers={"Authorization": f"Bearer {token}"})
                forbidden = reply.status_code == 403
                wrong_role = forbidden and (method == "HEAD" or reply.json()["code"] == "role.missing")
                assert wrong_role is not bool(set(roles) & ALLOWED_ROLES[service, method, path]), (method, path, roles)

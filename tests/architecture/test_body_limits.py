"""Which routes take more than the default size of a body, and how much: a new one is a decision, made here."""

import pytest
from wanderamt.shell.http_body import DEFAULT_MAX_BYTES
from wanderamt.shell.large_bodies import KIB, MIB, declared_limits
from wanderamt_local.contracts import unstarted_application
from wanderamt_local.system import SERVICES

LARGER = {
    ("intake", "POST", r"^/sync$"): 32 * MIB,
    ("intake", "PATCH", r"^/attachments/(?P<attachment_id>[^/]+)$"): 20 * MIB,
    ("intake", "POST", r"^/numbers/blocks/restore$"): MIB,
    ("intake", "POST", r"^/verify.html$"): 10 * MIB + 64 * KIB,  # the only one without a sign-in: a picture
}


@pytest.mark.parametrize("service", SERVICES)
def test_only_these_routes_take_larger_bodies(service: str) -> None:
    with unstarted_application(service) as app:
        limits = {
            (service, method, limit.path.pattern.replace("\\", "")): limit.max_bytes
            for limit in declared_limits(app)
            for method in limit.methods
        }
    assert limits == {route: size for route, size in LARGER.items() if route[0] == service}
    assert all(size > DEFAULT_MAX_BYTES for size in limits.values())

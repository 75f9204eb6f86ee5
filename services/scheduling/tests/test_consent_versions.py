"""A booking takes the version of a consent text, and no other text."""

import pytest
from public_fixtures import PublicEnv
from scheduling.domain.stand import StandDetails


@pytest.mark.parametrize(
    ("consent", "status"),
    [("", 201), ("2026-1", 201), ("2026-1\x00", 422), ("2026-1\n", 422), ("Erika Mustermann", 422), ("1" * 41, 422)],
)
async def test_a_consent_that_names_no_version_is_refused(
    public_env: PublicEnv, details: StandDetails, consent: str, status: int
) -> None:
    stand = await public_env.stand(details)
    [at, *_] = await public_env.times(stand)
    async with public_env.citizen() as http:
        reply = await public_env.book(http, stand, at, phone="+436601234567", consent=consent)
    assert reply.status_code == status

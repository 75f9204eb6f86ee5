"""The policy as a value: each action is granted to somebody, and each condition of a grant refuses by itself."""

from uuid import UUID

import pytest
from wanderamt.security.policy import (
    CUT_OFF,
    DEVICE_NEEDED,
    NOT_ENROLLED,
    OTHER_STAND,
    POLICY,
    REASON_NEEDED,
    Action,
    Situation,
    decide,
)
from wanderamt.security.roles import Role
from wanderamt.security.tokens import WRONG_ROLE, Principal

DEVICE, STAND = UUID(int=1), UUID(int=2)
REASON = "asked at the counter"


def officer(*roles: Role, device: bool = False) -> Principal:
    return Principal("a@linz", frozenset(roles), *((DEVICE, STAND) if device else (None, None)))


CREW = officer(Role.CLERK, device=True)


def test_each_action_is_granted_to_a_role() -> None:
    assert set(POLICY) == set(Action)
    assert all(POLICY.values())


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("caller", [officer(), CREW, *map(officer, Role)])
def test_who_is_cut_off_or_without_a_granted_role_is_refused_everything(action: Action, caller: Principal) -> None:
    granted = {grant.role for grant in POLICY[action]} & caller.roles
    assert decide(action, caller, Situation(cut_off=True), reason=REASON) is (CUT_OFF if granted else WRONG_ROLE)
    refused = decide(action, caller, Situation(), reason=REASON) is WRONG_ROLE
    assert refused is not bool(granted)


def test_a_revoked_device_whose_session_ended_too_learns_that_it_is_revoked() -> None:
    """Its app then deletes the key of what it stores."""
    both = Situation(enrolled=False, cut_off=True)
    assert decide(Action.READ_CHANGES, CREW, both, reason="") is NOT_ENROLLED
    assert decide(Action.LIST_DEVICES, officer(Role.OPERATOR), both, reason="") is CUT_OFF


@pytest.mark.parametrize("action", [Action.READ_DOCUMENT, Action.READ_ATTACHMENT, Action.READ_CONFLICTS])
def test_what_is_personal_needs_a_device_at_the_stand_or_a_reason(action: Action) -> None:
    here, elsewhere = Situation(at_stand=True), Situation(at_stand=False)
    assert decide(action, CREW, here, reason="") is None
    assert decide(action, CREW, elsewhere, reason="") is REASON_NEEDED
    assert decide(action, CREW, elsewhere, reason=REASON) is None
    assert decide(action, officer(Role.CLERK), here, reason=REASON) is DEVICE_NEEDED
    assert decide(action, CREW, Situation(enrolled=False, at_stand=True), reason=REASON) is NOT_ENROLLED
    assert decide(action, officer(Role.OFFICE), elsewhere, reason="") is REASON_NEEDED
    assert decide(action, officer(Role.OFFICE), elsewhere, reason=REASON) is None
    assert decide(action, officer(Role.OPERATOR), here, reason=REASON) is WRONG_ROLE


def test_what_is_granted_at_the_own_stand_alone_needs_no_reason_and_accepts_none() -> None:
    assert decide(Action.READ_BUNDLE, CREW, Situation(at_stand=True), reason="") is None
    assert decide(Action.READ_BUNDLE, CREW, Situation(at_stand=False), reason=REASON) is OTHER_STAND


def test_one_of_several_roles_is_enough() -> None:
    both = officer(Role.CLERK, Role.OFFICE)
    assert decide(Action.READ_DOCUMENT, both, Situation(at_stand=False), reason=REASON) is None
    assert decide(Action.READ_DOCUMENT, both, Situation(at_stand=False), reason="") is DEVICE_NEEDED


@pytest.mark.parametrize("action", Action)
def test_a_clerk_without_a_stand_is_allowed_no_more_than_one_of_another_stand(action: Action) -> None:
    for at_stand in (False, None):
        for reason in ("", REASON):
            elsewhere = decide(action, CREW, Situation(at_stand=at_stand), reason=reason)
            without = decide(action, officer(Role.CLERK), Situation(at_stand=at_stand), reason=reason)
            assert without is elsewhere or without is DEVICE_NEEDED

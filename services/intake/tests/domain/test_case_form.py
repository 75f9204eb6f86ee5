"""The form of a case: which fields and which letters a service accepts."""

from datetime import UTC, datetime

import pytest
from intake.catalogue_files.loader import load_catalogue
from intake.domain.case import crew_actions
from intake.domain.case.case_events import CaseHistoryEvent, FieldValue
from intake.domain.case.crew_actions import NewCase
from uuid_utils.compat import uuid7
from wanderamt.contracts import Language
from wanderamt.kernel.ids import CaseId, DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
CATALOGUE = load_catalogue()


def open_case(service: str, form: dict[str, FieldValue]) -> tuple[CaseHistoryEvent, ...] | Refusal:
    new_case = NewCase(
        service, Language.DE, StandId(uuid7()), DeviceId(uuid7()), "clerk", NOW, "GZ-2026-0000001-1", form
    )
    return crew_actions.open_case(CaseId(uuid7()), None, new_case, CATALOGUE, now=NOW)


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"applicant.shoe_size": 43}, "applicant.shoe_size"),
        ({"applicant.birth_date": "1990"}, "applicant.birth_date"),
        ({"contact.phone": 43}, "contact.phone"),
        ({"facts.channel": "pigeon"}, "facts.channel"),
        ({"facts.recipient_named": 1}, "facts.recipient_named"),
        ({"facts.colour": None}, "facts"),
    ],
)
def test_fields_nobody_asks_for_or_of_another_kind_are_refused(form: dict[str, FieldValue], named: str) -> None:
    refusal = open_case("registration_confirmation", form)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "case.field_wrong"
    assert f"{named}:" in refusal.hint


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("Ǧamāl ad-Dīn d’Ávila", True),
        ("O'Brien (geb. Ðorđević)", True),
        ("m̥ạ̀ŋg̣", True),
        ("नीरज", False),
        ("Юлія", False),
        ("محمد", False),
        ("李", False),
        ("Zo😀", False),
        ("Αθηνά", False),
    ],
)
@pytest.mark.parametrize("service", ["registration_confirmation", "found_property_report"])
def test_where_a_register_is_asked_or_a_paper_printed_names_are_in_latin_letters(
    name: str, service: str, *, fits: bool
) -> None:
    form: dict[str, FieldValue] = {"applicant.given_name": name}
    open_request = open_case(service, form)
    if isinstance(open_request, Refusal):
        assert (open_request.code, fits) == ("case.field_wrong", False)
        assert "passport" in open_request.hint
        assert name not in open_request.hint
    else:
        assert fits

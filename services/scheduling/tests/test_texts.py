"""Texts of planners: refused where they enter, and shown as they are when an earlier version stored them."""

from dataclasses import replace

import pytest
from pydantic import ValidationError
from scheduling.api.schemas import StandDetailsIn, details_fields, stand_out
from scheduling.api.stands import CancelStandIn
from scheduling.domain.resources import FACTS_BY_KIND, ResourceKind
from scheduling.domain.stand import Stand, StandDetails, StandState
from scheduling.reference_data.city import read_places
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.line_text import AS_STORED

TEXTS = ("place", "district", "crew", "vehicle", "kit", "occasion", "target_group")
BAD = "＝1+1"


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_of_a_stand_is_checked_and_named(details: StandDetails, name: str) -> None:
    assert StandDetailsIn.model_validate(details_fields(details)).details() == details
    with pytest.raises(ValidationError, match="U\\+FF1D FULLWIDTH EQUALS SIGN") as refused:
        StandDetailsIn.model_validate(details_fields(details) | {name: BAD})
    assert [error["loc"] for error in refused.value.errors()] == [(name,)]


def test_a_reason_is_checked() -> None:
    with pytest.raises(ValidationError, match="U\\+202E"):
        CancelStandIn(reason="Sturm\u202e")


def test_a_stored_stand_is_shown_whatever_its_texts_are(details: StandDetails) -> None:
    stored = replace(details, place=BAD, crew="a\u200bb", target_group="a\nb")
    shown = stand_out(Stand(StandId(uuid7()), 1, StandState.CONFIRMED, stored))
    assert (shown.place, shown.crew, shown.target_group) == (BAD, "a\u200bb", "a\nb")


def test_facts_of_a_resource_are_checked_once() -> None:
    pitch = FACTS_BY_KIND[ResourceKind.PITCH]
    with pytest.raises(ValidationError, match="FULLWIDTH"):
        pitch.model_validate({"address": BAD})
    assert pitch.model_validate({"address": BAD}, context=AS_STORED)


def test_the_places_of_a_file_are_checked_with_their_names(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("places") / "places.yaml"
    file.write_text(f'"{BAD}": {{}}\n', "utf-8")
    with pytest.raises(ValueError, match="FULLWIDTH"):
        read_places(str(file))

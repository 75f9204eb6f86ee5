"""The twenty checks: each rejects the bridge that was broken for it, and lets the good ones pass."""

import pytest
from connector_kit.conformance.candidate import Candidate, CheckFailed, DoesNotApply
from connector_kit.conformance.checks import CHECKS, Check
from connector_kit.conformance.mutants import MUTANTS, Mutant, archive, library


def test_each_check_has_its_mutant() -> None:
    assert [one.number for one in MUTANTS] == [one.number for one in CHECKS] == list(range(1, 21))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: f"{one.number}-{one.what}")
def test_a_check_rejects_its_mutant(mutant: Mutant) -> None:
    with pytest.raises(CheckFailed):
        CHECKS[mutant.number - 1].run(mutant.bend())


@pytest.mark.parametrize("candidate", [library(), archive()], ids=lambda one: one.manifest.id)
@pytest.mark.parametrize("check", CHECKS, ids=lambda one: f"{one.number}-{one.title}")
def test_good_bridges_pass(check: Check, candidate: Candidate) -> None:
    applies = True
    try:
        check.run(candidate)
    except DoesNotApply as why:
        applies, reason = False, str(why)
    assert applies or reason
    assert applies or candidate.folder.batch or check.number == 16

"""The 22 checks: each rejects its mutant and accepts the reference bridges."""

import pytest
from connector_kit.conformance.checks import CHECKS, ConformanceCheck
from connector_kit.conformance.mutants import MUTANTS, BridgeMutant, archive, library
from connector_kit.conformance.subject import BridgeUnderTest, CheckFailedError, NotApplicableError


def test_each_check_has_its_mutant() -> None:
    assert [mutant.number for mutant in MUTANTS] == [check.number for check in CHECKS] == list(range(1, 23))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.number}-{mutant.description}")
def test_a_check_rejects_its_mutant(mutant: BridgeMutant) -> None:
    with pytest.raises(CheckFailedError):
        CHECKS[mutant.number - 1].run(mutant.make())


@pytest.mark.parametrize("subject", [library(), archive()], ids=lambda subject: subject.manifest.id)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.number}-{check.title}")
def test_good_bridges_pass(check: ConformanceCheck, subject: BridgeUnderTest) -> None:
    applies = True
    try:
        check.run(subject)
    except NotApplicableError as not_applicable:
        applies, reason = False, str(not_applicable)
    assert applies or reason
    assert applies or subject.folder.uses_files or check.number == 16

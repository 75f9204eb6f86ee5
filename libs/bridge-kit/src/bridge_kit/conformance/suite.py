"""What the plugin collects: one test for each check of each bridge."""

import pytest

from bridge_kit.conformance.candidate import Candidate, CheckFailed, DoesNotApply
from bridge_kit.conformance.checks import Check
from bridge_kit.conformance.plugin import NOTES


def test_bridge(check: Check, candidate: Candidate, request: pytest.FixtureRequest) -> None:
    try:
        check.run(candidate)
    except DoesNotApply as why:
        request.config.stash[NOTES].append(f"{candidate.manifest.id} {check.number} does not apply: {why}")
        return
    except CheckFailed as failure:
        failed = str(failure)
    else:
        return
    pytest.fail(failed, pytrace=False)

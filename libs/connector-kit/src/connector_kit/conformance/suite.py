"""What the plugin collects: one test for each check of each bridge."""

import pytest

from connector_kit.conformance.candidate import Candidate, CheckFailed, DoesNotApply
from connector_kit.conformance.checks import Check
from connector_kit.conformance.plugin import NOTES


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

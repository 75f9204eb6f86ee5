"""What the plugin collects: one test per check and bridge."""

import pytest

from connector_kit.conformance.checks import ConformanceCheck
from connector_kit.conformance.plugin import NOTES
from connector_kit.conformance.subject import BridgeUnderTest, CheckFailedError, NotApplicableError


def test_bridge(check: ConformanceCheck, subject: BridgeUnderTest, request: pytest.FixtureRequest) -> None:
    try:
        check.run(subject)
    except NotApplicableError as reason:
        request.config.stash[NOTES].append(f"{subject.manifest.id} {check.number} does not apply: {reason}")
        return
    except CheckFailedError as failure:
        failed = str(failure)
    else:
        return
    pytest.fail(failed, pytrace=False)

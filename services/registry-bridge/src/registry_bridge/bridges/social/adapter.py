"""Pure: questions as REST calls, answers as outcomes."""

from connector_kit.adapter import AdapterConfig
from connector_kit.transports.rest import RestAdapter, RestRoute

from registry_bridge.bridges.social.models import IssuedPass, PassNumber, ThresholdAnswer

ROUTES = {
    "below_threshold": RestRoute("POST", "/threshold", ThresholdAnswer, body="*", is_lookup=True),
    "issue_pass": RestRoute("POST", "/passes", IssuedPass, body="*"),
    "withdraw_pass": RestRoute("POST", "/withdrawals", PassNumber, body="*"),
}


def open_adapter(_: AdapterConfig) -> RestAdapter:
    return RestAdapter(ROUTES, ambiguous_codes={"ambiguous"})

"""Pure: questions as REST calls, answers as outcomes."""

from connector_kit.adapter import AdapterConfig
from connector_kit.transports.rest import RestAdapter, RestRoute

from registry_bridge.bridges.electoral_roll.models import VoterEntry, VotingCard, VotingCardNumber

ROUTES = {
    "find_voter": RestRoute("POST", "/voters/search", VoterEntry, body="*", is_lookup=True),
    "request_voting_card": RestRoute("POST", "/cards", VotingCard, body="*"),
    "withdraw_voting_card": RestRoute("POST", "/withdrawals", VotingCardNumber, body="*"),
}


def open_adapter(_: AdapterConfig) -> RestAdapter:
    return RestAdapter(ROUTES, ambiguous_codes={"ambiguous"})

"""Pure: the question as a search by POST, because addresses are logged on the way; its only hit as the answer."""

from connector_kit.adapter import AdapterConfig
from connector_kit.transports.rest import RestAdapter, RestRoute

from registry_bridge.bridges.vehicles.models import VehicleKeeper

ROUTES = {
    "find_keeper": RestRoute("POST", "/vehicles/search", VehicleKeeper, body="*", is_lookup=True, only_hit="vehicles"),
}


def open_adapter(_: AdapterConfig) -> RestAdapter:
    return RestAdapter(ROUTES)

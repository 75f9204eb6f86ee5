"""Answers that were kept and may be given to nobody any more."""

from datetime import timedelta

from wanderamt.backbone.work import Work

from registry_bridge.handlers.weather import Manifests
from registry_bridge.store import readings


async def drop_old_answers(work: Work, *, manifests: Manifests) -> int:
    """How many went. Those of the register whose answers are kept longest decide."""
    rules = [one.cache for manifest in manifests.values() for one in manifest.operations.values() if one.cache]
    longest_s = max((max(one.ttl_s, one.stale_if_down_s) for one in rules), default=0.0)
    return await readings.drop_kept(work, before=work.now - timedelta(seconds=longest_s))

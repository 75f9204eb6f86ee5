"""Retention of cached answers."""

from datetime import timedelta

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from registry_bridge.handlers.availability import Manifests
from registry_bridge.store import answer_cache


async def drop_expired_answers(uow: UnitOfWork, *, manifests: Manifests) -> int:
    """Deletes answers older than the longest cache time of any operation; returns how many."""
    rules = [operation.cache for manifest in manifests.values() for operation in manifest.operations.values()]
    longest_s = max((max(cache.ttl_s, cache.stale_if_down_s) for cache in rules if cache), default=0.0)
    return await answer_cache.delete_cached(uow, before=uow.now - timedelta(seconds=longest_s))

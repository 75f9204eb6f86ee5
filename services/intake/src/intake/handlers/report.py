"""What stands achieved, from the cases as they are now."""

from datetime import datetime

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import StandId

from intake.domain.report import ON_THE_SPOT, Report, Row, Stand
from intake.store import stands as copies
from intake.store.tallies import tallies

MAX_STANDS = 1000


async def report(work: Work, *, since: datetime, until: datetime, stand_id: StandId | None = None) -> Report:
    """Of the stands that begin in [since, until), at most 1,000; or of one stand alone, whenever it was."""
    if stand_id:
        found = [await copies.find_stand(work, stand_id) or Stand(stand_id, place="")]
    else:
        found = await copies.stands_between(work, since=since, until=until, limit=MAX_STANDS)
    counted = await tallies(work, [stand.id for stand in found], on_the_spot=ON_THE_SPOT)
    by_id = {stand.id: stand for stand in found}
    rows = tuple(Row(by_id[stand], service, tally) for (stand, service), tally in counted.items())
    seen = {row.stand.id for row in rows}
    return Report(tuple(stand for stand in found if stand.id in seen or not stand.cancelled), rows)

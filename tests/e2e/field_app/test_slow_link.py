"""A link of 64 kbit/s: large photos are sent in parts, and a long backlog arrives.

BACKLOG=10000 is the long run.
"""

import json
import os
import time
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt_faults.tablet import Tablet
from wanderamt_local.field_entries import case_entry

LINK_BYTES_PER_S = 8_000
MAX_REQUEST_BYTES = 20 * LINK_BYTES_PER_S  # the link carries this much before a request times out
BACKLOG = int(os.environ.get("BACKLOG", "200"))
DEADLINE_S = 120 + BACKLOG / 10
LATER_ENTRIES: list[tuple[str, dict[str, Any]]] = [
    ("case.fill", {"facts": {"channel": "spoken", "register_asked": "central", "recipient_named": True}}),
    ("case.fill", {"applicant": {"given_name": "Şule"}}),
    ("case.identify", {"level": "photo_id"}),
]
STORE_ENTRIES_SCRIPT = """
async (entries) => {
    const db = await new Promise((done) => {
        const opening = indexedDB.open('wanderamt-field');
        opening.onsuccess = () => done(opening.result);
    });
    const stored = await new Promise((done) => {
        const reading = db.transaction('facts').objectStore('facts').get('key');
        reading.onsuccess = () => done(reading.result);
    });
    const rows = await Promise.all(entries.map(async (entry) => {
        const iv = crypto.getRandomValues(new Uint8Array(12));
        const additionalData = new TextEncoder().encode(`entries|${entry.entry_id}`);
        const plain = new TextEncoder().encode(JSON.stringify(entry));
        const text = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, stored.key, plain);
        const sealed = new Uint8Array([...iv, ...new Uint8Array(text)]);
        const { entry_id, case_id, stand_id, device_seq, case_seq, type } = entry;
        const written_at = Date.parse(entry.captured_at);
        return { entry_id, case_id, stand_id, device_seq, case_seq, type, state: 'device', code: '', hint: '',
            written_at, bytes: sealed.length, sealed };
    }));
    const tx = db.transaction(['entries', 'facts'], 'readwrite');
    for (const row of rows) tx.objectStore('entries').put(row);
    tx.objectStore('facts').put(entries.at(-1).device_seq, 'device_seq');
    await new Promise((done) => { tx.oncomplete = done; });
    db.close();
}
"""


def backlog(stand_id: UUID, count: int) -> list[dict[str, Any]]:
    """Cases of four entries each, as the app creates them."""
    entries: list[dict[str, Any]] = []
    while len(entries) < count:
        case_id = uuid7()
        opening = {
            "service": "registration_confirmation",
            "language": "de",
            "applicant": {"given_name": "Sule", "family_name": "Öztürk", "birth_date": "1971-12-31"},
            "contact": {},
        }
        for case_seq, (type_, body) in enumerate([("case.open", opening), *LATER_ENTRIES], 1):
            seq = len(entries) + 1
            entries.append(
                case_entry(
                    type_,
                    uuid7(),
                    case_id,
                    stand_id,
                    device_seq=seq,
                    case_seq=case_seq,
                    captured_at=utc_now(),
                    body=body,
                )
                | {"base_version": 0}
            )
    return entries


async def test_a_photo_too_large_for_one_request_goes_in_parts(tablet: Tablet, small_photo: bytes) -> None:
    tablet.photo = small_photo
    tablet.proxy.down = True
    await tablet.start_case("dog_registration")
    await tablet.continue_until("papers")
    await tablet.choose_photo()
    await tablet.page.get_by_test_id("keep-photo").click()
    await tablet.page.locator(".checks li.good").wait_for()
    [row] = await tablet.rows("files")
    assert MAX_REQUEST_BYTES < row["length"] < 2 * MAX_REQUEST_BYTES, "the photo needs two requests"
    tablet.proxy.bytes_per_s = LINK_BYTES_PER_S
    tablet.proxy.down = False
    await tablet.send_now()
    await tablet.wait_until_all_sent(deadline_s=DEADLINE_S)
    [upload] = await tablet.sql("SELECT completed_at FROM attachment WHERE attachment_id = $1", row["attachment_id"])
    assert upload["completed_at"]


async def test_a_long_backlog_arrives_and_the_app_stays_usable(tablet: Tablet) -> None:
    device_id = await tablet.device_id()
    tablet.proxy.down = True
    entries = backlog(tablet.stand_id, BACKLOG)
    for begin in range(0, len(entries), 1000):
        await tablet.page.evaluate(STORE_ENTRIES_SCRIPT, entries[begin : begin + 1000])
    begun = time.monotonic()
    await tablet.page.reload()
    await tablet.page.get_by_test_id("walk-in").wait_for()
    assert await tablet.unsynced() == len(entries)
    await tablet.complete_case("registration_confirmation")
    captured_s = time.monotonic() - begun
    tablet.proxy.bytes_per_s = LINK_BYTES_PER_S
    tablet.proxy.down = False
    begun = time.monotonic()
    await tablet.send_now()
    await tablet.wait_until_all_sent(deadline_s=DEADLINE_S)
    received = await tablet.sql(
        "SELECT status, device_seq FROM entry WHERE device_id = $1 ORDER BY device_seq", device_id
    )
    assert [row["device_seq"] for row in received] == list(range(1, len(entries) + 5))
    assert {row["status"] for row in received} == {"applied"}
    figures = {"entries": len(received), "opened_and_served_s": captured_s, "sent_s": time.monotonic() - begun}
    print(json.dumps(figures), dict(tablet.proxy.outcomes))
    assert tablet.proxy.outcomes["whole"] < len(entries) / 20 + 100, "many go in one request"

"""Audit records are written whatever the refused request named."""

from dataclasses import replace

from wanderamt.backbone.persistence.audit import AuditFilter, AuditRecord, find_records, record
from wanderamt.shell.audit_cli import audit_table
from wanderamt_testing.databases import OpenDatabase


async def test_a_text_that_no_column_holds_keeps_no_record_out(open_database: OpenDatabase) -> None:
    database = await open_database("scheduling")
    odd = AuditRecord("x\x00", "GET /\x00", "\ud800\x00\r\n", outcome="role.missing", reason="a\x00b")
    async with database.unit_of_work() as uow:
        await record(uow, odd, AuditRecord("planner@linz", "stand.move"))
    async with database.unit_of_work() as uow:
        stored = await find_records(uow, AuditFilter(), before=2**62, limit=9)
    assert [row.who for row in stored] == ["planner@linz", "x□"]
    assert stored[1].subject_id == "□□  "


async def test_the_table_tells_a_decision_from_its_undoing(open_database: OpenDatabase) -> None:
    database = await open_database("scheduling")
    cut_off = AuditRecord("operator@linz", "officer.cut_off", "clerk@linz", reason="left the city")
    async with database.unit_of_work() as uow:
        await record(uow, cut_off, replace(cut_off, details={"undone": True}))
    async with database.unit_of_work() as uow:
        table = audit_table(await find_records(uow, AuditFilter(), before=2**62, limit=9))
    assert ["undone: True" in line for line in table.splitlines()[2:]] == [True, False]

"""The history checker alone."""

import pytest
from wanderamt_faults.audit import Findings, PublishedRecord, audit_effects, audit_log, audit_once


def record(offset: int, version: int, *, event_id: str = "", partition: int = 0, subject: str = "a") -> PublishedRecord:
    return PublishedRecord("t", partition, offset, event_id or f"{subject}{version}", subject, version, "x")


def kinds(findings: Findings) -> set[str]:
    return {name for name in ("lost", "doubled", "reordered", "stuck") if getattr(findings, name)}


@pytest.mark.parametrize(
    ("records", "wrong"),
    [
        ([record(0, 1), record(1, 2)], set()),
        ([record(0, 1), record(1, 2), record(2, 1)], {"doubled"}),
        ([record(0, 1)], {"lost"}),
        ([record(0, 2), record(1, 1)], {"reordered"}),
        ([record(0, 1), record(0, 2, partition=1)], {"reordered"}),
        ([record(0, 1), record(1, 2), record(2, 2, event_id="other")], {"doubled"}),
    ],
)
def test_a_log_is_complete_in_order_and_without_unexplained_duplicates(
    records: list[PublishedRecord], wrong: set[str]
) -> None:
    assert kinds(audit_log(records, {"a": 2}, second_deliveries=0)) == wrong


def test_a_second_delivery_that_a_crash_explains_is_accepted() -> None:
    records = [record(0, 1), record(1, 2), record(2, 1), record(3, 2)]
    assert audit_log(records, {"a": 2}, second_deliveries=2).clean


@pytest.mark.parametrize(
    ("effects", "wrong"),
    [
        ([("a", 1), ("a", 2)], set()),
        ([("a", 1)], {"lost"}),
        ([("a", 1), ("a", 1), ("a", 2)], {"doubled"}),
        ([("a", 2), ("a", 1)], {"reordered"}),
    ],
)
def test_each_version_has_its_effect_once_and_in_order(effects: list[tuple[str, int]], wrong: set[str]) -> None:
    assert kinds(audit_effects({"a": 2}, effects)) == wrong


def test_an_unknown_outcome_is_accepted_at_most_once() -> None:
    assert audit_once("mail", {"a", "b"}, {"a": 1}, unknown={"b"}).clean
    assert kinds(audit_once("mail", {"a"}, {"a": 2}, unknown={"a"})) == {"doubled"}
    assert kinds(audit_once("mail", {"a"}, {}, unknown=set())) == {"lost"}

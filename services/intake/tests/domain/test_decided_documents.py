"""Which documents one message orders and revokes, when it finishes a case, withdraws or corrects it."""

from case_under_test import NOW, PERSON, CaseUnderTest
from intake.domain.actor import Actor
from intake.domain.case.case_events import (
    CaseHistoryEvent,
    Finished,
    ProvisionalDocumentGiven,
    Reopened,
    Withdrawn,
)
from intake.domain.event_mapping import EMPTY_FORM
from intake.handlers.case_changes import CaseChange, DecidedDocuments, decide_documents
from intake.store.history_statements import HistoryRow
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import DocumentId

CORRECTED = Reopened("clerk", "corrected", NOW)


def printed() -> ProvisionalDocumentGiven:
    return ProvisionalDocumentGiven(DocumentId(uuid7()), "GZ-2026-0000001-1", NOW)


def decided(*events: CaseHistoryEvent) -> DecidedDocuments:
    """Each event by an entry of its own, all of one request."""
    subject = CaseUnderTest("resident_parking", PERSON)
    changes = []
    for event in events:
        subject.append((event,))
        case = subject.case
        history = HistoryRow(case.id, case.version, (event,), EMPTY_FORM, "clerk", None, None)
        changes.append(CaseChange(case, False, (event,), history, Actor("clerk")))
    return decide_documents(changes, {}, now=NOW)


def test_a_case_that_is_finished_and_withdrawn_in_one_message_gets_no_document() -> None:
    assert decided(Finished()).finished
    assert not decided(Finished(), Withdrawn(0)).finished
    assert not decided(Finished(), CORRECTED).finished


def test_a_case_that_is_finished_again_in_one_message_gets_one_document() -> None:
    documents = decided(Finished(), CORRECTED, Finished())
    assert len(documents.finished) == 1
    assert documents.void == documents.finished.keys()


def test_only_a_paper_that_was_printed_before_the_correction_is_revoked() -> None:
    before, after = printed(), printed()
    documents = decided(before, Finished(), CORRECTED, after)
    assert [documents.revokes(document) for document in documents.provisional] == [True, False]


def test_a_paper_of_a_case_that_was_withdrawn_is_revoked() -> None:
    documents = decided(Withdrawn(0), printed())
    assert [documents.revokes(document) for document in documents.provisional] == [True]

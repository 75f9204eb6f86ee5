"""What the routes and handlers of intake need beside a transaction; `app.build` makes it once."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from service_catalogue.authority import Letterhead
from wanderamt.backbone.persistence.database import Database
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.assertions import AssertionSigner
from wanderamt.security.keys import FieldCipher
from wanderamt.security.tokens import TokenSigner

from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.document_status import Claims
from intake.handlers.change_waits import ChangeWaits
from intake.handlers.status_list import StatusListCache
from intake.signing.authority import Authority, TrustedCertificate


@dataclass(frozen=True, slots=True)
class FieldAppSettings:
    """What the crew's app needs before a clerk has signed in. `lock_after_s`: idle seconds until the app locks."""

    sign_in_url: str
    sign_in_client: str
    lock_after_s: int


@dataclass(frozen=True, slots=True)
class IntakeContext:
    """`answers`: verifies the answers of the registry bridge. `trusted`: certificates of the authority that count, the
    present one first.

    `read_document`: what a file, a picture or the text of a QR code claims, or why it proves nothing; it runs in a
    process of its own. Its second argument: the network of who asks. `operators`: who looks after faults of ours.
    `close_after`: how long after its end a case is closed.
    """

    database: Database
    cipher: FieldCipher
    answers: AssertionSigner
    catalogue: Catalogue
    authority: Authority
    letterhead: Letterhead
    trusted: Sequence[TrustedCertificate]
    token_signer: TokenSigner
    status_list: StatusListCache
    change_waits: ChangeWaits
    operators: str
    close_after: timedelta
    read_document: Callable[[bytes, str], Awaitable[Claims | Refusal]]
    field_app: FieldAppSettings

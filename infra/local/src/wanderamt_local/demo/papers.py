"""The papers of the morning, checked as an employer would: with the authority's certificate, off the network."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from intake.domain.proof import Claims, Standing, standing
from intake.proof.authority import Trust
from intake.proof.paper import read_paper
from intake.proof.stamp import read_list
from wanderamt.kernel.refusal import Refusal


@dataclass(frozen=True)
class Checker:
    """What anybody can download: the certificate in PEM, the signed list of papers that were taken back."""

    certificate: str
    status_list: bytes

    def count_valid(self, papers: Iterable[bytes], *, now: datetime) -> int:
        trusted = [Trust.read(self.certificate)]
        listed = read_list(self.status_list, trusted)
        found = [read_paper(paper, trusted) for paper in papers]
        return sum(
            isinstance(claims, Claims)
            and not isinstance(listed, Refusal)
            and standing(claims, listed, now=now) is Standing.VALID
            for claims in found
        )

    def keep(self, folder: Path) -> None:
        (folder / "authority.pem").write_text(self.certificate)
        (folder / "status-list.cwt").write_bytes(self.status_list)

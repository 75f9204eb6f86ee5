"""Simulates the electoral roll of the city with one coming election.

Run it: wanderamt bridge simulate electoral_roll --set people=people.jsonl. The election and its deadlines are set as
faults are: POST /_simulator {"election_day": "2027-09-26", "spoken_until": "2027-09-24T12:00:00+02:00"}. Look at the
cards: GET /_simulator/rows.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.json_simulator import JsonSimulator, OrderRefusedError
from connector_kit.testing.simulator import FaultConfig, Rows
from pydantic import AwareDatetime, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from wanderamt.backbone.environment import utc_now

from registry_bridge.bridges.electoral_roll.election import Election, election_on, next_election_day
from registry_bridge.bridges.electoral_roll.models import VoterQuery, VotingCardNumber, VotingCardOrder
from registry_bridge.bridges.seeded_people import RegisteredPerson, only_match, read_people
from registry_bridge.bridges.shared_models import RegisterPerson


class ElectionFaults(FaultConfig):
    """`election_day`: by default a Sunday ahead; the deadlines by default those of the law. `now`: the time at the
    register, by default that of the machine."""

    election: str = Field("Nationalratswahl", min_length=1)
    election_day: date | None = None
    spoken_until: AwareDatetime | None = None
    written_until: AwareDatetime | None = None
    now: AwareDatetime | None = None


def open_simulator(
    _: BridgeFolder, *, faults: dict[str, Any], seed: int = 1, people: str = ""
) -> "ElectoralRollSimulator":
    return ElectoralRollSimulator(read_people(people), ElectionFaults.model_validate(faults), seed=seed)


class ElectoralRollSimulator(JsonSimulator[ElectionFaults]):
    """`people`: None: everybody of the voting age is on the roll."""

    def __init__(
        self,
        people: Sequence[RegisteredPerson] | None,
        faults: ElectionFaults,
        *,
        seed: int = 1,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(
            [
                Route("/voters/search", self.find, methods=["POST"]),
                Route("/cards", self.request, methods=["POST"]),
                Route("/withdrawals", self.withdraw, methods=["POST"]),
            ],
            faults=faults,
            seed=seed,
        )
        self.people, self._clock = people, clock
        self.cards: dict[str, dict[str, Any]] = {}

    @property
    def election(self) -> Election:
        faults = self.faults
        day = faults.election_day or next_election_day(self._now())
        return election_on(day, faults.election, spoken_until=faults.spoken_until, written_until=faults.written_until)

    def rows(self) -> Rows:
        return {"cards": list(self.cards.values())}

    def prepare_example(self, operation: str, question: dict[str, Any]) -> None:
        if operation == "withdraw_voting_card":
            number = question["card_number"]
            self.cards.setdefault(number, {"card_number": number, "family_name": number, "withdrawn": False})

    async def find(self, request: Request) -> Response:
        def answer(fields: dict[str, Any]) -> dict[str, Any]:
            question = VoterQuery.model_validate(fields)
            person, election = self._voter(question), self.election
            if question.municipality and person.address and person.address.municipality != question.municipality:
                raise OrderRefusedError("not-on-the-roll", 404)
            return election.as_answer() | {"card_requested": self._has_card(question)}

        return await self.look_up(request, answer)

    async def request(self, request: Request) -> Response:
        return await self.order(request, lambda fields: self._request(VotingCardOrder.model_validate(fields)))

    async def withdraw(self, request: Request) -> Response:
        return await self.order(
            request, lambda fields: self._withdraw(VotingCardNumber.model_validate(fields).card_number)
        )

    def _now(self) -> datetime:
        return self.faults.now or self._clock()

    def _voter(self, question: RegisterPerson) -> RegisteredPerson:
        person = only_match(
            self.people, family_name=question.family_name, given_name=question.given_name, birth=question.birth
        )
        if not person or not self.election.admits(person):
            raise OrderRefusedError("not-on-the-roll", 404)
        return person

    def _has_card(self, question: RegisterPerson) -> bool:
        wanted = _person(question) | {"election": self.election.name, "withdrawn": False}
        return any(all(card.get(name) == value for name, value in wanted.items()) for card in self.cards.values())

    def _request(self, order: VotingCardOrder) -> dict[str, Any]:
        self._voter(order)
        if self._has_card(order):
            raise OrderRefusedError("card-exists")
        if not self.election.is_open(order.channel, now=self._now()):
            raise OrderRefusedError("too-late", 422)
        number = f"WK-{len(self.cards) + 1:06}"
        self.cards[number] = {
            "card_number": number,
            **_person(order),
            "channel": order.channel.value,
            "delivery_address": order.delivery_address.model_dump() if order.delivery_address else None,
            "election": self.election.name,
            "withdrawn": False,
        }
        answer = self.election.as_answer()
        return {"card_number": number, "election": answer["election"], "election_day": answer["election_day"]}

    def _withdraw(self, number: str) -> dict[str, Any]:
        if number not in self.cards:
            raise OrderRefusedError("no-card", 404)
        self.cards[number]["withdrawn"] = True
        return {"card_number": number}


def _person(question: RegisterPerson) -> dict[str, str]:
    return {"family_name": question.family_name, "given_name": question.given_name, "birth": question.birth}

"""What happens to one case of a register run: who comes for what, what is corrected, withdrawn and reopened.

Invariants: a script is a pure function of its seed and the day; no two scripts have a person or a plate in common,
except the plates that companies share, which make the register refuse.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from service_catalogue.streets import Street, shipped_street_register

Json = dict[str, Any]
REGISTRATION: Final = "registration"
PARKING: Final = "resident_parking"
PERMIT_CENTS: Final = 7540
LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
SHARED_BY: Final = 12  # scripts that know the plate of one company
MOST_STEPS: Final = 5
WITHDRAWN_WHILE_WRITING: Final = 0.25


class CaseAction(StrEnum):
    CORRECT = "correct"
    PAY = "pay"
    WITHDRAW = "withdraw"  # on the device
    WITHDRAW_AT_OFFICE = "withdraw at the office"
    REOPEN = "reopen"
    ASK_AGAIN = "ask again"
    HAND_OVER = "hand over"
    REPEAT = "repeat all entries"


class StepMoment(StrEnum):
    NOW = "now"
    SETTLED = "settled"  # the registers have answered, as far as the case waits for them
    WRITING = "writing"  # its command is on its way


@dataclass(frozen=True)
class ScriptedStep:
    """`after_s`: seconds since the moment, or since the step before. `facts`: of a correction."""

    after_s: float
    action: CaseAction
    facts: Json = field(default_factory=dict)
    moment: StepMoment = StepMoment.NOW


@dataclass(frozen=True)
class CaseScript:
    """`people`: whom the registers know, a line of their file each. `names`: family names of the applicant and of all
    who may ever be registered with this case. `own_plates`: those that this applicant may get a permit for."""

    seed: int
    service: str
    opening: Json
    split: bool
    provisional: bool
    steps: tuple[ScriptedStep, ...]
    people: tuple[Json, ...]
    family_name: str
    own_plates: frozenset[str] = frozenset()


def script_of(seed: int, today: date) -> CaseScript:
    rng = random.Random(seed)
    return _registration(seed, rng, today) if rng.random() < 0.5 else _parking(seed, rng)


def _registration(seed: int, rng: random.Random, today: date) -> CaseScript:
    name, home = _name_of(seed), _address(rng)
    applicant = {"given_name": "Anna", "family_name": name, "birth_date": "1984-03-17"}
    known = rng.random() < 0.7
    members = [
        {"family_name": name, "given_name": first_name, "birth": birth, "nationality": "AT"}
        for first_name, birth in (("Berta", "1986-07-02"), ("Carl", "2012-01-30"), ("Dora", "2015-10-11"))
    ]
    stays = known and rng.random() < 0.12  # registered there already: the register refuses
    facts: Json = {
        "moved_on": (today - timedelta(days=rng.randrange(3))).isoformat(),
        "address": home if stays else _address(rng),
        "dwelling": "main" if stays else rng.choice(("main", "main", "secondary")),
        "came_from": "austria" if known else "first",
        "nationality": "AT",
        "owner_of_dwelling": True,
        "family": [{"person": person} for person in members[: rng.randrange(4)]],
        "foreign_document_shown": False,
    }
    if known:
        facts["previous_address"] = home
    if rng.random() < 0.4:
        facts |= {"owner_of_dwelling": False, "housing_provider": f"Haus {name}"}
    if rng.random() < 0.2:
        document = {"kind": "passport", "number": f"P{seed:07}", "issued_by": "DE", "valid_until": "2032-01-31"}
        facts |= {"nationality": "DE", "document": document, "foreign_passport_shown": False}
    papers = [{"code": "birth_certificate", "handling": "show"}]
    papers += [{"code": "travel_document", "handling": "show"}] if "document" in facts else []
    papers += [{"code": "landlord_signature", "handling": "keep"}] if "housing_provider" in facts else []

    def correction() -> Json:
        match rng.randrange(4):
            case 0:
                return {"dwelling": rng.choice(("main", "secondary"))}
            case 1:
                return {"family": [{"person": person} for person in members[: rng.randrange(4)]]}
        return {"address": _address(rng)}

    people = [applicant | {"address": home, "since": "2014-02-01"}] if known else []
    people += [person | {"address": home, "since": "2014-02-01"} for person in members if known and rng.random() < 0.5]
    opening = {"service": REGISTRATION, "applicant": applicant, "facts": facts, "papers": papers}
    return CaseScript(
        seed=seed,
        service=REGISTRATION,
        opening=opening | {"identified": "photo_id"},
        split=rng.random() < 0.3,
        provisional=rng.random() < 0.3,
        steps=tuple(_steps(rng, correction, must_correct=stays and rng.random() < 0.7)),
        people=tuple(people),
        family_name=name,
    )


def _parking(seed: int, rng: random.Random) -> CaseScript:
    name = _name_of(seed)
    applicant = {"given_name": "Anna", "family_name": name, "birth_date": "1984-03-17"}
    own = [_plate(3 * seed), _plate(3 * seed + 1)]
    of_stranger, of_company = _plate(3 * seed + 2), f"LL-{100 + seed // SHARED_BY % 900}FA"
    vehicle, plate = "own", own[0]
    drawn = rng.random()
    if drawn < 0.14:
        plate = of_stranger  # its keeper is somebody else: a rule of admission refuses
    elif drawn < 0.3:
        vehicle, plate = "company", of_company  # another case may have got it already: the register refuses
    facts = {"vehicle": vehicle, "plate": {"country": "AT", "text": plate}, "own_parking_place": False}

    def correction() -> Json:
        chosen = rng.choice((own[0], own[1], own[1], of_stranger))
        return {"vehicle": "own", "plate": {"country": "AT", "text": chosen}}

    home, since = _address(rng), "2014-02-01"
    known = [applicant | {"address": home, "since": since, "vehicles": [{"plate": text} for text in own]}]
    people = known if rng.random() < 0.95 else []
    stranger = {"family_name": f"Fremd{name}", "given_name": "Eva", "birth_date": "1970-01-01", "address": home}
    people = [*people, stranger | {"since": since, "vehicles": [{"plate": of_stranger}]}]
    if seed % SHARED_BY == 0:
        company = {"plate": of_company, "company": "Firma GmbH"}
        people.append(
            {"family_name": f"Firma{name}", "given_name": "", "birth_date": "1960-01-01", "address": home}
            | {"vehicles": [company]}
        )
    papers = [{"code": "vehicle_papers", "handling": "show"}, {"code": "company_letter", "handling": "scan"}]
    opening = {"service": PARKING, "applicant": applicant, "facts": facts, "identified": "photo_id"}
    return CaseScript(
        seed=seed,
        service=PARKING,
        opening=opening | {"papers": papers[: 2 if vehicle == "company" else 1], "cents": PERMIT_CENTS},
        split=rng.random() < 0.3,
        provisional=False,
        steps=tuple(_steps(rng, correction, must_correct=plate != own[0] and rng.random() < 0.7)),
        people=tuple(people),
        family_name=name,
        own_plates=frozenset(own),
    )


def _steps(rng: random.Random, correction: Any, *, must_correct: bool) -> Iterator[ScriptedStep]:
    """Corrections, withdrawals and the like at random moments, so that they meet calls in any state."""

    def step(action: CaseAction, facts: Json | None = None, *, settled_share: float = 0.5) -> ScriptedStep:
        after_s = rng.choice((rng.uniform(0, 0.3), rng.uniform(0.3, 2), rng.uniform(2, 5)))
        moment = StepMoment.SETTLED if rng.random() < settled_share else StepMoment.NOW
        return ScriptedStep(after_s, action, facts or {}, moment)

    if must_correct:
        yield step(CaseAction.CORRECT, correction(), settled_share=0.8)
    if rng.random() < WITHDRAWN_WHILE_WRITING:
        action = rng.choice((CaseAction.WITHDRAW, CaseAction.WITHDRAW_AT_OFFICE))
        yield ScriptedStep(0, action, moment=StepMoment.WRITING)
        if rng.random() < 0.5:
            yield step(CaseAction.REOPEN)
            yield step(CaseAction.PAY, settled_share=0.2)
    for _ in range(rng.choices(range(MOST_STEPS), weights=(3, 4, 3, 2, 1))[0]):
        drawn = rng.random()
        if drawn < 0.3:
            yield step(CaseAction.CORRECT, correction())
        elif drawn < 0.55:
            yield step(rng.choice((CaseAction.WITHDRAW, CaseAction.WITHDRAW_AT_OFFICE)), settled_share=0.3)
            if rng.random() < 0.5:
                yield step(CaseAction.REOPEN, settled_share=0.3)
                if rng.random() < 0.5:
                    yield step(CaseAction.CORRECT, correction(), settled_share=0.3)
                yield step(CaseAction.PAY, settled_share=0.2)
        elif drawn < 0.8:
            yield step(CaseAction.REOPEN, settled_share=0.9)
            yield step(CaseAction.CORRECT, correction()) if rng.random() < 0.6 else step(CaseAction.ASK_AGAIN)
            if rng.random() < 0.3:
                yield step(CaseAction.WITHDRAW, settled_share=0.3)
        else:
            other = (CaseAction.ASK_AGAIN, CaseAction.ASK_AGAIN, CaseAction.HAND_OVER, CaseAction.REPEAT)
            yield step(rng.choice(other))


def _name_of(seed: int) -> str:
    """Letters alone, as registers accept them."""
    digits = f"{seed:05}"
    return "Lauf" + "".join("abcdefghij"[int(digit)] for digit in digits)


def _plate(number: int) -> str:
    first, second = LETTERS[number % len(LETTERS)], LETTERS[number // len(LETTERS) % len(LETTERS)]
    return f"L-{100 + number // len(LETTERS) ** 2 % 900}{second}{first}"


def _address(rng: random.Random) -> Json:
    street: Street = rng.choice(shipped_street_register().streets)
    address = {"country": "AT", "postal_code": street.postal_code, "municipality": "Linz"}
    return address | {"street": street.name, "number": str(rng.randrange(1, 90)), "door": str(rng.randrange(1, 30))}

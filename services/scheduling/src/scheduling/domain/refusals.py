"""Every refusal of scheduling. Codes are published: never change one, add a new one."""

from wanderamt.kernel.refusal import Ground, Refusal

WINDOW = Refusal("stand.window_backwards", "The stand ends before it starts. Correct the times.")
TOO_LONG = Refusal("stand.window_too_long", "A stand lasts at most 16 hours. Plan one stand a day.")
NO_STAND = Refusal("stand.not_found", "There is no such stand.", Ground.NOT_FOUND)
STAND_EXISTS = Refusal("stand.exists", "A stand with this id exists already, with other content.", Ground.CONFLICT)
CANCELLED = Refusal("stand.cancelled", "This stand is cancelled already.", Ground.CONFLICT)


def taken(kind: str) -> Refusal:
    """`kind` of resource: pitch, crew, vehicle or kit."""
    return Refusal(
        "stand.resource_taken",
        f"The {kind} is at another stand at that time. Choose another {kind} or another time.",
        Ground.CONFLICT,
    )

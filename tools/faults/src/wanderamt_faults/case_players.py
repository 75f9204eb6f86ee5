"""Plays the scripts of a register run: records the entries of the crew and the decisions of the back office."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from wanderamt.backbone.environment import Environment
from wanderamt_local.field_entries import DOCUMENT_SERIES, RECEIPT_SERIES, split_case
from wanderamt_local.system import System

from wanderamt_faults.case_clients import BackOffice, CaseDevice
from wanderamt_faults.case_evidence import SERVER_ERRORS, unsettled_cases
from wanderamt_faults.case_scripts import PERMIT_CENTS, CaseAction, CaseScript, ScriptedStep, StepMoment

AT_ONCE: Final = 100
SEEN_EVERY_S: Final = 0.5
LONGEST_WAIT_S: Final = {StepMoment.NOW: 0, StepMoment.SETTLED: 40, StepMoment.WRITING: 60}
MOST_SETTLED_LOOKS: Final = 10
ACCEPTED: Final = frozenset({"accepted", "duplicate"})


@dataclass
class CasePlayers:
    """`cases`: the id of the case of each script. `actions`: how often each action had an effect, or was refused.
    `unsettled`: the cases whose calls are on their way, as last seen, and whether their command is."""

    devices: list[CaseDevice]
    office: BackOffice
    unsettled: dict[UUID, bool] = field(default_factory=dict)
    environment: Environment = field(default_factory=Environment)
    cases: dict[int, UUID] = field(default_factory=dict)
    actions: Counter[str] = field(default_factory=Counter)

    async def play_all(self, scripts: list[CaseScript]) -> None:
        at_once = asyncio.Semaphore(AT_ONCE)

        async def play(script: CaseScript) -> None:
            async with at_once:
                await self._play(script)

        async with asyncio.TaskGroup() as group:
            for script in scripts:
                group.create_task(play(script))

    async def _play(self, script: CaseScript) -> None:
        device, case_id = self.devices[script.seed % len(self.devices)], self.environment.new_id()
        self.cases[script.seed] = case_id
        body = dict(script.opening)
        if cents := body.pop("cents", 0):
            body["paid"] = await self._payment(device, cents)
        steps = split_case(body) if script.split else [("case.open", body)]
        answers = [device.record(type_, case_id, part) for type_, part in steps]
        if script.provisional:
            paper = {"document_id": str(self.environment.new_id()), "number": await device.number(DOCUMENT_SERIES)}
            answers.append(device.record("case.give_provisional", case_id, paper))
        for answer in answers:
            self._count("open", await answer in ACCEPTED)
        for step in script.steps:
            await self._until(step.moment, case_id)
            await asyncio.sleep(step.after_s)
            await self._act(step, script, device, case_id)

    async def _until(self, moment: StepMoment, case_id: UUID) -> None:
        settled_looks = 0
        for _ in range(int(LONGEST_WAIT_S[moment] / SEEN_EVERY_S)):
            await asyncio.sleep(SEEN_EVERY_S)
            writes = self.unsettled.get(case_id)
            settled_looks += writes is None
            if writes if moment is StepMoment.WRITING else writes is None:
                return
            if settled_looks > MOST_SETTLED_LOOKS:
                return  # its command was answered between two looks, or waits for the crew

    async def keep_watching(self, system: System) -> None:
        """Sees again and again which cases wait for registers."""
        while True:
            await asyncio.sleep(SEEN_EVERY_S)
            with suppress(*SERVER_ERRORS):
                self.unsettled = await unsettled_cases(system)

    async def _act(self, step: ScriptedStep, script: CaseScript, device: CaseDevice, case_id: UUID) -> None:
        done: bool
        match step.action:
            case CaseAction.CORRECT:
                done = await device.record("case.fill", case_id, {"facts": step.facts}) in ACCEPTED
            case CaseAction.WITHDRAW:
                done = await device.record("case.withdraw", case_id, {}) in ACCEPTED
            case CaseAction.PAY:
                cents = PERMIT_CENTS if "cents" in script.opening else 0
                if not cents:
                    return
                payment = await self._payment(device, cents)
                done = await device.record("case.pay", case_id, payment) in ACCEPTED
            case CaseAction.REPEAT:
                await device.repeat(case_id)
                done = True
            case CaseAction.WITHDRAW_AT_OFFICE:
                done = await self.office.post(f"/cases/{case_id}/withdraw") < 400
            case CaseAction.REOPEN:
                done = await self.office.post(f"/cases/{case_id}/reopen", {"reason": "a mistake"}) < 400
            case CaseAction.ASK_AGAIN:
                done = await self.office.post(f"/cases/{case_id}/ask-again") < 400
            case CaseAction.HAND_OVER:
                deadline = self.environment.clock() + timedelta(days=2)
                order = {"to": "office@linz", "reason": "look again", "deadline": deadline.isoformat()}
                done = await self.office.post(f"/cases/{case_id}/hand-over", order) < 400
        self._count(step.action, done)

    async def _payment(self, device: CaseDevice, cents: int) -> dict[str, Any]:
        return {"cents": cents, "payment": "cash", "receipt": await device.number(RECEIPT_SERIES)}

    def _count(self, action: str, done: bool) -> None:
        self.actions[action if done else f"{action}, refused"] += 1

// The queue at the stand: appointments from the bundle and walk-ins, sorted by time. Tickets need no network.
import { now } from "../platform/clock.ts";
import { getFact, setFact } from "../platform/database.ts";
import { notifyChanged } from "../store/changes.ts";
import type { Bundle } from "./bundle.ts";

export type VisitorState = "expected" | "here" | "served" | "away";

export interface Visitor {
  id: string; // appointment id or ticket
  called: string;
  service: string; // empty for walk-ins: the clerk asks
  at: number; // ms: time of the appointment or of arrival
  walkIn: boolean;
  state: VisitorState;
}

interface StoredQueue {
  stand_id: string;
  tickets: { called: string; at: number }[];
  states: Record<string, VisitorState>;
}

const storedQueue = async (standId: string): Promise<StoredQueue> => {
  const stored = await getFact<StoredQueue>("queue");
  return stored?.stand_id === standId ? stored : { stand_id: standId, tickets: [], states: {} };
};

/** Sorted by state (present, expected, away, served), then by time. */
export async function loadVisitors(bundle: Bundle): Promise<Visitor[]> {
  const { tickets, states } = await storedQueue(bundle.stand.stand_id);
  const expected = bundle.appointments.map((appointment) => ({
    ...{
      id: appointment.appointment_id,
      called: appointment.code,
      service: appointment.service,
      at: Date.parse(appointment.starts_at),
      walkIn: false,
    },
    state: states[appointment.appointment_id] ?? ("expected" as const),
  }));
  const walkIns = tickets.map((ticket) => ({
    ...{ id: ticket.called, called: ticket.called, service: "", at: ticket.at, walkIn: true },
    state: states[ticket.called] ?? ("here" as const),
  }));
  const rank: Record<VisitorState, number> = { here: 0, expected: 1, away: 2, served: 3 };
  return [...expected, ...walkIns].sort((left, right) => rank[left.state] - rank[right.state] || left.at - right.at);
}

/** Adds a walk-in with a ticket such as W-007. */
export async function addWalkIn(bundle: Bundle): Promise<Visitor> {
  const queue = await storedQueue(bundle.stand.stand_id);
  const called = `W-${String(queue.tickets.length + 1).padStart(3, "0")}`;
  const at = now();
  await setFact("queue", { ...queue, tickets: [...queue.tickets, { called, at }] });
  notifyChanged();
  return { id: called, called, service: "", at, walkIn: true, state: "here" };
}

export async function setVisitorState(bundle: Bundle, id: string, state: VisitorState): Promise<void> {
  const queue = await storedQueue(bundle.stand.stand_id);
  await setFact("queue", { ...queue, states: { ...queue.states, [id]: state } });
  notifyChanged();
}

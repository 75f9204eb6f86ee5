// Who is next: appointments of the bundle and people who walked in, on one clock. Tickets need no network.
import { now } from "../device/clock.ts";
import { fact, note } from "../store/db.ts";
import { changed } from "../store/live.ts";
import type { Bundle } from "./bundle.ts";

export type Waiting = "expected" | "here" | "served" | "away";

export interface Guest {
  id: string; // of the appointment, or the ticket
  called: string;
  service: string; // empty for who walked in: asked at the desk
  at: number; // ms: booked for, or come at
  walkIn: boolean;
  state: Waiting;
}

interface Kept {
  stand_id: string;
  tickets: { called: string; at: number }[];
  states: Record<string, Waiting>;
}

const kept = async (standId: string): Promise<Kept> => {
  const found = await fact<Kept>("queue");
  return found?.stand_id === standId ? found : { stand_id: standId, tickets: [], states: {} };
};

/** Those that are here before those that are expected, then by the clock; who was served comes last. */
export async function guests(found: Bundle): Promise<Guest[]> {
  const { tickets, states } = await kept(found.stand.stand_id);
  const booked = found.appointments.map((one) => ({
    ...{ id: one.appointment_id, called: one.code, service: one.service, at: Date.parse(one.starts_at), walkIn: false },
    state: states[one.appointment_id] ?? ("expected" as const),
  }));
  const walked = tickets.map((one) => ({
    ...{ id: one.called, called: one.called, service: "", at: one.at, walkIn: true },
    state: states[one.called] ?? ("here" as const),
  }));
  const rank: Record<Waiting, number> = { here: 0, expected: 1, away: 2, served: 3 };
  return [...booked, ...walked].sort((one, other) => rank[one.state] - rank[other.state] || one.at - other.at);
}

/** A ticket such as W-007. */
export async function walkIn(found: Bundle): Promise<Guest> {
  const queue = await kept(found.stand.stand_id);
  const called = `W-${String(queue.tickets.length + 1).padStart(3, "0")}`;
  const at = now();
  await note("queue", { ...queue, tickets: [...queue.tickets, { called, at }] });
  changed();
  return { id: called, called, service: "", at, walkIn: true, state: "here" };
}

export async function setState(found: Bundle, id: string, state: Waiting): Promise<void> {
  const queue = await kept(found.stand.stand_id);
  await note("queue", { ...queue, states: { ...queue.states, [id]: state } });
  changed();
}

/**
 * Owns the zones of a blow: which ones a payload aims at and which ones it guards. Payloads are client input as it came, so
 * everything is looked at with bounds, and what makes no sense is left out rather than refused: the move was accepted.
 */
import type { JsonObject } from '#contracts/json.ts';
import type { ClassicStats } from './stats.ts';

/** Entries looked at in a client's list: twice what a body can have, so that some nonsense does no harm. */
const ENTRIES_READ_MAX = 16;

/** The zones a payload aims at, of those the defender has; empty for a strike at no zone in particular. */
export function attackZones(payload: JsonObject, defender: ClassicStats): readonly string[] {
  return knownZones(payload.attack_zones, defender.zones);
}

/** The zones a payload guards: as many of the defender's own as it can guard at once, the first ones named. */
export function blockedZones(payload: JsonObject, defender: ClassicStats): readonly string[] {
  return knownZones(payload.block_zones, defender.zones).slice(0, defender.block_zones);
}

/** The distinct zones of a body that a client's list names, in the order of the list. */
function knownZones(list: unknown, body: readonly string[]): string[] {
  const zones: string[] = [];
  if (!Array.isArray(list)) return zones;
  const end = Math.min(list.length, ENTRIES_READ_MAX);
  for (let index = 0; index < end; index++) {
    const entry: unknown = list[index];
    if (typeof entry === 'string' && body.includes(entry) && !zones.includes(entry)) zones.push(entry);
  }
  return zones;
}

/**
 * Owns the interface between the AI worker and a policy: the plug that games put their own bots into. A policy chooses
 * blows and nothing else; move ids, signals and acknowledgements are the worker's. Policies are pure: what they may know is
 * in the request, what chance they need is in `chance`, so answering a request twice gives the same blows.
 */
import type { Chance } from '#combat/chance.ts';
import type { JsonObject } from '#contracts/json.ts';
import type { AiTurnRequest } from '#contracts/tasks.ts';

/** The payload of an exchange, as a bot sends it. Beyond the target it is between the policy and the rules. */
export type BlowPayload = JsonObject & { readonly target_id: string };

/** How bots move. */
export interface Policy {
  readonly name: string;
  /** Whether the policy takes this request; absent, it takes every one. */
  handles?(request: AiTurnRequest): boolean;
  /** One blow for each of `request.missing_targets`, by target. `chance` is seeded by session and `request_id`. */
  choose(request: AiTurnRequest, chance: Chance): ReadonlyMap<string, BlowPayload>;
}

/** The policy that answers a request: the last one added that handles it. Throws where none does. */
export function choosePolicy(policies: readonly Policy[], request: AiTurnRequest): Policy {
  const chosen = policies.findLast((policy) => policy.handles === undefined || policy.handles(request));
  if (chosen === undefined) throw new Error(`no policy handles bot ${request.bot_id} of ${request.session_id}`);
  return chosen;
}

/**
 * Owns the chain of ordinals that both folds follow: actions and results are numbered from 1 without a gap, and a message
 * that does not continue the chain is nobody's and is ignored by every fold (I4, I10).
 */
import type { ResultMessage } from '#contracts/result.ts';

/** True where the items are the ones after `last`, without a gap. */
export function continues(items: readonly { readonly action_id: string }[], last: number): boolean {
  return items.every((item, index) => item.action_id === String(last + 1 + index));
}

/** True where a result message continues these totals, and agrees with them. */
export function followsUp(
  message: ResultMessage,
  totals: { readonly emitted: number; readonly executed: number; readonly step: number },
): boolean {
  const executed = totals.executed + message.results.length;
  return (
    continues(message.results, totals.executed) &&
    message.executed === executed &&
    executed <= totals.emitted &&
    message.step >= totals.step
  );
}

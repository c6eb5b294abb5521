/**
 * Owns what the server may say to a publish, told apart by what the caller does next (style: errors by the next step).
 */

/** The server's error codes that decide what happens next. */
export const ServerCode = {
  /** The expected last sequence is not the last one. */
  WRONG_LAST_SEQUENCE: 10071,
  /** The same, as replicated streams may say it. */
  WRONG_LAST_SEQUENCE_CONSTANT: 10164,
  /** A publish with the same Msg-Id is in flight. */
  DUPLICATE_IN_FLIGHT: 10158,
  /** The server's own limit of storage is reached: said before anything is stored, as a 503 like that of a stream without a leader. */
  INSUFFICIENT_RESOURCES: 10023,
  /** No message is stored where one was asked for. */
  NO_MESSAGE: 10037,
  STREAM_NOT_FOUND: 10059,
  CONSUMER_NOT_FOUND: 10014,
  /** Somebody created the stream in the meantime, with another configuration. */
  STREAM_NAME_IN_USE: 10058,
  /** The files of a stream cannot be made: those of one that has just been deleted may still be on their way out. */
  NO_STORE: 10049,
  SUBJECTS_OVERLAP: 10065,
  CONSUMER_EXISTS: 10148,
  /** A consumer of that name is there, and differs in what cannot be changed. */
  CONSUMER_CANNOT_CHANGE: 10012,
  /** A cluster has too few servers that could hold a replica. */
  NO_PEERS: 10005,
  /** Replicas are asked of a server that is no cluster. */
  REPLICAS_NOT_CLUSTERED: 10074,
  /** The account of the login has no JetStream, as that of the system has none. */
  NOT_ENABLED_FOR_ACCOUNT: 10039,
} as const;

/** What became of a publish. */
export type Receipt =
  | { readonly kind: 'stored'; readonly seq: number; readonly duplicate: boolean }
  /** Somebody else was first. `last` is the sequence the server compared with, where it says so. */
  | { readonly kind: 'conflict'; readonly last: number | null }
  /** It may have been stored or not: read the tail before deciding which. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** The server will not have it; to send the same again is pointless for now. */
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string };

/** Why an effect did not come about: the caller gives its wake back, to be tried again later. */
export class EffectFailed extends Error {
  override readonly name = 'EffectFailed';
}

/** Nobody serves what was asked for: the stream is gone, or has no leader just now. */
export class NobodyThere extends EffectFailed {}

/** The sequence of a publish that must have been stored, or an EffectFailed that says what was not. */
export function storedOr(receipt: Receipt, what: string): number {
  if (receipt.kind === 'stored') return receipt.seq;
  const why = receipt.kind === 'conflict' ? 'another was first' : receipt.reason;
  throw new EffectFailed(`${what}: ${receipt.kind}: ${why}`);
}

const WRONG_LAST = /wrong last sequence: (\d+)/;
/** There is no leader just now, or too little of a cluster to have one. */
export const SERVICE_UNAVAILABLE = 503;

/** Reads a publish acknowledgement. */
export function readReceipt(answer: string): Receipt {
  let parsed: PubAck;
  try {
    parsed = JSON.parse(answer) as PubAck;
  } catch {
    return { kind: 'unknown', reason: 'an acknowledgement that cannot be read' };
  }
  const { error } = parsed;
  if (error === undefined) return { kind: 'stored', seq: parsed.seq, duplicate: parsed.duplicate === true };
  const reason = error.description ?? `error ${error.code}`;
  switch (error.err_code) {
    case ServerCode.WRONG_LAST_SEQUENCE: {
      const last = WRONG_LAST.exec(reason)?.[1];
      return { kind: 'conflict', last: last === undefined ? null : Number(last) };
    }
    case ServerCode.WRONG_LAST_SEQUENCE_CONSTANT:
      return { kind: 'conflict', last: null };
    case ServerCode.DUPLICATE_IN_FLIGHT:
      return { kind: 'unknown', reason };
    case ServerCode.INSUFFICIENT_RESOURCES:
      return { kind: 'refused', code: ServerCode.INSUFFICIENT_RESOURCES, reason };
    default:
      if (error.code === SERVICE_UNAVAILABLE) return { kind: 'unknown', reason };
      return { kind: 'refused', code: error.err_code ?? error.code, reason };
  }
}

type PubAck = {
  readonly seq: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
};

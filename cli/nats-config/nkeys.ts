/**
 * Owns the nkeys of the users: a seed each, made once and kept in a file that only its owner may read. The configuration
 * holds public keys alone.
 */
import { createUser, fromSeed } from '@nats-io/nkeys';
import { Trouble } from '../trouble.ts';
import { textOf, writeSecret } from './kept-file.ts';

/**
 * The public key of the seed in a file; where there is no file, it is written with a new seed.
 * @throws Trouble where the file holds no user's seed
 */
export function publicKeyOf(seedFile: string): string {
  const kept = textOf(seedFile);
  const pair = kept === null ? createUser() : readSeed(seedFile, kept);
  if (kept === null) writeSecret(seedFile, `${new TextDecoder().decode(pair.getSeed())}\n`);
  const key = pair.getPublicKey();
  pair.clear();
  return key;
}

function readSeed(file: string, text: string): ReturnType<typeof fromSeed> {
  try {
    const pair = fromSeed(new TextEncoder().encode(text.trim()));
    if (pair.getPublicKey().startsWith('U')) return pair;
  } catch {
    // The error's own text may hold a piece of the seed.
  }
  throw new Trouble(`${file} does not hold a user's nkey seed`);
}

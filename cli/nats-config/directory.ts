/**
 * Owns the directory that `riposte nats-config` writes: what in it is made once and kept (seeds, keys, certificates that are
 * still good), and what is written anew each time (the configuration).
 *
 *     <server>.conf            a server's configuration
 *     <server>.pem             its certificate           <server>-key.pem   the key to it
 *     ca.pem                   the authority             ca-key.pem         its key: for this command alone
 *     seeds/<user>.nk          a seed for each user, and for `system`
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { rightsOf, USERS } from '#contracts/rights.ts';
import { keepCertificates } from './certificates.ts';
import { textOf, writePlain } from './kept-file.ts';
import { publicKeyOf } from './nkeys.ts';
import type { Plan, ServerNames } from './plan.ts';
import { accountsConf, FILES, type PublicKeys, SYSTEM_USER, serverConf, tlsConf } from './server-conf.ts';

/** What has become of a file. */
export interface Written {
  readonly file: string;
  readonly how: 'written' | 'kept';
}

/** Writes everything of a plan into a directory. Throws Trouble where what is there cannot be used. */
export async function writeDirectory(directory: string, plan: Plan): Promise<Written[]> {
  const { keys, files } = await writeSecrets(directory, plan.servers);
  for (const server of plan.servers) {
    writePlain(join(directory, FILES.conf(server.name)), serverConf(plan, server, keys));
    files.push({ file: FILES.conf(server.name), how: 'written' });
  }
  return files;
}

/**
 * The part of a configuration that is about rights, for a server whose ports and store are somebody else's: writes the
 * secrets and certificates, and returns the text.
 */
export async function securedPart(
  directory: string,
  server: ServerNames,
  resultConsumers: readonly string[],
): Promise<string> {
  const { keys } = await writeSecrets(directory, [server]);
  return `${tlsConf(directory, server.name)}\n${accountsConf(rightsOf(resultConsumers), keys)}`;
}

/** The seed of a user in such a directory. */
export const seedFileOf = (directory: string, user: string): string => join(directory, FILES.seed(user));
/** The authority's certificate in such a directory: what clients trust. */
export const authorityFileOf = (directory: string): string => join(directory, FILES.ca);

async function writeSecrets(directory: string, servers: readonly ServerNames[]) {
  mkdirSync(directory, { recursive: true });
  const at = (file: string): string => join(directory, file);
  const files: Written[] = [];
  const users = [...USERS, SYSTEM_USER] as const;
  const keys = Object.fromEntries(
    users.map((user) => {
      const file = FILES.seed(user);
      files.push({ file, how: textOf(at(file)) === null ? 'written' : 'kept' });
      return [user, publicKeyOf(at(file))];
    }),
  ) as PublicKeys;
  const certificates = servers.map(({ name, host, alsoCalled }) => ({
    certificate: at(FILES.certificate(name)),
    key: at(FILES.key(name)),
    names: [...new Set([host, name, ...LOCAL_NAMES, ...alsoCalled])],
  }));
  const written = await keepCertificates({ certificate: at(FILES.ca), key: at(FILES.caKey) }, certificates);
  for (const file of [FILES.ca, ...servers.map(({ name }) => FILES.certificate(name))]) {
    files.push({ file, how: written.includes(at(file)) ? 'written' : 'kept' });
  }
  return { keys, files };
}

/** Whoever is on the server's machine may use it, too. */
const LOCAL_NAMES = ['localhost', '127.0.0.1', '::1'];

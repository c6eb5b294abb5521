/**
 * Owns the certificates: an authority that is made once, and a certificate for each server that it signs. A server's is made
 * anew where it is missing, about to end, of another authority, not of its key, or without a name that the server is to be
 * reached under.
 *
 * A key is written before its certificate. Whoever dies in between leaves a key without one, or with an older one that is not
 * of it: both are found when the command is given again, and a certificate is made.
 */
import 'reflect-metadata'; // @peculiar/x509 asks for it
import { createPrivateKey, createPublicKey, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { Trouble } from '../trouble.ts';
import { textOf, writePlain, writeSecret } from './kept-file.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** Nobody renews the authority in passing: every client has it. */
const AUTHORITY_MS = 3650 * DAY_MS;
/** The longest that clients of all kinds take from a server. */
const CERTIFICATE_MS = 825 * DAY_MS;
/** Before that it is made anew when the command is given. */
const RENEW_BEFORE_MS = 90 * DAY_MS;
/** Clocks of machines differ. */
const BACKDATED_MS = 3_600_000;
const SERIAL_BYTES = 16;

/** Where a certificate and its key are. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Whoever signs. */
interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly pem: string;
  readonly key: webcrypto.CryptoKey;
}

/**
 * Keeps or makes the authority and the servers' certificates.
 * @param servers with the names and addresses under which each is reached
 * @returns the files that were written anew
 * @throws Trouble where what is there cannot be read
 */
export async function keepCertificates(
  files: CertificateFiles,
  servers: readonly (CertificateFiles & { readonly names: readonly string[] })[],
): Promise<string[]> {
  const written: string[] = [];
  const authority = (await keptAuthority(files)) ?? (await newAuthority(files, written));
  for (const server of servers) {
    if (isGood(server, authority.pem)) continue;
    await issue(authority, server);
    written.push(server.certificate);
  }
  return written;
}

async function keptAuthority({ certificate, key }: CertificateFiles): Promise<Authority | null> {
  const [pem, keyPem] = [textOf(certificate), textOf(key)];
  if (pem === null) return null;
  if (keyPem === null) throw new Trouble(`there is ${certificate} and no ${key}: bring it back, or remove both`);
  try {
    const { privateKey } = await importKeys(keyPem);
    if (belongTogether(pem, keyPem)) return { certificate: new x509.X509Certificate(pem), pem, key: privateKey };
  } catch {
    // What the error says is no more than what is said below.
  }
  throw new Trouble(`${certificate} and ${key} are not an authority that this command has made`);
}

/** Makes an authority; of the key that is there, where there is one without its certificate: what it has signed stays good. */
async function newAuthority(files: CertificateFiles, written: string[]): Promise<Authority> {
  const keys = await keysOfAuthority(files.key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validFor(AUTHORITY_MS),
    name: 'CN=Riposte NATS authority',
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false),
    ],
  });
  const pem = `${certificate.toString('pem')}\n`;
  writePlain(files.certificate, pem);
  written.push(files.certificate);
  return { certificate, pem, key: keys.privateKey };
}

/** The authority's keys: those that are there, else new ones, which are written. */
async function keysOfAuthority(file: string): Promise<webcrypto.CryptoKeyPair> {
  const kept = textOf(file);
  if (kept === null) {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    writeSecret(file, await pemOf(keys.privateKey));
    return keys;
  }
  try {
    return await importKeys(kept);
  } catch {
    throw new Trouble(`${file} is not the key of an authority that this command has made`);
  }
}

async function importKeys(keyPem: string): Promise<webcrypto.CryptoKeyPair> {
  const { subtle } = webcrypto;
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  return {
    privateKey: await subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(keyPem), ALGORITHM, false, ['sign']),
    publicKey: await subtle.importKey('spki', spki, ALGORITHM, true, ['verify']),
  };
}

const belongTogether = (certificatePem: string, keyPem: string): boolean =>
  new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem));

async function issue(
  authority: Authority,
  { certificate: file, key, names }: CertificateFiles & { readonly names: readonly string[] },
): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    ...validFor(CERTIFICATE_MS),
    subject: [{ CN: [names[0]!] }],
    issuer: authority.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: authority.key,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      // A server is a client, too, where it makes a route.
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name }) as const),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate, false),
    ],
  });
  writeSecret(key, await pemOf(keys.privateKey));
  writePlain(file, `${certificate.toString('pem')}\n`);
}

function validFor(ms: number): { serialNumber: string; notBefore: Date; notAfter: Date } {
  const serial = webcrypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  serial[0]! &= 0x7f; // a positive number
  const now = Date.now();
  return {
    serialNumber: Buffer.from(serial).toString('hex'),
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(now + ms),
  };
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

function isGood(
  { certificate: file, key, names }: CertificateFiles & { readonly names: readonly string[] },
  authorityPem: string,
): boolean {
  const [pem, keyPem] = [textOf(file), textOf(key)];
  if (pem === null || keyPem === null) return false;
  try {
    const certificate = new X509Certificate(pem);
    return (
      certificate.verify(new X509Certificate(authorityPem).publicKey) &&
      certificate.validToDate.getTime() - Date.now() > RENEW_BEFORE_MS &&
      names.every(
        (name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined,
      ) &&
      belongTogether(pem, keyPem)
    );
  } catch {
    throw new Trouble(`${file} is no certificate, or ${key} no key`);
  }
}

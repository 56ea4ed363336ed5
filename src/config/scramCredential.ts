/**
 * The stored form of a password: the keys of RFC 5802. The server needs only these keys for SCRAM
 * and for checking a password, but a client cannot log in with them. The text form is that of
 * PostgreSQL:
 *
 *   SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY        (the last three in base64)
 */
import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/** Derives a key with PBKDF2. */
export type Derive = (
  password: string,
  salt: Buffer,
  iterations: number,
  keyBytes: number,
  hash: string,
) => Promise<Buffer>;

const deriveInPool: Derive = promisify(pbkdf2);

const HASHES = {
  'SCRAM-SHA-256': { hash: 'sha256', keyBytes: 32 },
  'SCRAM-SHA-1': { hash: 'sha1', keyBytes: 20 },
} as const;

export type ScramMechanism = keyof typeof HASHES;

/** The stronger mechanism comes first. */
export const SCRAM_MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-1'] as const satisfies readonly ScramMechanism[];

export interface ScramCredential {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/**
 * The largest iteration count that the client of libsasl accepts, and therefore sync_client. With
 * 65,537 the client gives up (seen with libsasl 2.1.28).
 */
const ITERATIONS = 65_536;
const MAX_ITERATIONS = 10_000_000;
const SALT_BYTES = 16;

export function scramHash(mechanism: ScramMechanism, data: Buffer): Buffer {
  return createHash(HASHES[mechanism].hash).update(data).digest();
}

export function scramHmac(mechanism: ScramMechanism, key: Buffer, data: string): Buffer {
  return createHmac(HASHES[mechanism].hash, key).update(data).digest();
}

/**
 * Derives the keys from a password. RFC 5802 requires SASLprep; this function only does its
 * normalisation to NFKC, which leaves ASCII unchanged.
 */
export async function deriveCredential(
  mechanism: ScramMechanism,
  password: string,
  { salt, iterations }: Pick<ScramCredential, 'salt' | 'iterations'>,
  derive = deriveInPool,
): Promise<ScramCredential> {
  const { hash, keyBytes } = HASHES[mechanism];
  const salted = await derive(password.normalize('NFKC'), salt, iterations, keyBytes, hash);
  const clientKey = scramHmac(mechanism, salted, 'Client Key');
  const serverKey = scramHmac(mechanism, salted, 'Server Key');
  return { iterations, salt, storedKey: scramHash(mechanism, clientKey), serverKey };
}

export function newCredential(mechanism: ScramMechanism, password: string): Promise<ScramCredential> {
  return deriveCredential(mechanism, password, { salt: randomBytes(SALT_BYTES), iterations: ITERATIONS });
}

/**
 * Returns an invented credential for an unknown user. The same name and secret always give the same
 * credential.
 */
export function decoyCredential(mechanism: ScramMechanism, user: string, secret: Buffer): ScramCredential {
  const digest = createHmac('sha256', secret).update(`${mechanism} ${user}`).digest();
  const key = digest.subarray(0, HASHES[mechanism].keyBytes);
  return { iterations: ITERATIONS, salt: digest.subarray(0, SALT_BYTES), storedKey: key, serverKey: key };
}

const base64 = (bytes: Buffer): string => bytes.toString('base64');

export function formatCredential(mechanism: ScramMechanism, credential: ScramCredential): string {
  const { iterations, salt, storedKey, serverKey } = credential;
  return `${mechanism}$${iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`;
}

const TEXT = /^([A-Z0-9-]+)\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/;

/** Parses the text form of a credential. Returns null if it is not valid. */
export function parseCredential(text: string): [ScramMechanism, ScramCredential] | null {
  const match = TEXT.exec(text);
  const mechanism = SCRAM_MECHANISMS.find((known) => known === match?.[1]);
  if (match === null || mechanism === undefined) return null;
  const bytes = (group: number): Buffer => Buffer.from(match[group] ?? '', 'base64');
  const iterations = Number(match[2]);
  const credential = { iterations, salt: bytes(3), storedKey: bytes(4), serverKey: bytes(5) };
  const { keyBytes } = HASHES[mechanism];
  const isWhole = credential.storedKey.length === keyBytes && credential.serverKey.length === keyBytes;
  if (!isWhole || iterations < 1 || iterations > MAX_ITERATIONS) return null;
  return [mechanism, credential];
}

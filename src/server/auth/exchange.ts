/**
 * The input and output of a SASL mechanism, and the rules for all messages. A message has a maximum
 * size and must be valid UTF-8. To the client, all failures look the same.
 */
import type { ScramCredential, ScramMechanism } from '../../config/scramCredential.ts';
import { BackupError } from '../../errors.ts';

/**
 * Checks a password. `user` and `password` are the client's UTF-8 as text. `host` is the client's
 * host, the unit for taking turns. Rejects only if the password cannot be checked.
 */
export type VerifyPassword = (user: string, password: string, host?: string) => Promise<boolean>;

export interface ScramCredentials {
  /** Returns a user's stored credential. Returns null if the user has none for this mechanism. */
  lookup(user: string, mechanism: ScramMechanism): ScramCredential | null;
  /** Returns a made-up credential for a user without one. It is the same each time. */
  decoy(user: string, mechanism: ScramMechanism): ScramCredential;
}

export interface Passwords {
  readonly verify: VerifyPassword;
  /** Null while SCRAM cannot be served. */
  readonly scram: () => ScramCredentials | null;
}

/** What TLS says about a connection's security. */
export interface ConnectionSecurity {
  /** The strength of the connection's encryption in bits. 0 without TLS. */
  readonly layerBits: number;
  /** The user that the client's certificate names, if it is valid. */
  readonly clientUser: string | null;
}

export const NO_TLS: ConnectionSecurity = { layerBits: 0, clientUser: null };

export type SaslStep = { done: true; user: string } | { done: false; challenge: Buffer };

export interface SaslExchange {
  /**
   * `data` is the decoded response. It is null if the client sent no initial response. Throws
   * BackupError 'auth'.
   */
  step(data: Buffer | null): Promise<SaslStep>;
}

const MAX_MESSAGE_BYTES = 8192;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The same words for all failures, so that an answer never tells why. The log gets the reason, and
 * the name that the client gave, which is the error's subject.
 */
export function authenticationFailed(reason = 'malformed response', claimedUser?: string): BackupError {
  return new BackupError('auth', reason, claimedUser === undefined ? {} : { subject: claimedUser });
}

/** Throws BackupError 'auth'. */
export function messageText(data: Buffer): string {
  if (data.length > MAX_MESSAGE_BYTES) throw authenticationFailed();
  try {
    return utf8.decode(data);
  } catch {
    throw authenticationFailed();
  }
}

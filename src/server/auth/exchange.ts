/**
 * What a SASL mechanism is given and what it gives, and what all messages have in common: a size that none of them needs,
 * UTF-8 that must be some, and one failure in the same words.
 */
import type { ScramCredential, ScramMechanism } from '../../config/scramCredential.ts';
import { BackupError } from '../../errors.ts';

/**
 * `user` and `password` are text as the client's UTF-8 says; `host`: the client's, which shares a turn with itself alone.
 * Rejects only where no answer can be had.
 */
export type VerifyPassword = (user: string, password: string, host?: string) => Promise<boolean>;

export interface ScramCredentials {
  /** What is kept of a user; null where it is nothing of that kind. */
  lookup(user: string, mechanism: ScramMechanism): ScramCredential | null;
  /** What is shown of such a user, the same each time. */
  decoy(user: string, mechanism: ScramMechanism): ScramCredential;
}

export interface Passwords {
  readonly verify: VerifyPassword;
  /** Null while SCRAM cannot be served. */
  readonly scram: () => ScramCredentials | null;
}

/** What TLS says of a connection. */
export interface ConnectionSecurity {
  /** The strength of its encryption; 0 without TLS. */
  readonly layerBits: number;
  /** Whom the client's certificate names, where it showed a good one. */
  readonly clientUser: string | null;
}

export const NO_TLS: ConnectionSecurity = { layerBits: 0, clientUser: null };

export type SaslStep = { done: true; user: string } | { done: false; challenge: Buffer };

export interface SaslExchange {
  /** `data` is the decoded response, or null where the client sent no initial one. Throws BackupError 'auth'. */
  step(data: Buffer | null): Promise<SaslStep>;
}

const MAX_MESSAGE_BYTES = 8192;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const authenticationFailed = (): BackupError => new BackupError('auth', 'authentication failed');

/** Throws BackupError 'auth'. */
export function messageText(data: Buffer): string {
  if (data.length > MAX_MESSAGE_BYTES) throw authenticationFailed();
  try {
    return utf8.decode(data);
  } catch {
    throw authenticationFailed();
  }
}

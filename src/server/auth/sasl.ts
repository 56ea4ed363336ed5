/**
 * SASL mechanisms, server side, as state machines. The session transports the bytes (base64,
 * initial response or continuation, `*` to cancel) and calls step. A mechanism returns what to send
 * next, or who has logged in.
 *
 * Nothing the client sent appears in a log or in an error's text. SCRAM's -PLUS variants are not
 * supported: sync_client uses no channel binding (cyrus-imapd imap/backend.c), and TLS 1.3 has no
 * tls-unique.
 */
import type { ScramMechanism } from '../../config/scramCredential.ts';
import { BackupError } from '../../errors.ts';
import type { ConnectionSecurity, Passwords, SaslExchange } from './exchange.ts';
import { startExternal } from './external.ts';
import { startLogin, startPlain } from './plain.ts';
import { startScram } from './scram.ts';

interface Mechanism {
  readonly name: string;
  /** Whether the password is sent in plain text. */
  readonly isPlaintext: boolean;
  /** Returns null if the mechanism is not available on this connection. */
  readonly start: (passwords: Passwords, security: ConnectionSecurity) => SaslExchange | null;
}

function scram(name: ScramMechanism): Mechanism {
  const start: Mechanism['start'] = (passwords) => {
    const credentials = passwords.scram();
    return credentials === null ? null : startScram(name, credentials);
  };
  return { name, isPlaintext: false, start };
}

/** The mechanisms, in the order in which they are offered. */
const mechanisms: readonly Mechanism[] = [
  {
    name: 'EXTERNAL',
    isPlaintext: false,
    start: (_, { clientUser }) => (clientUser === null ? null : startExternal(clientUser)),
  },
  scram('SCRAM-SHA-256'),
  scram('SCRAM-SHA-1'),
  { name: 'PLAIN', isPlaintext: true, start: ({ verify }) => startPlain(verify) },
  { name: 'LOGIN', isPlaintext: true, start: ({ verify }) => startLogin(verify) },
];

/** Whether a name that a peer sent is one of ours. Any other might be a secret. */
export function isKnownMechanism(name: string): boolean {
  return mechanisms.some((known) => known.name === name.toUpperCase());
}

export interface MechanismRules {
  /** sasl_mech_list. Empty means all. */
  readonly mechList: readonly string[];
  /** allowplaintext in imapd.conf. */
  readonly allowPlaintext: boolean;
  /** tls_required: without TLS, no mechanism is offered. */
  readonly isTlsRequired: boolean;
  /** sasl_minimum_layer, in bits. Only TLS provides a security layer here, not the mechanisms. */
  readonly minimumLayer: number;
}

/** Returns the names to offer on a connection at present. */
export function offeredMechanisms(
  rules: MechanismRules,
  passwords: Passwords,
  security: ConnectionSecurity,
): string[] {
  const isEncrypted = security.layerBits > 0;
  if (security.layerBits < rules.minimumLayer || (rules.isTlsRequired && !isEncrypted)) return [];
  const listed = rules.mechList.map((name) => name.toUpperCase());
  return mechanisms
    .filter(({ name }) => listed.length === 0 || listed.includes(name))
    .filter(({ isPlaintext }) => !isPlaintext || isEncrypted || rules.allowPlaintext)
    .filter(({ start }) => start(passwords, security) !== null)
    .map(({ name }) => name);
}

/**
 * Starts a mechanism. The session must have checked that it is offered. Throws BackupError 'auth'
 * for a mechanism that is not available.
 */
export function startMechanism(
  name: string,
  passwords: Passwords,
  security: ConnectionSecurity,
): SaslExchange {
  const mechanism = mechanisms.find((known) => known.name === name.toUpperCase());
  const exchange = mechanism?.start(passwords, security) ?? null;
  if (exchange === null) throw new BackupError('auth', 'no such authentication mechanism');
  return exchange;
}

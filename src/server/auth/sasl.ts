/**
 * SASL mechanisms, server side, as state machines: the session carries the bytes (base64, initial response or
 * continuation, `*` to cancel) and calls step; a mechanism says what to send next, or who has logged in.
 *
 * Nothing here logs, and no error text holds, what the client sent. SCRAM's -PLUS variants are not there: sync_client binds to
 * no channel (cyrus-imapd imap/backend.c), and TLS 1.3 has no tls-unique.
 */
import type { ScramMechanism } from '../../config/scramCredential.ts';
import { BackupError } from '../../errors.ts';
import type { ConnectionSecurity, Passwords, SaslExchange } from './exchange.ts';
import { startExternal } from './external.ts';
import { startLogin, startPlain } from './plain.ts';
import { startScram } from './scram.ts';

interface Mechanism {
  readonly name: string;
  /** Whether the password crosses the wire as it is. */
  readonly isPlaintext: boolean;
  /** Null where it cannot be served on this connection. */
  readonly start: (passwords: Passwords, security: ConnectionSecurity) => SaslExchange | null;
}

function scram(name: ScramMechanism): Mechanism {
  const start: Mechanism['start'] = (passwords) => {
    const credentials = passwords.scram();
    return credentials === null ? null : startScram(name, credentials);
  };
  return { name, isPlaintext: false, start };
}

/** In the order in which they are offered. */
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

export interface MechanismRules {
  /** sasl_mech_list; empty is all. */
  readonly mechList: readonly string[];
  /** allowplaintext */
  readonly allowPlaintext: boolean;
  /** tls_required: without TLS, nothing is offered. */
  readonly isTlsRequired: boolean;
  /** sasl_minimum_layer, in bits. Only TLS has a layer here; the mechanisms have none. */
  readonly minimumLayer: number;
}

/** The names to offer on a connection, now. */
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

/** Throws BackupError 'auth' for a mechanism that cannot be had; whether it is offered is the session's to check. */
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

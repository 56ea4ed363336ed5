/**
 * SASL mechanisms, server side, as state machines: the session carries the bytes (base64, initial response or
 * continuation, `*` to cancel) and calls step; a mechanism says what to send next, or who has logged in. So a
 * mechanism with more than one round (SCRAM) fits in later without change to the session.
 *
 * Nothing here logs, and no error text holds, what the client sent.
 */
import { BackupError } from '../../errors.ts';

/** `user` and `password` are text as the client's UTF-8 says. Rejects only where no answer can be had. */
export type VerifyPassword = (user: string, password: string) => Promise<boolean>;

export type SaslStep = { done: true; user: string } | { done: false; challenge: Buffer };

export interface SaslExchange {
  /** `data` is the decoded response, or null where the client sent no initial one. Throws BackupError 'auth'. */
  step(data: Buffer | null): Promise<SaslStep>;
}

interface Mechanism {
  name: string;
  /** Whether the password crosses the wire as it is. */
  isPlaintext: boolean;
  start: (verify: VerifyPassword) => SaslExchange;
}

const MAX_RESPONSE_SIZE = 8192;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const failed = (): BackupError => new BackupError('auth', 'authentication failed');

function textOf(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw failed();
  }
}

interface PlainMessage {
  authzid: string;
  authcid: string;
  password: string;
}

/** RFC 4616: message = [authzid] NUL authcid NUL passwd */
function parsePlain(data: Buffer): PlainMessage {
  const parts = data.length > MAX_RESPONSE_SIZE ? [] : textOf(data).split('\0');
  const [authzid, authcid, password] = parts;
  if (parts.length !== 3 || authzid === undefined || !authcid || !password) throw failed();
  return { authzid, authcid, password };
}

/** Nobody may act for another here: an authzid must be empty or the authcid itself. */
async function checkPlain(data: Buffer, verify: VerifyPassword): Promise<SaslStep> {
  const { authzid, authcid, password } = parsePlain(data);
  const isRight = await verify(authcid, password);
  if (!isRight || (authzid !== '' && authzid !== authcid)) throw failed();
  return { done: true, user: authcid };
}

const EMPTY_CHALLENGE: SaslStep = { done: false, challenge: Buffer.alloc(0) };

const mechanisms: readonly Mechanism[] = [
  {
    name: 'PLAIN',
    isPlaintext: true,
    start: (verify) => ({
      step: (data) => (data === null ? Promise.resolve(EMPTY_CHALLENGE) : checkPlain(data, verify)),
    }),
  },
];

export interface MechanismRules {
  /** sasl_mech_list; empty is all. */
  mechList: readonly string[];
  /** Whether the connection is encrypted. */
  isEncrypted: boolean;
  /** allowplaintext */
  allowPlaintext: boolean;
  /** sasl_minimum_layer: above 0, nothing is offered without encryption. */
  minimumLayer: number;
}

/** The names to offer on a connection, now. */
export function offeredMechanisms(rules: MechanismRules): string[] {
  if (rules.minimumLayer > 0 && !rules.isEncrypted) return [];
  const listed = rules.mechList.map((name) => name.toUpperCase());
  return mechanisms
    .filter(({ name }) => listed.length === 0 || listed.includes(name))
    .filter(({ isPlaintext }) => !isPlaintext || rules.isEncrypted || rules.allowPlaintext)
    .map(({ name }) => name);
}

/** Throws BackupError 'auth' for a mechanism that is not known; whether it is offered is the session's to check. */
export function startMechanism(name: string, verify: VerifyPassword): SaslExchange {
  const mechanism = mechanisms.find((known) => known.name === name.toUpperCase());
  if (mechanism === undefined) throw new BackupError('auth', 'no such authentication mechanism');
  return mechanism.start(verify);
}

/**
 * SASL logins: PLAIN (RFC 4616), LOGIN, and SCRAM-SHA-256 and SCRAM-SHA-1 (RFC 5802, RFC 7677).
 * With SCRAM the password itself is never sent, and the server proves that it knows the password.
 *
 * A mechanism is a generator: it yields what to send and receives the server's answer. IMAP, csync
 * and the tests drive the same code.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { BackupError } from '../../errors.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** SASL realm: appended to a user name that has no `@`. */
  readonly realm: string | undefined;
}

/** Yields what to send next, and receives the server's answer to it. */
export type Mechanism = Generator<Buffer, void, Buffer>;

/** More rounds than this would take too long: the server's challenge is rejected. */
const MAX_ITERATIONS = 1_000_000;

function* plain({ user, password, realm }: Credentials): Mechanism {
  yield Buffer.from(`\0${withRealm(user, realm)}\0${password}`);
}

function* login({ user, password, realm }: Credentials): Mechanism {
  // The server asks "Username:", then "Password:"; the text of its prompts is ignored.
  yield Buffer.from(withRealm(user, realm));
  yield Buffer.from(password);
}

function withRealm(user: string, realm: string | undefined): string {
  return realm === undefined || user.includes('@') ? user : `${user}@${realm}`;
}

const HASHES = { 'SCRAM-SHA-256': { name: 'sha256', bytes: 32 }, 'SCRAM-SHA-1': { name: 'sha1', bytes: 20 } };

function* scram(
  mechanism: keyof typeof HASHES,
  credentials: Credentials,
  nonce = randomBytes(18).toString('base64'),
): Mechanism {
  const { name, bytes } = HASHES[mechanism];
  const hmac = (key: Buffer, text: string): Buffer => createHmac(name, key).update(text).digest();
  const user = withRealm(credentials.user, credentials.realm).replaceAll('=', '=3D').replaceAll(',', '=2C');
  const clientFirst = `n=${user},r=${nonce}`;
  const serverFirst = (yield Buffer.from(`n,,${clientFirst}`)).toString();
  const { r, s, i } = attributes(serverFirst);
  const iterations = Number(i);
  if (
    r?.startsWith(nonce) !== true ||
    s === undefined ||
    !(iterations >= 1 && iterations <= MAX_ITERATIONS)
  ) {
    throw new BackupError('auth', `${mechanism}: the server's challenge makes no sense`);
  }
  const password = credentials.password.normalize('NFKC');
  const salted = pbkdf2Sync(password, Buffer.from(s, 'base64'), iterations, bytes, name);
  const clientKey = hmac(salted, 'Client Key');
  const storedKey = createHash(name).update(clientKey).digest();
  const clientFinal = `c=biws,r=${r}`;
  const authMessage = `${clientFirst},${serverFirst},${clientFinal}`;
  const signature = hmac(storedKey, authMessage);
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)));
  const final = (yield Buffer.from(`${clientFinal},p=${proof.toString('base64')}`)).toString();
  const expected = hmac(hmac(salted, 'Server Key'), authMessage);
  const given = Buffer.from(attributes(final)['v'] ?? '', 'base64');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new BackupError('auth', `${mechanism}: the server does not know the password either`);
  }
  yield Buffer.alloc(0);
}

function attributes(message: string): Record<string, string | undefined> {
  return Object.fromEntries(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}

/** A mechanism that the server offers and we support. */
export interface Choice {
  readonly name: string;
  /** The client's first message may be sent with the command itself (the initial response). */
  readonly isClientFirst: boolean;
  /** True if the mechanism sends the password itself. */
  readonly saysPassword: boolean;
  start(): Mechanism;
}

/**
 * Returns the mechanisms to try, best first. A server may offer SCRAM without having credentials
 * for it (Cyrus with saslauthd). So PLAIN or LOGIN is tried next if the server offers it. Throws
 * 'auth' if no offered mechanism is supported.
 */
export function mechanismsFor(offered: readonly string[], credentials: Credentials): Choice[] {
  const known: Choice[] = [
    {
      name: 'SCRAM-SHA-256',
      isClientFirst: true,
      saysPassword: false,
      start: () => scram('SCRAM-SHA-256', credentials),
    },
    {
      name: 'SCRAM-SHA-1',
      isClientFirst: true,
      saysPassword: false,
      start: () => scram('SCRAM-SHA-1', credentials),
    },
    { name: 'PLAIN', isClientFirst: true, saysPassword: true, start: () => plain(credentials) },
    { name: 'LOGIN', isClientFirst: false, saysPassword: true, start: () => login(credentials) },
  ];
  const names = new Set(offered.map((name) => name.toUpperCase()));
  const choices = known.filter(({ name }) => names.has(name));
  const [first] = choices;
  if (first === undefined) {
    const what = offered.length === 0 ? 'none' : offered.join(' ');
    throw new BackupError('auth', `no way to log in that we know is offered (${what}); TLS may be needed`);
  }
  const simple = choices.find(({ name }) => name === 'PLAIN' || name === 'LOGIN');
  return simple === undefined || simple === first ? [first] : [first, simple];
}

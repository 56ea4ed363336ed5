/**
 * Turns a fresh connection into a session that accepts sync commands. The steps:
 * - the greeting, which shows whether the server is an imapd or a sync_server
 * - STARTTLS, if it is offered
 * - authentication
 * - compression, if it is requested
 *
 * imapd answers tagged commands and lists its capabilities in CAPABILITY. sync_server (csync) has
 * neither tags nor CAPABILITY: it lists the same in the lines before its greeting (cyrus-imapd
 * imap/sync_server.c).
 */
import { BackupError } from '../../errors.ts';
import { readAnswer } from '../../protocol/driver.ts';
import type { WireHandlers } from '../../protocol/driver.ts';
import type { Answer } from '../../protocol/grammar.ts';
import { defaultLimits } from '../../protocol/limits.ts';
import { mechanismsFor } from './saslClient.ts';
import type { Choice, Credentials } from './saslClient.ts';
import type { TlsTrust, Wire } from './wire.ts';

export interface LoginOptions {
  readonly credentials: Credentials;
  /** null: TLS is not used even if the server offers it. */
  readonly tls: TlsTrust | null;
  readonly isImplicitTls: boolean;
  /** True if the password may be sent unencrypted when the connection has no TLS. */
  readonly allowsClear: boolean;
  /**
   * Requires compression: the login fails if the server cannot compress. If false, nothing is
   * compressed.
   */
  readonly compress: boolean;
}

export type Dialect = 'imap' | 'csync';

/** Takes the bytes of a file. Servers send files only in answer to GET FETCH. */
export type OnFile = WireHandlers['onFile'];

const noFile: OnFile = () => Promise.reject(new BackupError('syntax', 'a file where none was asked for'));

/** A connection with its dialect (IMAP or csync). A session numbers its commands. */
export class Session {
  readonly wire: Wire;
  dialect: Dialect = 'csync';
  /**
   * The capabilities, in upper case: `X-REPLICATION`, `AUTH=PLAIN`, `SASL PLAIN LOGIN`, `COMPRESS
   * DEFLATE`.
   */
  capabilities: string[] = [];
  /**
   * The greeting's last line. It names the server's version, unless `serverinfo` in its imapd.conf
   * hides that.
   */
  greeting = '';
  #commands = 0;

  constructor(wire: Wire) {
    this.wire = wire;
  }

  /** Returns the tag of the next command and its answer; '' for csync, which has no tags. */
  tag(): string {
    this.#commands += 1;
    return this.dialect === 'imap' ? `R${this.#commands}` : '';
  }

  read(tag: string, onFile = noFile): Promise<Answer> {
    const handlers = { onFile, onSynchronizingLiteral: () => undefined };
    return readAnswer(this.wire.source, defaultLimits, handlers, tag);
  }

  async send(tag: string, text: string): Promise<void> {
    await this.wire.write(`${tag === '' ? '' : `${tag} `}${text}\r\n`);
    await this.wire.flush();
  }

  /**
   * Sends a command and reads up to its tagged answer. Untagged answers are passed to `onUntagged`.
   */
  async command(text: string, onUntagged: (answer: Answer) => void = () => undefined): Promise<Answer> {
    const tag = this.tag();
    await this.send(tag, text);
    return this.finish(tag, onUntagged);
  }

  async finish(tag: string, onUntagged: (answer: Answer) => void, onFile = noFile): Promise<Answer> {
    for (;;) {
      const answer = await this.read(tag, onFile);
      if (answer.kind === 'status' || answer.kind === 'continuation') return answer;
      if (answer.kind === 'text' && /^BYE\b/i.test(answer.text)) {
        throw new BackupError('closed', `${this.wire.peer}: ${answer.text}`);
      }
      onUntagged(answer);
    }
  }

  has(capability: string): boolean {
    return this.capabilities.includes(capability);
  }
}

export async function openSession(wire: Wire, options: LoginOptions): Promise<Session> {
  const session = new Session(wire);
  const { tls } = options;
  if (options.isImplicitTls) await wire.startTls(tls ?? { ca: undefined, verify: true });
  await wire.step('no greeting', () => readGreeting(session));
  if (!wire.isEncrypted && tls !== null && session.has('STARTTLS'))
    await wire.step('no answer to STARTTLS', () => startTls(session, tls));
  await wire.step('no answer to the login', () => authenticate(session, options), wire.loginLimitMs);
  if (options.compress) await wire.step('no answer to COMPRESS', () => startCompression(session));
  return session;
}

/**
 * Reads answer lines up to the one that ends the greeting. In both dialects each line starts with
 * `*`.
 */
async function readGreeting(session: Session): Promise<void> {
  session.capabilities = [];
  for (;;) {
    const answer = await session.read('');
    if (answer.kind !== 'text') throw notCyrus(session);
    const text = answer.text;
    if (/^(?:BYE|NO|BAD)\b/i.test(text)) throw new BackupError('closed', `${session.wire.peer}: ${text}`);
    if (!/^OK\b/i.test(text)) {
      session.capabilities.push(text.toUpperCase());
      continue;
    }
    session.greeting = text;
    const isCsync = session.capabilities.length > 0 || /Cyrus (?:sync|backup) server/i.test(text);
    session.dialect = isCsync ? 'csync' : 'imap';
    if (!isCsync) await readCapabilities(session);
    return;
  }
}

function notCyrus(session: Session): BackupError {
  return new BackupError(
    'syntax',
    `${session.wire.peer}: neither an IMAP server nor a sync_server answers there`,
  );
}

async function readCapabilities(session: Session): Promise<void> {
  await session.command('CAPABILITY', (answer) => {
    if (answer.kind !== 'text' || !/^CAPABILITY\b/i.test(answer.text)) return;
    session.capabilities = answer.text.toUpperCase().split(' ').slice(1);
  });
}

async function startTls(session: Session, trust: TlsTrust): Promise<void> {
  const answer = await session.command('STARTTLS');
  if (answer.kind !== 'status' || answer.status !== 'OK') throw refused(session, 'STARTTLS', answer);
  await session.wire.startTls(trust);
  // Capabilities announced before TLS are ignored. csync sends its greeting again; an IMAP server
  // is asked again.
  if (session.dialect === 'imap') await readCapabilities(session);
  else await readGreeting(session);
}

function refused(session: Session, what: string, answer: Answer): BackupError {
  const text = answer.kind === 'status' ? `${answer.status} ${answer.text}` : answer.kind;
  return new BackupError('auth', `${session.wire.peer}: ${what}: ${text}`);
}

async function authenticate(session: Session, { credentials, allowsClear }: LoginOptions): Promise<void> {
  const offered = session.capabilities.flatMap((line) => {
    if (line.startsWith('AUTH=')) return [line.slice('AUTH='.length)];
    return line.startsWith('SASL ') ? line.split(' ').slice(1) : [];
  });
  let last: BackupError | undefined;
  for (const choice of mechanismsFor(offered, credentials)) {
    if (!session.wire.isEncrypted && !allowsClear && choice.saysPassword) {
      // An attacker in between may have removed STARTTLS from the capabilities.
      const why = 'no TLS is offered, and the password would be readable on the way (--no-tls allows that)';
      last ??= new BackupError('auth', `${session.wire.peer}: ${why}`);
      continue;
    }
    try {
      await tryMechanism(session, choice);
      if (session.dialect === 'imap') await readCapabilities(session);
      return;
    } catch (error) {
      if (!(error instanceof BackupError && error.kind === 'auth')) throw error;
      last = error;
    }
  }
  throw last ?? new BackupError('auth', `${session.wire.peer}: no way to log in`);
}

async function tryMechanism(session: Session, choice: Choice): Promise<void> {
  const mechanism = choice.start();
  const tag = session.tag();
  let step = mechanism.next();
  // An initial response saves a round trip.
  const withInitial = choice.isClientFirst && (session.dialect === 'csync' || session.has('SASL-IR'));
  const initial = withInitial && step.done !== true ? ` ${step.value.toString('base64')}` : '';
  await session.send(tag, `AUTHENTICATE ${choice.name}${initial}`);
  let isSent = withInitial;
  for (;;) {
    const answer = await session.finish(tag, () => undefined);
    if (answer.kind === 'status' && answer.status === 'OK') return;
    if (answer.kind !== 'continuation') throw refused(session, `login with ${choice.name}`, answer);
    if (isSent) step = mechanism.next(Buffer.from(answer.text, 'base64'));
    if (step.done === true) throw refused(session, `login with ${choice.name}`, answer);
    await session.send('', step.value.toString('base64'));
    isSent = true;
  }
}

async function startCompression(session: Session): Promise<void> {
  if (!session.has('COMPRESS=DEFLATE') && !session.has('COMPRESS DEFLATE')) {
    throw new BackupError('unknown-command', `${session.wire.peer}: the server cannot compress (-z)`);
  }
  const answer = await session.command('COMPRESS DEFLATE');
  if (answer.kind !== 'status' || answer.status !== 'OK') throw refused(session, 'COMPRESS', answer);
  session.wire.startCompression();
}

/**
 * Tests that a master can log in: to the backupd that runs, or else to one that is started for the
 * test, on a free port of loopback and with the rights of the store's account.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { BackupError, messageOf } from '../../../errors.ts';
import { openSession } from '../../../restore/connection/syncLogin.ts';
import { Wire } from '../../../restore/connection/wire.ts';
import { listenAddress } from '../../backupd/listen.ts';
import type { Plan } from './plan.ts';

const CONNECT_TIMEOUT_MS = 5000;
const SILENCE_TIMEOUT_MS = 20_000;
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5000;
const SOCKET_MODE = 0o660;
const BACKUPD = new URL('../../../../bin/backupd', import.meta.url).pathname;

interface Place {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
}

/**
 * Resolves to a sentence that says what was tested. Throws 'auth' if the login is refused, and
 * other kinds if no backupd can be reached or started. Without a password, only the greeting is
 * read.
 */
export async function testLogin(plan: Plan, password: string | undefined): Promise<string> {
  const place = firstPort(plan.listen);
  const wire = await connected(place);
  if (wire !== undefined) {
    wire.close();
    return logIn(plan, place, password, `the backupd at ${place.host}:${place.port}`);
  }
  const started = await StartedBackupd.start(plan, place.isTls);
  try {
    const own = { host: '127.0.0.1', port: started.port, isTls: place.isTls };
    return await logIn(plan, own, password, 'a backupd that was started for the test');
  } finally {
    await started.stop();
  }
}

/** Returns the first TCP port that backupd listens on, as this machine reaches it. */
function firstPort(listen: readonly string[]): Place {
  for (const text of listen) {
    const address = listenAddress(text, SOCKET_MODE);
    if (!('port' in address)) continue;
    const isAny = address.host === '' || address.host === '0.0.0.0' || address.host === '::';
    return { host: isAny ? '127.0.0.1' : address.host, port: address.port, isTls: address.isTls ?? false };
  }
  return { host: '127.0.0.1', port: 0, isTls: false };
}

async function connected({ host, port }: Place): Promise<Wire | undefined> {
  if (port === 0) return undefined;
  try {
    return await Wire.connect({
      host,
      port,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      silenceTimeoutMs: SILENCE_TIMEOUT_MS,
    });
  } catch {
    return undefined;
  }
}

async function logIn(plan: Plan, place: Place, password: string | undefined, whom: string): Promise<string> {
  if (password === undefined) {
    return `${whom} answers; the password of ${plan.admin} was set before, and was not tested`;
  }
  const wire = await connected(place);
  if (wire === undefined) throw new BackupError('closed', `${whom} does not answer any more`);
  try {
    await openSession(wire, {
      credentials: { user: plan.admin, password, realm: undefined },
      // The certificate is for the name that masters use, not for loopback.
      tls: { ca: undefined, verify: false },
      isImplicitTls: place.isTls,
      allowsClear: true,
      compress: false,
    });
    return `${plan.admin} logged in to ${whom}${wire.isEncrypted ? ' over TLS' : ''}`;
  } catch (error) {
    const kind = error instanceof BackupError ? error.kind : 'io';
    throw new BackupError(kind, `${plan.admin} could not log in to ${whom}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    wire.close();
  }
}

/** A backupd for the test. It is ended with SIGTERM, as systemd does. */
class StartedBackupd {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start({ file, account }: Plan, isTls: boolean): Promise<StartedBackupd> {
    const isRoot = process.geteuid?.() === 0;
    const ids = isRoot ? { uid: account.uid, gid: account.gid } : {};
    const args = [BACKUPD, '-C', file, '--listen', `127.0.0.1:0${isTls ? '/tls' : ''}`];
    const child = spawn(process.execPath, args, { ...ids, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    const port = await new Promise<number>((resolve, reject) => {
      const fail = (what: string): void => {
        clearTimeout(timer);
        const text = `backupd does not start as ${account.name} (${what}): ${said.trim().split('\n').at(-1) ?? ''}`;
        reject(new BackupError('io', text));
      };
      const timer = setTimeout(() => fail('too slow'), START_TIMEOUT_MS);
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        const listening = /listening\b.*\b127\.0\.0\.1:(\d+)\s/.exec(said);
        if (listening === null) return;
        clearTimeout(timer);
        resolve(Number(listening[1]));
      });
      child.once('error', (error) => fail(messageOf(error)));
      child.once('close', (code) => fail(`exit code ${code}`));
    }).catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
    return new StartedBackupd(child, port);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.kill('SIGTERM');
    await once(child, 'close');
    clearTimeout(timer);
  }
}

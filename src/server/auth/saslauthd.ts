/**
 * A client of saslauthd, the daemon that checks passwords for Cyrus SASL. Each question uses one
 * connection (cyrus-sasl saslauthd/ipc_unix.c). A question is four strings: user, password,
 * service, realm. Each string follows its length in 16 bits, big endian. The answer is such a
 * string too, and begins with OK or NO.
 */
import { connect } from 'node:net';
import { BackupError, messageOf } from '../../errors.ts';

export interface SaslauthdOptions {
  socketPath: string;
  /**
   * The PAM service name. Cyrus' replication and backup servers use `csync` (cyrus-imapd
   * backup/backupd.c).
   */
  service: string;
  timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_STRING_SIZE = 1024;
const MAX_ANSWER_SIZE = 0xffff + 2;

function countedString(text: string): Buffer | null {
  const bytes = Buffer.from(text);
  if (bytes.length > MAX_STRING_SIZE) return null;
  const result = Buffer.alloc(2 + bytes.length);
  result.writeUInt16BE(bytes.length);
  bytes.copy(result, 2);
  return result;
}

/**
 * Builds a question. Like libsasl, it splits a name with @ into name and realm. `saslauthd -r`
 * joins them again.
 */
function question(user: string, password: string, service: string): Buffer | null {
  const at = user.lastIndexOf('@');
  const name = at < 0 ? user : user.slice(0, at);
  const realm = at < 0 ? '' : user.slice(at + 1);
  const parts = [name, password, service, realm].map(countedString);
  return parts.every((part) => part !== null) ? Buffer.concat(parts) : null;
}

/** Returns null while the answer is incomplete. */
function parseAnswer(bytes: Buffer): string | null {
  if (bytes.length < 2) return null;
  const length = bytes.readUInt16BE();
  return bytes.length < 2 + length ? null : bytes.toString('latin1', 2, 2 + length);
}

function ask(
  request: Buffer,
  { socketPath, timeoutMs = DEFAULT_TIMEOUT_MS }: SaslauthdOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let received = Buffer.alloc(0);
    const fail = (what: string, cause?: unknown): void => {
      socket.destroy();
      reject(new BackupError('io', `saslauthd at ${socketPath}: ${what}`, { cause, subject: socketPath }));
    };
    socket.setTimeout(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
    socket.on('connect', () => socket.write(request));
    socket.on('error', (error) => fail(messageOf(error), error));
    socket.on('close', () => fail('closed without an answer'));
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      const answer = parseAnswer(received);
      if (answer === null && received.length <= MAX_ANSWER_SIZE) return;
      resolve(answer ?? '');
      socket.destroy();
    });
  });
}

/**
 * Throws BackupError 'io' if saslauthd cannot be asked. A name or password too long for saslauthd
 * counts as wrong.
 */
export async function verifyBySaslauthd(
  user: string,
  password: string,
  options: SaslauthdOptions,
): Promise<boolean> {
  const request = question(user, password, options.service);
  if (request === null) return false;
  const answer = await ask(request, options);
  return answer === 'OK' || answer.startsWith('OK ');
}

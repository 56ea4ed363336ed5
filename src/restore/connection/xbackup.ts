/**
 * XBACKUP asks the imapd of a Cyrus server (3.0 to 3.10, `xbackup_enabled: yes`) to replicate users
 * to this backup server now. The server uses a sync channel from its imapd.conf (cyrus-imapd
 * imap/imapd.c, cmd_xbackup). The answers are `* OK USER anne`, `* OK MAILBOX shared`, `* NO USER
 * bob (reason)`.
 */
import { BackupError } from '../../errors.ts';
import { sharedUserid } from '../../mailbox/names.ts';
import { printString } from '../../protocol/print.ts';
import type { ServerAddress } from './address.ts';
import { listMailboxes } from './listMailboxes.ts';
import { openSession } from './syncLogin.ts';
import type { Session } from './syncLogin.ts';
import type { ClientOptions } from '../cyrus/syncClient.ts';
import { TIMED_OUT, Wire } from './wire.ts';

export interface XbackupResult {
  readonly kind: 'user' | 'mailbox';
  readonly name: string;
  readonly isDone: boolean;
  /** The server's reason for not replicating this user or mailbox. */
  readonly reason: string | undefined;
}

export class XbackupClient {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async connect(address: ServerAddress, options: ClientOptions): Promise<XbackupClient> {
    const { connectTimeoutMs, silenceTimeoutMs } = options;
    const [port = 143] = address.ports;
    const wire = await Wire.connect({ host: address.host, port, connectTimeoutMs, silenceTimeoutMs });
    try {
      const session = await openSession(wire, { ...options, isImplicitTls: address.isImplicitTls });
      if (session.dialect !== 'imap')
        throw new BackupError('unknown-command', `${wire.peer}: no imapd answers there`);
      return new XbackupClient(session);
    } catch (error) {
      wire.close();
      throw error;
    }
  }

  /**
   * Reports each result as it arrives: a server with many users takes a long time. Throws if the
   * server refuses the whole command.
   */
  async backUp(pattern: string, channel: string, onResult: (result: XbackupResult) => void): Promise<void> {
    const { peer } = this.#session.wire;
    this.#session.wire.expect(`XBACKUP ${pattern}`);
    const command = `XBACKUP ${printString(pattern, 'log')} ${printString(channel, 'log')}`;
    try {
      const answer = await this.#session.command(command, (untagged) => {
        const match = untagged.kind === 'text' ? /^(OK|NO) (USER|MAILBOX) (.*)$/i.exec(untagged.text) : null;
        if (match === null) return;
        const isDone = match[1]?.toUpperCase() === 'OK';
        const [, name = '', reason] = (isDone ? undefined : /^(.*) \((.*)\)$/.exec(match[3] ?? '')) ?? [
          undefined,
          match[3],
        ];
        onResult({ kind: match[2]?.toUpperCase() === 'USER' ? 'user' : 'mailbox', name, isDone, reason });
      });
      if (answer.kind === 'status' && answer.status === 'OK') return;
      const text = answer.kind === 'status' ? answer.text : answer.kind;
      throw new BackupError('io', `${peer}: XBACKUP ${pattern}: ${text}`);
    } catch (error) {
      if (!(error instanceof BackupError && error.kind === 'closed') || error.subject === TIMED_OUT)
        throw error;
      // imapd 3.6 crashes on a channel without a host (seen with Debian's 3.6.1).
      const hint = `is ${channel}_sync_host set in its imapd.conf?`;
      throw new BackupError(
        'closed',
        `${peer}: the server hung up on XBACKUP ${pattern} ${channel}: ${hint}`,
        { cause: error },
      );
    }
  }

  /**
   * Returns the users and the ownerless mailboxes that match the pattern: a map from each name to
   * the userid whose backup holds it.
   */
  async owners(pattern: string): Promise<Map<string, string>> {
    const owners = new Map<string, string>();
    await listMailboxes(this.#session, pattern, ({ name, separator }) => {
      const [root, userid] = ownerOfListed(name, separator);
      owners.set(root, userid);
    });
    return owners;
  }

  async close(): Promise<void> {
    const session = this.#session;
    await session.wire.sayGoodbye(() => session.send(session.tag(), 'LOGOUT'));
  }
}

/**
 * Maps an administrator's name to the name of its user's root (or to itself), and to the userid.
 */
export function ownerOfListed(name: string, separator: string): [root: string, userid: string] {
  const at = name.lastIndexOf('@');
  const domain = at === -1 ? '' : name.slice(at);
  const levels = (at === -1 ? name : name.slice(0, at)).split(separator);
  const [first, localpart] = levels;
  if (first !== 'user' || localpart === undefined) return [name, sharedUserid];
  const readable = separator === '.' ? localpart.replaceAll('^', '.') : localpart;
  return [`user${separator}${localpart}${domain}`, readable + domain];
}

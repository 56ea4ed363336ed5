/**
 * Restoring one user to any IMAP server, as that user: folders are made and subscribed to, messages come by APPEND with their flags
 * and INTERNALDATE. ImapFlow speaks the protocol, and uses LITERAL+ and UIDPLUS where they are offered.
 *
 * Nothing comes twice: a folder's messages are known by Message-ID, those without one by INTERNALDATE and size, and as many
 * of each as are there are skipped. So a restore that was broken off is run again, and needs no file of its own to
 * know how far it was. (A GUID would be surer; servers other than Cyrus have none to ask for.)
 */
import { ImapFlow } from 'imapflow';
import type { ListResponse } from 'imapflow';
import { BackupError, messageOf } from '../../errors.ts';
import { getString, toKeyValues } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import type { Existing, What } from '../cyrus/job.ts';
import { freshFields } from '../cyrus/recordText.ts';
import type { Destination, Move } from '../destination.ts';
import { folderLevels } from '../folderLevels.ts';
import { headerField } from '../headerField.ts';
import type { ItemOutcome, MailboxOutcome } from '../outcome.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';
import type { TlsTrust } from '../wire.ts';

export interface ImapOptions {
  readonly host: string;
  readonly port: number;
  readonly isImplicitTls: boolean;
  readonly user: string;
  readonly password: string;
  /** Whom to act for, where the user is an administrator (SASL's authorization identity). */
  readonly actFor: string | undefined;
  /** null: no TLS even where it is offered. */
  readonly tls: TlsTrust | null;
  /** Whether a password may go over the wire as it is where there is no TLS. */
  readonly allowsClear: boolean;
  readonly connectTimeoutMs: number;
  readonly silenceTimeoutMs: number;
  readonly isPlan: boolean;
  readonly existing: Existing;
  readonly what: ReadonlySet<What>;
  readonly deletedPrefix: string;
  readonly onProgress: (outcome: MailboxOutcome) => void;
}

const PROGRESS_EVERY = 50;
/** Refusals that the next message would meet as well. */
const HOPELESS = new Set(['OVERQUOTA', 'NOPERM', 'TRYCREATE', 'NONEXISTENT']);

export class ImapDestination implements Destination {
  readonly #client: ImapFlow;
  readonly #options: ImapOptions;
  #source: RestoreSource | undefined;
  #folders: ListResponse[] = [];

  private constructor(client: ImapFlow, options: ImapOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Throws 'auth' where the server takes neither name and password nor shows a certificate to be trusted. */
  static async connect(options: ImapOptions): Promise<ImapDestination> {
    const { host, port, user, password, actFor, tls } = options;
    const client = new ImapFlow({
      host,
      port,
      secure: options.isImplicitTls,
      ...(options.isImplicitTls ? {} : startTlsOption(options)),
      auth: { user, pass: password, ...(actFor === undefined ? {} : { authzid: actFor }) },
      tls: {
        rejectUnauthorized: tls?.verify ?? true,
        ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
      },
      logger: false,
      disableAutoIdle: true,
      disableCompression: true,
      connectionTimeout: options.connectTimeoutMs,
      greetingTimeout: options.connectTimeoutMs,
      socketTimeout: options.silenceTimeoutMs,
    });
    client.on('error', () => undefined); // it is thrown to whoever waits, too
    try {
      await client.connect();
    } catch (error) {
      client.close();
      throw refused(error, `${host}:${port}`);
    }
    return new ImapDestination(client, options);
  }

  async prepare(source: RestoreSource): Promise<void> {
    this.#source = source;
    this.#folders = await this.#asked(() => this.#client.list());
  }

  async restoreMailbox({ selected, target }: Move, outcome: MailboxOutcome): Promise<void> {
    const { isPlan, existing, what, onProgress, deletedPrefix } = this.#options;
    const path = this.#pathOf(folderLevels(target, deletedPrefix));
    const isThere = this.#folders.some((folder) => folder.path.toLowerCase() === path.toLowerCase());
    outcome.isNew = !isThere && path.toUpperCase() !== 'INBOX';
    if (outcome.isNew && !isPlan) await this.#asked(() => this.#client.mailboxCreate(path));
    const held =
      existing === 'copy' || outcome.isNew ? new Map<string, HeldMessage[]>() : await this.#held(path);
    for (const record of what.has('mail') ? selected.records() : []) {
      const there = this.#takeHeld(held, record);
      if (there === undefined) await this.#append(path, record, outcome);
      else {
        outcome.skipped += 1;
        if (existing === 'replace') await this.#setFlags(record, there, outcome);
      }
      if ((outcome.added + outcome.skipped) % PROGRESS_EVERY === 0) onProgress(outcome);
    }
  }

  /** Subscriptions; IMAP has no way to take the rest. */
  async restoreItems(isWholeUser: boolean): Promise<ItemOutcome[]> {
    const { what, isPlan, deletedPrefix } = this.#options;
    const outcomes: ItemOutcome[] = [];
    if (!isWholeUser || !what.has('subs')) return outcomes;
    for (const { value } of this.#source?.items('sub') ?? []) {
      const name = getString(toKeyValues(parseDlist(value), 'SUB'), 'MBOXNAME');
      const path = this.#pathOf(folderLevels(name, deletedPrefix));
      const isSame = this.#folders.some((folder) => folder.path === path && folder.subscribed);
      if (!isSame && !isPlan) await this.#asked(() => this.#client.mailboxSubscribe(path));
      outcomes.push({ kind: 'subscription', name: path, action: isSame ? 'same' : 'set' });
    }
    return outcomes;
  }

  async close(): Promise<void> {
    await this.#client.logout().catch(() => undefined);
    this.#client.close();
  }

  /** Levels with the server's own separator, below its own prefix. A separator within a level becomes `_`. */
  #pathOf(levels: readonly string[]): string {
    const namespace = this.#client.namespace;
    const delimiter = namespace?.delimiter ?? this.#folders[0]?.delimiter ?? '/';
    if (levels.length === 1 && levels[0] === 'INBOX') return 'INBOX';
    const prefix = namespace?.prefix ?? '';
    return prefix + levels.map((level) => level.replaceAll(delimiter, '_')).join(delimiter);
  }

  async #held(path: string): Promise<Map<string, HeldMessage[]>> {
    const held = new Map<string, HeldMessage[]>();
    await this.#asked(async () => {
      const mailbox = await this.#client.mailboxOpen(path, {
        readOnly: this.#options.existing !== 'replace',
      });
      if (mailbox.exists === 0) return;
      const query = { uid: true, size: true, internalDate: true, flags: true, envelope: true };
      for await (const message of this.#client.fetch('1:*', query)) {
        const date = new Date(message.internalDate ?? 0).getTime() / 1000;
        const key = keyOf(message.envelope?.messageId ?? '', Math.floor(date), message.size ?? 0);
        const entry = { uid: message.uid, flags: [...(message.flags ?? [])] };
        const others = held.get(key);
        if (others === undefined) held.set(key, [entry]);
        else others.push(entry);
      }
    });
    return held;
  }

  #takeHeld(held: ReadonlyMap<string, HeldMessage[]>, record: SourceRecord): HeldMessage | undefined {
    if (held.size === 0) return undefined;
    let head: Buffer = Buffer.alloc(0);
    try {
      for (const piece of this.#source?.pieces(record.guid) ?? []) {
        head = piece;
        break;
      }
    } catch (error) {
      // What is damaged fails when it is to be sent.
      if (!(error instanceof BackupError)) throw error;
    }
    const messageId = headerField(head, 'message-id').split('\n')[0] ?? '';
    return held.get(keyOf(messageId, record.internaldate, record.size))?.shift();
  }

  async #append(path: string, record: SourceRecord, outcome: MailboxOutcome): Promise<void> {
    try {
      const bytes = this.#source?.message(record.guid) ?? Buffer.alloc(0);
      if (!this.#options.isPlan) {
        const date = new Date(record.internaldate * 1000);
        await this.#asked(() => this.#client.append(path, bytes, this.#flagsOf(record), date));
      }
      outcome.added += 1;
      outcome.bytes += record.size;
    } catch (error) {
      const isHopeless =
        error instanceof BackupError && (error.kind === 'closed' || HOPELESS.has(error.subject ?? ''));
      if (!(error instanceof BackupError) || isHopeless) throw error;
      outcome.failures.push(`UID ${record.uid}: ${messageOf(error)}`);
    }
  }

  #flagsOf(record: SourceRecord): string[] {
    const flags = this.#options.what.has('flags') ? freshFields(record).flags : '';
    return flags === '' ? [] : flags.split(' ');
  }

  async #setFlags(record: SourceRecord, there: HeldMessage, outcome: MailboxOutcome): Promise<void> {
    const normal = (flags: readonly string[]): string =>
      flags
        .map((flag) => flag.toLowerCase())
        .filter((flag) => flag !== '\\recent')
        .toSorted()
        .join(' ');
    const flags = this.#flagsOf(record);
    if (normal(flags) === normal(there.flags)) return;
    outcome.changed += 1;
    if (this.#options.isPlan) return;
    await this.#asked(() => this.#client.messageFlagsSet(String(there.uid), flags, { uid: true }));
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw refused(error, `${this.#options.host}:${this.#options.port}`);
    }
  }
}

/** Required, refused, or used where it is offered (left out). */
function startTlsOption({ tls, allowsClear }: ImapOptions): { doSTARTTLS?: boolean } {
  if (tls === null) return { doSTARTTLS: false };
  return allowsClear ? {} : { doSTARTTLS: true };
}

interface HeldMessage {
  readonly uid: number;
  readonly flags: readonly string[];
}

function keyOf(messageId: string, internaldate: number, sizeBytes: number): string {
  const id = /<[^>]+>/.exec(messageId)?.[0] ?? messageId.trim();
  return id === '' ? `${internaldate} ${sizeBytes}` : id;
}

/** ImapFlow's errors in our words; its own say "Command failed" and keep the server's apart. */
function refused(error: unknown, peer: string): BackupError {
  if (error instanceof BackupError) return error;
  const detail = error as {
    authenticationFailed?: unknown;
    responseText?: unknown;
    serverResponseCode?: unknown;
    code?: unknown;
  };
  const said = typeof detail.responseText === 'string' ? detail.responseText : messageOf(error);
  const code = typeof detail.serverResponseCode === 'string' ? detail.serverResponseCode : '';
  if (detail.authenticationFailed === true)
    return new BackupError('auth', `${peer}: login: ${said}`, { cause: error });
  const system = typeof detail.code === 'string' ? detail.code : '';
  if (/CERT|SIGNATURE|ISSUER|ALTNAME/.test(system)) {
    return new BackupError('auth', `${peer}: the server's certificate: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (code === 'OVERQUOTA') {
    return new BackupError('no-space', `${peer}: the user's quota is full: ${said}`, {
      cause: error,
      subject: code,
    });
  }
  const isGone = /^(?:E[A-Z]+|NoConnection|ConnectionClosed|.*Timeout)$/.test(system);
  return new BackupError(isGone ? 'closed' : 'io', `${peer}: ${said}`, { cause: error, subject: code });
}

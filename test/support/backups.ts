/**
 * Shared by the tests of the index, of backups and of the tree: lines as a master sends them, and
 * stores on disk.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Backup } from '../../src/backup/backup.ts';
import { readMessage } from '../../src/backup/read/messageBytes.ts';
import type { MessageSource, UploadedLine } from '../../src/backup/lines/messageSource.ts';
import type { BackupOptions } from '../../src/backup/options.ts';
import type { IndexFile } from '../../src/index/store/indexFile.ts';
import { messageByGuid } from '../../src/index/queries/messages.ts';
import type { FoldLine } from '../../src/index/types.ts';
import { Staging } from '../../src/log/write/staging.ts';
import { FileLiteral } from '../../src/protocol/dlist.ts';
import { parseDlist } from '../../src/protocol/parseText.ts';
import { printFileHeader } from '../../src/protocol/print.ts';

export const START = 1_700_000_000;

export function guidOf(message: Buffer | string): string {
  return createHash('sha1').update(message).digest('hex');
}

/** Makes a line of the log. `value` is its printed form (latin1). */
export function line(time: number, name: string, value: string): FoldLine {
  return { time, name, value: parseDlist(value) };
}

export interface RecordFields {
  readonly uid: number;
  readonly modseq?: number | bigint;
  readonly flags?: string;
  /** The message's bytes, from which the GUID is computed. */
  readonly message: Buffer | string;
  /** Default: START plus the UID. */
  readonly internaldate?: number;
  /** More keys, in printed form. */
  readonly extra?: string;
}

function recordText({
  uid,
  modseq = uid + 1,
  flags = '',
  message,
  internaldate = START + uid,
  extra = '',
}: RecordFields): string {
  const times = `LAST_UPDATED ${START} FLAGS (${flags}) INTERNALDATE ${internaldate}`;
  const more = extra === '' ? '' : ` ${extra}`;
  return `%(UID ${uid} MODSEQ ${modseq} ${times} SIZE ${message.length} GUID ${guidOf(message)}${more})`;
}

export interface MailboxFields {
  readonly uniqueid: string;
  readonly name: string;
  readonly records?: readonly RecordFields[];
  readonly modseq?: number | bigint;
  /** More keys, in printed form. */
  readonly extra?: string;
}

export function mailboxText({ uniqueid, name, records = [], modseq, extra = '' }: MailboxFields): string {
  const lastUid = Math.max(0, ...records.map(({ uid }) => uid));
  const state = `UNIQUEID ${uniqueid} MBOXNAME "${name}" LAST_UID ${lastUid} HIGHESTMODSEQ ${modseq ?? lastUid + 1}`;
  const more = extra === '' ? '' : ` ${extra}`;
  return `%(${state} UIDVALIDITY 17${more} RECORD (${records.map(recordText).join(' ')}))`;
}

export function mailboxLine(time: number, fields: MailboxFields): FoldLine {
  return line(time, 'MAILBOX', mailboxText(fields));
}

/** Stages a MESSAGE line as a session does. */
async function stageMessages(staging: Staging, messages: readonly Buffer[]): Promise<UploadedLine> {
  const writer = staging.begin();
  const files: FileLiteral[] = [];
  for (const message of messages) {
    if (files.length > 0) await writer.write(' ');
    await writer.mark();
    const file = new FileLiteral('default', guidOf(message), message.length);
    await writer.write(printFileHeader(file));
    file.position = writer.length;
    await writer.write(message);
    files.push(file);
  }
  return { segment: await writer.finish(), files };
}

/** A folder for backups. remove() closes all backups that were opened in it, and deletes it. */
export class BackupSite {
  readonly folder = mkdtempSync(join(tmpdir(), 'backups-test-'));
  readonly options: BackupOptions = { stagingDirectory: this.folder, compressionLevel: 6, lockTimeoutMs: 0 };
  readonly staging = new Staging({ directory: this.folder, memoryBytes: 1 << 22 });
  readonly notices: string[] = [];
  readonly #open = new Set<Backup>();

  /** The path of a data file; creates an empty one if there is none. */
  path(name = 'anne'): string {
    const path = join(this.folder, name);
    writeFileSync(path, '', { flag: 'a' });
    return path;
  }

  async open(path = this.path()): Promise<Backup> {
    const backup = await Backup.open('anne', path, this.options, (message) => this.notices.push(message));
    this.#open.add(backup);
    return backup;
  }

  /** Makes a folder for copies of a backup. */
  makeFolder(name: string): string {
    const folder = join(this.folder, name);
    mkdirSync(folder);
    return folder;
  }

  async segment(...messages: Buffer[]): Promise<Extract<MessageSource, { kind: 'segment' }>> {
    return { kind: 'segment', line: await stageMessages(this.staging, messages) };
  }

  async close(backup: Backup): Promise<void> {
    this.#open.delete(backup);
    await backup.close();
  }

  async remove(): Promise<void> {
    for (const backup of this.#open) await backup.close();
    this.staging.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Appends a MAILBOX line with the messages of its records. */
export async function appendMailbox(
  site: BackupSite,
  backup: Backup,
  time: number,
  fields: Omit<MailboxFields, 'records'> & {
    readonly records: readonly (RecordFields & { readonly message: Buffer })[];
  },
): Promise<void> {
  const segment = await site.segment(...fields.records.map(({ message }) => message));
  await backup.append(mailboxLine(time, fields), [segment]);
}

/** Bytes that deflate to about half their size. The same seed gives the same bytes. */
export function bytesOf(seed: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = (seed + 1) * 0x9e3779b1;
  for (let at = 0; at < sizeBytes; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = 32 + (state >>> 28);
  }
  return bytes;
}

/** Reads a whole message through the index. */
export function readWhole(index: IndexFile, fd: number, message: Buffer): Buffer {
  const stored = messageByGuid(index, guidOf(message));
  if (stored === undefined) throw new Error(`no message ${guidOf(message)}`);
  return readMessage(index, fd, stored, 0, stored.size);
}

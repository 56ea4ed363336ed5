/**
 * One file for all that is restored. tar holds Maildirs, `anne/.Archive/cur/NAME:2,S`, to be unpacked where a server wants
 * them. zip is for people, on systems where a colon is no part of a name: `anne/Archive/17.eml`, and in each folder
 * `messages.json` with what a file cannot carry (flags, dates, GUIDs). An archive is always new: one that is there is not touched.
 */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import tar from 'tar-stream';
import yazl from 'yazl';
import { asBackupError } from '../../errors.ts';
import { keywordLetter, splitFlags } from '../../mailbox/maildirText.ts';
import type { FileFormat, FolderWriter, OutgoingMessage } from './format.ts';
import { maildirLevel } from './maildir.ts';
import { safeSegment } from './paths.ts';

/** Unix seconds. */
type AddFile = (path: string, bytes: Buffer, mtimeS: number) => Promise<void>;

/** `-` is standard output. Throws where the file is there already. */
async function openOutput(path: string, standardOutput: Writable): Promise<Writable> {
  if (path === '-') return standardOutput;
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  try {
    await once(file, 'open');
    return file;
  } catch (error) {
    throw asBackupError(error, path);
  }
}

function folderPath(userid: string, levels: readonly string[]): string {
  return [safeSegment(Buffer.from(userid, 'latin1').toString('utf8')), ...levels].join('/');
}

function sideName(userid: string, name: string): string {
  return `${folderPath(userid, [])}/${name}`;
}

/** Writes all that comes to the output, as fast as that takes it. */
async function pump(from: AsyncIterable<unknown>, output: Writable, path: string): Promise<void> {
  try {
    for await (const chunk of from) {
      if (chunk instanceof Uint8Array && !output.write(chunk)) await once(output, 'drain');
    }
    if (path === '-') return;
    output.end();
    await finished(output);
  } catch (error) {
    throw asBackupError(error, path);
  }
}

export async function tarFormat(path: string, standardOutput: Writable): Promise<FileFormat> {
  const output = await openOutput(path, standardOutput);
  const pack = tar.pack();
  const pumped = pump(pack, output, path);
  const add: AddFile = (name, bytes, mtimeS) => {
    const written = new Promise<void>((resolve, reject) => {
      const header = { name, size: bytes.length, mode: 0o600, mtime: new Date(mtimeS * 1000) };
      const entry = pack.entry(header, (error) => (error == null ? resolve() : reject(error)));
      entry.end(bytes);
    });
    return Promise.race([written, failureOf(pumped)]);
  };
  return {
    folder: (userid, levels) => Promise.resolve(maildirInTar(maildirPath(userid, levels), add)),
    sideFile: sideFileBy(add),
    subscriptionLine: (levels) => levels.map(maildirLevel).join('.'),
    finish() {
      pack.finalize();
      return pumped;
    },
  };
}

/** Never resolves: only an output that fails ends the waiting. */
function failureOf(pumped: Promise<void>): Promise<never> {
  return new Promise((_, reject) => {
    pumped.catch(reject);
  });
}

function maildirPath(userid: string, levels: readonly string[]): string {
  const isInbox = levels.length === 1 && levels[0] === 'INBOX';
  return folderPath(userid, isInbox ? [] : [`.${levels.map(maildirLevel).join('.')}`]);
}

function sideFileBy(add: AddFile): FileFormat['sideFile'] {
  return async (userid, name, content, isPlan) => {
    if (!isPlan)
      await add(sideName(userid, name), Buffer.from(content, 'latin1'), Math.floor(Date.now() / 1000));
    return true;
  };
}

function maildirInTar(name: string, add: AddFile): FolderWriter {
  const keywords: string[] = [];
  return {
    name,
    isNew: true,
    held: new Map(),
    async add({ record, flags, bytes }: OutgoingMessage) {
      const { letters, keywords: words } = splitFlags(flags);
      const own = words.flatMap((word) => keywordLetter(keywords, word) ?? []).toSorted();
      const unique = `${record.internaldate}.U${record.uid}G${record.guid}.cyrus-backups,S=${bytes.length}`;
      await add(`${name}/cur/${unique}:2,${letters}${own.join('')}`, bytes, record.internaldate);
    },
    async finish() {
      if (keywords.length === 0) return;
      const lines = keywords.map((keyword, index) => `${index} ${keyword}\n`).join('');
      await add(`${name}/dovecot-keywords`, Buffer.from(lines), Math.floor(Date.now() / 1000));
    },
  };
}

export async function zipFormat(path: string, standardOutput: Writable): Promise<FileFormat> {
  const output = await openOutput(path, standardOutput);
  const zip = new yazl.ZipFile();
  const pumped = pump(Readable.from(zip.outputStream), output, path);
  const add: AddFile = async (name, bytes, mtimeS) => {
    // One at a time: yazl would queue them all.
    const stream = Readable.from([bytes]);
    zip.addReadStream(stream, name, { mtime: new Date(mtimeS * 1000), mode: 0o100_600, size: bytes.length });
    await Promise.race([finished(stream), failureOf(pumped)]);
  };
  return {
    folder: (userid, levels) =>
      Promise.resolve(folderInZip(folderPath(userid, levels.map(safeSegment)), add)),
    sideFile: sideFileBy(add),
    subscriptionLine: (levels) => levels.join('/'),
    finish() {
      zip.end();
      return pumped;
    },
  };
}

function folderInZip(name: string, add: AddFile): FolderWriter {
  const messages: object[] = [];
  return {
    name,
    isNew: true,
    held: new Map(),
    async add({ record, flags, bytes }: OutgoingMessage) {
      const { uid, guid, internaldate } = record;
      messages.push({ file: `${uid}.eml`, uid, guid, internaldate, flags });
      await add(`${name}/${uid}.eml`, bytes, internaldate);
    },
    finish: () =>
      add(
        `${name}/messages.json`,
        Buffer.from(`${JSON.stringify(messages, null, 1)}\n`),
        Math.floor(Date.now() / 1000),
      ),
  };
}

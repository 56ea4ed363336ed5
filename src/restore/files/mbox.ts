/**
 * mbox, one file a folder, folders below in `NAME.sbd` as Thunderbird has them. Lines end with LF, lines that start with
 * `From ` (behind any number of `>`) get one more `>` (mboxrd); flags are in Status, X-Status and X-Keywords, which every
 * reader of mbox knows, and the GUID in X-Cyrus-GUID, by which a second restore finds what is there.
 */
import { createReadStream, existsSync } from 'node:fs';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { asBackupError } from '../../errors.ts';
import { GUID_FIELD, mboxFields, mboxFromLine, quoteLines } from '../../mailbox/mboxText.ts';
import type { FileFormat, FolderWriter, OutgoingMessage } from './format.ts';
import { safeSegment, userFolder } from './paths.ts';

/** Written together. */
const GATHER_BYTES = 4 * 1024 * 1024;

export function mboxFormat(root: string): FileFormat {
  return {
    folder: (userid, levels, isPlan) => openFolder(join(userFolder(root, userid), fileName(levels)), isPlan),
    async sideFile(userid, name, content, isPlan) {
      const path = join(userFolder(root, userid), name);
      if (existsSync(path)) return false;
      if (!isPlan) await writeSide(path, content);
      return true;
    },
    subscriptionLine: (levels) => levels.join('/'),
    finish: () => Promise.resolve(),
  };
}

function fileName(levels: readonly string[]): string {
  const names = levels.map(safeSegment);
  return [...names.slice(0, -1).map((name) => `${name}.sbd`), names.at(-1) ?? 'INBOX'].join('/');
}

async function writeSide(path: string, content: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, Buffer.from(content, 'latin1'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw asBackupError(error, path);
  }
}

async function openFolder(path: string, isPlan: boolean): Promise<FolderWriter> {
  const isNew = !existsSync(path);
  try {
    const held = isNew ? new Map<string, number>() : await heldIn(path);
    if (!isPlan) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await appendFile(path, '', { mode: 0o600 });
    }
    return new MboxFolder(path, isNew, held);
  } catch (error) {
    throw asBackupError(error, path);
  }
}

/** GUIDs in the headers: a line of a body that looks like one is behind an empty line. */
async function heldIn(path: string): Promise<Map<string, number>> {
  const held = new Map<string, number>();
  let isHeader = false;
  for await (const line of createInterface({ input: createReadStream(path, 'latin1') })) {
    if (line.startsWith('From ')) isHeader = true;
    else if (line === '') isHeader = false;
    else if (isHeader && line.startsWith(`${GUID_FIELD}: `)) {
      const guid = line.slice(GUID_FIELD.length + 2);
      held.set(guid, (held.get(guid) ?? 0) + 1);
    }
  }
  return held;
}

class MboxFolder implements FolderWriter {
  readonly name: string;
  readonly isNew: boolean;
  readonly held: ReadonlyMap<string, number>;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;

  constructor(name: string, isNew: boolean, held: ReadonlyMap<string, number>) {
    this.name = name;
    this.isNew = isNew;
    this.held = held;
  }

  async add(message: OutgoingMessage): Promise<void> {
    const bytes = mboxMessage(message);
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    if (this.#gatheredBytes >= GATHER_BYTES) await this.#write();
  }

  finish(): Promise<void> {
    return this.#write();
  }

  async #write(): Promise<void> {
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    try {
      if (bytes.length > 0) await appendFile(this.name, bytes);
    } catch (error) {
      throw asBackupError(error, this.name);
    }
  }
}

/** The message as it stands in an mbox, with its From line and the empty line behind it. */
export function mboxMessage({ record, flags, bytes }: OutgoingMessage): Buffer {
  const text = bytes.toString('latin1').replaceAll('\r\n', '\n');
  const emptyLine = text.startsWith('\n') ? 0 : text.indexOf('\n\n') + 1;
  const headEnd = emptyLine === 0 && !text.startsWith('\n') ? text.length : emptyLine;
  const head = text.slice(0, headEnd);
  const fields = mboxFields(flags, record.guid).join('\n');
  const lead = head === '' || head.endsWith('\n') ? '' : '\n';
  // Before each line stands a line end, as quoteLines wants it.
  const ownHead = quoteLines(`\n${head}`, true).slice(1);
  const rest = quoteLines(`\n${text.slice(headEnd)}`, false).slice(1);
  const message = `${ownHead}${lead}${fields}\n${rest}`;
  const end = message.endsWith('\n') ? '\n' : '\n\n';
  return Buffer.from(`${mboxFromLine(record.internaldate)}\n${message}${end}`, 'latin1');
}

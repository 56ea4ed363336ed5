/**
 * Maildir++: INBOX is the folder itself, others are `.Archive.2024` in it, names in modified UTF-7, as Dovecot and Courier have
 * it. Flags are letters behind `:2,`, keywords small letters with `dovecot-keywords` to tell which; a file's time is
 * INTERNALDATE. The GUID is part of each file's name, so that a second restore finds what is there, in whatever
 * folder (cur or new) and with whatever flags it is by then.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { asBackupError } from '../../errors.ts';
import { keywordLetter, keywordLines, maildirUnique, splitFlags } from '../../mailbox/maildirText.ts';
import { encodeMutf7 } from '../../mailbox/mutf7.ts';
import type { FileFormat, FolderWriter, OutgoingMessage } from './format.ts';
import { safeSegment, userFolder } from './paths.ts';

const KEYWORDS_FILE = 'dovecot-keywords';
const NAME = /^[0-9]+\.U[0-9]+G([0-9a-f]{40})\./;

export function maildirFormat(root: string): FileFormat {
  return {
    folder: (userid, levels, isPlan) =>
      openFolder(join(userFolder(root, userid), folderName(levels)), isPlan),
    async sideFile(userid, name, content, isPlan) {
      const path = join(userFolder(root, userid), name);
      if (existsSync(path)) return false;
      if (!isPlan) await writeNew(path, Buffer.from(content, 'latin1'));
      return true;
    },
    subscriptionLine: (levels) => levels.map(maildirLevel).join('.'),
    finish: () => Promise.resolve(),
  };
}

/** A level as Maildir++ writes it, where the dot parts levels. */
export function maildirLevel(level: string): string {
  return safeSegment(encodeMutf7(level)).replaceAll('.', '_');
}

function folderName(levels: readonly string[]): string {
  return levels.length === 1 && levels[0] === 'INBOX' ? '' : `.${levels.map(maildirLevel).join('.')}`;
}

async function writeNew(path: string, bytes: Buffer): Promise<void> {
  try {
    await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
    await writeFile(path, bytes, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw asBackupError(error, path);
  }
}

async function openFolder(path: string, isPlan: boolean): Promise<FolderWriter> {
  const isNew = !existsSync(join(path, 'cur'));
  try {
    if (!isPlan) {
      for (const name of ['cur', 'new', 'tmp'])
        await mkdir(join(path, name), { recursive: true, mode: 0o700 });
      if (basename(path).startsWith('.')) await writeFile(join(path, 'maildirfolder'), '', { mode: 0o600 });
    }
    const keywords = isNew ? [] : await readKeywords(path);
    return new MaildirFolder(path, isNew, isNew ? new Map() : await heldIn(path), keywords);
  } catch (error) {
    throw asBackupError(error, path);
  }
}

async function heldIn(path: string): Promise<Map<string, number>> {
  const held = new Map<string, number>();
  for (const folder of ['cur', 'new']) {
    const names = await readdir(join(path, folder)).catch(() => []);
    for (const name of names) {
      const guid = NAME.exec(name)?.[1];
      if (guid !== undefined) held.set(guid, (held.get(guid) ?? 0) + 1);
    }
  }
  return held;
}

/** Lines `0 name`; the number is that of the letter. */
async function readKeywords(path: string): Promise<string[]> {
  const text = await readFile(join(path, KEYWORDS_FILE), 'utf8').catch(() => '');
  const keywords: string[] = [];
  for (const [, index, name] of text.matchAll(/^(\d+) (\S+)$/gm)) keywords[Number(index)] = name ?? '';
  return Array.from(keywords, (name) => name ?? '');
}

class MaildirFolder implements FolderWriter {
  readonly name: string;
  readonly isNew: boolean;
  readonly held: ReadonlyMap<string, number>;
  readonly #keywords: string[];
  readonly #known: number;

  constructor(name: string, isNew: boolean, held: ReadonlyMap<string, number>, keywords: string[]) {
    this.name = name;
    this.isNew = isNew;
    this.held = held;
    this.#keywords = keywords;
    this.#known = keywords.length;
  }

  async add({ record, flags, bytes }: OutgoingMessage): Promise<void> {
    const { letters, keywords } = splitFlags(flags);
    const own = keywords.flatMap((keyword) => keywordLetter(this.#keywords, keyword) ?? []).toSorted();
    const unique = maildirUnique({ ...record, size: bytes.length });
    const temporary = join(this.name, 'tmp', unique);
    try {
      await writeFile(temporary, bytes, { mode: 0o600 });
      await utimes(temporary, record.internaldate, record.internaldate);
      await rename(temporary, join(this.name, 'cur', `${unique}:2,${letters}${own.join('')}`));
    } catch (error) {
      throw asBackupError(error, this.name);
    }
  }

  async finish(): Promise<void> {
    if (this.#keywords.length === this.#known) return;
    await writeFile(join(this.name, KEYWORDS_FILE), keywordLines(this.#keywords), { mode: 0o600 });
  }
}

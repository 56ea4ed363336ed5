/**
 * Restores a made-up backup to files with the real `restore`, and reads the result: messages by
 * SHA-1 whatever the format, also with other people's programs. A full disk is a small file system
 * of its own.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupSite, START, appendMailbox, line } from './backups.ts';
import type { MailboxFields, RecordFields } from './backups.ts';
import { runOurs } from './backupdDaemon.ts';
import { Daemon, makeFolder } from './machine.ts';
import type { Outcome } from './machine.ts';

const RESTORE = new URL('../../bin/restore', import.meta.url).pathname;

export type MailboxMade = Omit<MailboxFields, 'records' | 'uniqueid'> & {
  readonly records?: readonly (RecordFields & { readonly message: Buffer })[];
};

export const sha1 = (bytes: Buffer | string): string => createHash('sha1').update(bytes).digest('hex');

/** A message with a header, From lines in its body, and at least this many bytes. */
export function mail(subject: string, sizeBytes = 200): Buffer {
  const lines = [
    `From: a@example.com`,
    `Subject: ${subject}`,
    `Message-ID: <${sha1(subject)}@example.com>`,
    '',
  ];
  lines.push('From here on', '>From there', 'Gr\u00fc\u00dfe');
  let length = lines.join('\r\n').length;
  for (let number = 0; length < sizeBytes; number += 1) {
    const line = `${subject} ${number} `.repeat(4);
    lines.push(line);
    length += line.length + 2;
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n`, 'latin1');
}

export function mails(
  count: number,
  sizeBytes = 200,
  from = 1,
  name = 'message',
): NonNullable<MailboxMade['records']> {
  return Array.from({ length: count }, (_, index) => ({
    uid: from + index,
    message: mail(`${name} ${from + index}`, sizeBytes),
  }));
}

export class FileRestore {
  readonly folder = makeFolder('files');
  readonly #site = new BackupSite();
  readonly #conf: string;

  private constructor() {
    this.#conf = join(this.folder, 'imapd.conf');
    writeFileSync(this.#conf, `configdirectory: ${this.folder}/conf\ntemp_path: ${this.folder}\n`);
  }

  /** `items` are further log lines such as SIEVE, as pairs of name and value. */
  static async create(
    mailboxes: readonly MailboxMade[],
    items: readonly (readonly [string, string])[] = [],
  ): Promise<FileRestore> {
    const made = new FileRestore();
    const backup = await made.#site.open();
    for (const [index, mailbox] of mailboxes.entries()) {
      const fields = { uniqueid: `u${index}`, ...mailbox, records: mailbox.records ?? [] };
      await appendMailbox(made.#site, backup, START + index, fields);
    }
    for (const [name, value] of items) await backup.append(line(START + 100, name, value), []);
    await made.#site.close(backup);
    return made;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  arguments(to: string, ...args: string[]): string[] {
    const all = args.some((each) => each === '-a' || each.startsWith('user/')) ? [] : ['-a'];
    return ['-C', this.#conf, '--to', to, ...all, '-f', this.#site.path(), ...args];
  }

  /** Restores the whole backup unless mailboxes are named. */
  run(to: string, ...args: string[]): Promise<Outcome> {
    return runOurs('restore', this.arguments(to, ...args), 120_000);
  }

  /** Starts a run that can be killed. */
  start(to: string, ...args: string[]): Daemon {
    return new Daemon(RESTORE, this.arguments(to, ...args));
  }

  dump(...args: string[]): string[] {
    return ['-C', this.#conf, '-f', this.#site.path(), 'dump', ...args];
  }

  async remove(): Promise<void> {
    await this.#site.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** All files below a folder. */
export function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

/** SHA-1s of the messages in Maildirs or .eml files, sorted. */
export function messagesIn(folder: string): string[] {
  return filesIn(folder)
    .filter((path) => /\/(?:cur|new)\/[^/]+$|\.eml$/.test(path))
    .map((path) => sha1(readFileSync(path)))
    .toSorted();
}

/** SHA-1s of the original messages in mboxes, unquoted by a Python program. */
export function mboxMessages(folder: string): string[] {
  const program = `
import hashlib, mailbox, os, re, sys
for folder, _, names in os.walk(sys.argv[1]):
  for name in names:
    if name.startswith('.') or folder.endswith('/sieve') or name in ('subscriptions', 'cyrus-backups-items'): continue
    box = mailbox.mbox(os.path.join(folder, name), create=False)
    for key in box.keys():
      head, _, body = box.get_bytes(key).partition(b'\\n\\n')
      lines = head.split(b'\\n')
      del lines[max(n for n, each in enumerate(lines) if each.startswith(b'Status: ')):]
      text = re.sub(rb'(?mi)^>(>*(?:From |Status:|X-Status:|X-Keywords:))', rb'\\1', b'\\n'.join(lines) + b'\\n\\n' + body)
      print(hashlib.sha1(text.replace(b'\\n', b'\\r\\n')).hexdigest())
`;
  return execFileSync('python3', ['-c', program, folder], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
    .toSorted();
}

function shell(script: string, ...args: string[]): void {
  execFileSync('sh', ['-c', script, 'sh', ...args]);
}

/**
 * A small file system: a tmpfs, or an ext4 on a loop device. A filler file in it takes up space.
 */
export class SmallDisk {
  readonly path: string;
  readonly #image: string;
  readonly #isLoop: boolean;

  constructor(folder: string, kind: 'tmpfs' | 'ext4', sizeBytes: number) {
    this.path = join(folder, `disk-${kind}`);
    this.#image = join(folder, `${kind}.image`);
    this.#isLoop = kind === 'ext4';
    mkdirSync(this.path);
    if (this.#isLoop) {
      shell('truncate -s "$1" "$2" && mkfs.ext4 -q -F -m 0 "$2"', String(sizeBytes), this.#image);
      shell('mount -o loop "$1" "$2"', this.#image, this.path);
    } else shell('mount -t tmpfs -o "size=$1" tmpfs "$2"', String(sizeBytes), this.path);
  }

  /** Leaves this many bytes free, or all of them (null). */
  leave(freeBytes: number | null): void {
    const filler = join(this.path, 'filler');
    rmSync(filler, { force: true });
    if (freeBytes === null) return;
    const script =
      'free=$(($(stat -f -c %a "$1") * $(stat -f -c %S "$1") - $3)); head -c $free /dev/zero > "$2"; sync -f "$1"';
    shell(script, this.path, filler, String(freeBytes));
  }

  remove(): void {
    shell('umount "$1"', this.path);
    rmSync(this.#image, { force: true });
  }
}

/**
 * A tar archive holds Maildirs to be unpacked on a mail server; a path is for example
 * `anne/.Archive/cur/NAME:2,S`. PAX headers, which GNU tar, bsdtar and Python read, hold what does
 * not fit into a tar header: long paths, paths that are not ASCII, and some dates.
 */
import type { Writable } from 'node:stream';
import tar from 'tar-stream';
import { keywordLines } from '../../../mailbox/maildirText.ts';
import { addText, archiveFormat } from './archiveFormat.ts';
import type { Archiver, ArchiveFolder, ArchiveLayout } from './archiveFormat.ts';
import { fileOutput, Pump, streamOutput } from './output.ts';
import type { ArchiveOutput } from './output.ts';
import { maildirName, otherName } from '../folderNames.ts';
import type { FileFormat } from '../format.ts';
import { MaildirNames } from '../maildir/names.ts';
import { MARKER, markerText } from '../marker.ts';

/**
 * The latest date in a tar header: the eleven octal digits are limited to 32 bits, for readers that
 * ignore PAX headers.
 */
const MAX_HEADER_TIME = 0x7fff_ffff;

export function tarFormat(path: string, standardOutput: Writable, replaces: boolean): FileFormat {
  const output = path === '-' ? streamOutput(standardOutput, 'standard output') : fileOutput(path, replaces);
  const archiver = new TarArchiver(output);
  return archiveFormat(archiver, output, tarLayout(archiver), (name) => name);
}

type HeaderArgument = Parameters<tar.Pack['entry']>[0];
type Entry = ReturnType<tar.Pack['entry']>;

interface Resolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function withResolvers(): Resolvers {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((onEnd, onError) => {
    [resolve, reject] = [onEnd, onError];
  });
  return { promise, resolve, reject };
}

class TarArchiver implements Archiver {
  readonly #pack = tar.pack();
  readonly #pump: Pump;

  constructor(output: ArchiveOutput) {
    // This event needs a handler, but the same error also fails the current step.
    this.#pack.on('error', () => undefined);
    this.#pump = new Pump(this.#pack, output);
  }

  async add(name: string, sizeBytes: number, pieces: Iterable<Buffer>, mtimeS: number): Promise<void> {
    const headerTime = Math.min(Math.max(mtimeS, 0), MAX_HEADER_TIME);
    const pax = headerTime === mtimeS ? {} : { pax: { mtime: String(mtimeS) } };
    const mtime = new Date(headerTime * 1000);
    const { entry, ended } = this.#begin({ name, size: sizeBytes, mode: 0o600, mtime, ...pax });
    for (const piece of pieces) {
      await this.#pump.during((resolve, reject) => {
        ended.catch(reject);
        if (entry.write(piece)) resolve();
        else entry.once('drain', resolve);
      });
    }
    entry.end(null);
    await this.#pump.during((resolve, reject) => void ended.then(resolve, reject));
  }

  async addFolder(name: string): Promise<void> {
    const { ended } = this.#begin({ name, type: 'directory', mtime: new Date(), mode: 0o700 });
    await this.#pump.during((resolve, reject) => void ended.then(resolve, reject));
  }

  end(): Promise<void> {
    this.#pack.finalize();
    return this.#pump.end();
  }

  #begin(header: HeaderArgument): { readonly entry: Entry; readonly ended: Promise<void> } {
    const { promise, resolve, reject } = withResolvers();
    const entry = this.#pack.entry(header, (error) => (error == null ? resolve() : reject(error)));
    entry.on('error', reject);
    promise.catch(() => undefined);
    return { entry, ended: promise };
  }
}

/** Names that differ only in case stay as they are: a tar is meant for a mail server. */
const tarLayout = (archiver: TarArchiver): ArchiveLayout => ({
  folderPath: maildirName,
  otherPath: otherName,
  subscriptionLine: (path) => (path === '' ? 'INBOX' : path.slice(1)),
  key: (path) => path,
  folder: (path, target, mailbox) => maildirInTar(path, markerText(target, mailbox), archiver),
});

function maildirInTar(path: string, marker: string, archiver: TarArchiver): ArchiveFolder {
  const names = new MaildirNames();
  return {
    holdsAnnotations: false,
    async add({ record, flags, pieces }) {
      const { name, left } = names.next(record, flags);
      await archiver.add(`${path}/cur/${name}`, record.size, pieces(), record.internaldate);
      return left;
    },
    async finish() {
      for (const name of ['cur', 'new', 'tmp']) await archiver.addFolder(`${path}/${name}`);
      if (path.includes('/')) await addText(archiver, `${path}/maildirfolder`, '');
      if (names.keywords.length > 0)
        await addText(archiver, `${path}/dovecot-keywords`, keywordLines(names.keywords));
      await addText(archiver, `${path}/${MARKER}`, marker);
    },
  };
}

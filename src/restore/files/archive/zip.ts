/**
 * A zip archive is for people to read, also on systems that ignore case in file names and do not
 * allow a colon. A message has a path such as `anne/Archive/17.eml`. Each folder has a
 * `messages.json` with what a message file cannot carry: flags, exact dates, GUIDs, annotations.
 */
import { Readable } from 'node:stream';
import type { Writable } from 'node:stream';
import yazl from 'yazl';
import { addText, archiveFormat } from './archiveFormat.ts';
import type { Archiver, ArchiveFolder, ArchiveLayout } from './archiveFormat.ts';
import { fileOutput, Pump, streamOutput } from './output.ts';
import type { ArchiveOutput } from './output.ts';
import { otherName, zipPath } from '../folderNames.ts';
import type { FileFormat } from '../format.ts';
import { MARKER, markerText } from '../marker.ts';

export function zipFormat(path: string, standardOutput: Writable, replaces: boolean): FileFormat {
  const output = path === '-' ? streamOutput(standardOutput, 'standard output') : fileOutput(path, replaces);
  const archiver = new ZipArchiver(output);
  return archiveFormat(archiver, output, zipLayout(archiver), foldedKey);
}

class ZipArchiver implements Archiver {
  readonly #zip = new yazl.ZipFile();
  readonly #pump: Pump;

  constructor(output: ArchiveOutput) {
    // This event needs a handler, but the same error also fails the current step.
    this.#zip.outputStream.on('error', () => undefined);
    this.#pump = new Pump(Readable.from(this.#zip.outputStream), output);
    this.#zip.on('error', (error) => this.#pump.fail(error));
  }

  /** Adds one file at a time: yazl would queue them all. */
  async add(name: string, sizeBytes: number, pieces: Iterable<Buffer>, mtimeS: number): Promise<void> {
    await this.#pump.during((resolve, reject) => {
      const stream = Readable.from(pieces);
      stream.once('end', resolve);
      stream.once('error', reject);
      this.#zip.addReadStream(stream, name, {
        mtime: new Date(mtimeS * 1000),
        mode: 0o100_600,
        size: sizeBytes,
      });
    });
  }

  end(): Promise<void> {
    this.#zip.end();
    return this.#pump.end();
  }
}

const foldedKey = (path: string): string => path.normalize('NFC').toLowerCase();

const zipLayout = (archiver: ZipArchiver): ArchiveLayout => ({
  folderPath: (mailbox, deletedPrefix) => zipPath(mailbox, deletedPrefix).join('/'),
  otherPath(path, mailbox) {
    const at = path.lastIndexOf('/') + 1;
    return path.slice(0, at) + otherName(path.slice(at), mailbox);
  },
  subscriptionLine: (path) => path,
  key: foldedKey,
  folder: (path, target, mailbox) => folderInZip(path, markerText(target, mailbox), archiver),
});

function folderInZip(path: string, marker: string, archiver: ZipArchiver): ArchiveFolder {
  const messages: object[] = [];
  const files = new Set<string>();
  return {
    holdsAnnotations: true,
    async add({ record, flags, pieces }) {
      const { uid, guid, internaldate, annotations } = record;
      let file = `${uid}.eml`;
      for (let copy = 2; files.has(file); copy += 1) file = `${uid}-${copy}.eml`;
      files.add(file);
      messages.push({
        file,
        uid,
        guid,
        internaldate,
        flags,
        ...(annotations === null ? {} : { annotations }),
      });
      await archiver.add(`${path}/${file}`, record.size, pieces(), internaldate);
      return [];
    },
    async finish() {
      await addText(archiver, `${path}/messages.json`, `${JSON.stringify(messages, null, 1)}\n`);
      await addText(archiver, `${path}/${MARKER}`, marker);
    },
  };
}

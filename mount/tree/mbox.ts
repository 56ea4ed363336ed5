/**
 * A user's mail as files in the mbox format (`.mbox`): `INBOX.mbox`, `Archive/2024.mbox`. What is in a file is told in
 * content/mboxText.ts.
 */
import { hasItsBytes, loadBlock, readMessage, sha1Of } from '../../src/backup/content.ts';
import type { Block } from '../../src/backup/content.ts';
import type { BackupReader } from '../../src/backup/reader.ts';
import { BackupError } from '../../src/errors.ts';
import type { StoredMessage } from '../../src/index/types.ts';
import {
  LOOK_AHEAD_BYTES,
  LOOK_BACK_BYTES,
  MBOX_END,
  fitHead,
  mboxHead,
  quoteFromLines,
} from '../content/mboxText.ts';
import type { Attributes, Content, Entry, FileItem, FolderPlace, ListedEntry } from '../tree.ts';
import { fileAttributes } from './attributes.ts';
import { inodeOf } from './hash.ts';
import type { MailView } from './mailView.ts';
import { mailFolderAttributes, mailboxXattr, mailboxXattrNames } from './mailboxFolder.ts';
import { mboxLayout, messageAt } from './mboxLayout.ts';
import type { PlacedMessage } from './mboxLayout.ts';
import { badBytes, storedMessage } from './message.ts';
import type { StructureFolder } from './structure.ts';
import { TreeFolder, entryOf, findChild, listChildren } from './treeFolder.ts';
import type { Child, FolderShape } from './treeFolder.ts';

const SUFFIX = '.mbox';
/** Of a long message so much is made at once. */
const PIECE_BYTES = 256 * 1024;

export class MboxFolder extends TreeFolder {
  readonly #view: MailView;
  readonly #path: string;

  constructor(shape: FolderShape, view: MailView, path: string) {
    super(shape);
    this.#view = view;
    this.#path = path;
  }

  protected ownAttributes(): Attributes {
    return mailFolderAttributes(this.#view, this.#view.folder(this.#path));
  }

  protected find(name: string): Entry | undefined {
    return findChild(this.#children(), name);
  }

  protected each(after: number, visit: (entry: ListedEntry) => boolean): void {
    listChildren(this.#children(), after, visit);
  }

  /** Of each level the file, where it is a mailbox, and the folder, where others are in it. */
  *#children(): Generator<Child> {
    const { children } = this.#view.folder(this.#path);
    for (const [segment, child] of [...children].toSorted(([, a], [, b]) => a.firstId - b.firstId)) {
      const cookie = child.firstId * 2;
      const file = `${segment}${SUFFIX}`;
      if (child.mailbox !== null) {
        const make = () => entryOf(new MboxFile(`${this.key}/${file}`, this, this.#view, child.path));
        yield { name: file, cookie, make };
      }
      if (child.children.size === 0) continue;
      // A folder must not have the name of a file.
      const folder = segment.endsWith(SUFFIX) ? segment.replace(/\.mbox$/, '%2Embox') : segment;
      const shape = { key: `${this.key}/${folder}`, parent: this };
      const make = () => entryOf(new MboxFolder(shape, this.#view, child.path));
      yield { name: folder, cookie: cookie + 1, make };
    }
  }
}

class MboxFile implements FileItem {
  readonly kind = 'file';
  readonly key: string;
  readonly parent: FolderPlace;
  readonly #view: MailView;
  readonly #path: string;

  constructor(key: string, parent: FolderPlace, view: MailView, path: string) {
    this.key = key;
    this.parent = parent;
    this.#view = view;
    this.#path = path;
  }

  attributes(): Attributes {
    const folder = this.#folder();
    const { sizeBytes } = mboxLayout(this.#view, folder);
    const { owner } = this.#view.user;
    const shape = { inode: inodeOf('mbox', this.key), mtimeMs: folder.changedMs, owner };
    return fileAttributes(shape, sizeBytes);
  }

  content(): Content {
    return mboxContent(this.#view, this.#folder());
  }

  xattrNames(): readonly string[] {
    return mailboxXattrNames(this.#folder());
  }

  xattr(name: string): Buffer | undefined {
    return mailboxXattr(this.#folder(), name);
  }

  #folder(): StructureFolder {
    return this.#view.folder(this.#path);
  }
}

function mboxContent(view: MailView, folder: StructureFolder): Content {
  const layout = mboxLayout(view, folder);
  return {
    sizeBytes: layout.sizeBytes,
    at(offset) {
      const message = messageAt(view, folder, layout, offset);
      if (message === undefined) throw gone(view, folder, `the message at ${offset}`);
      const inMessage = offset - message.start;
      const piece = Math.floor(inMessage / PIECE_BYTES);
      return {
        blockKey: `mbox:${layout.serial}:${message.number}:${piece}`,
        offsetInBlock: inMessage - piece * PIECE_BYTES,
        load: () => pieceOf(view, folder, message, piece * PIECE_BYTES),
      };
    },
  };
}

/** Up to PIECE_BYTES of a message as it stands in the mbox, from an offset on. */
function pieceOf(
  view: MailView,
  folder: StructureFolder,
  { uid, sizeBytes }: PlacedMessage,
  from: number,
): Buffer {
  const record = view.record(folder, uid);
  if (record === undefined) throw gone(view, folder, `message ${uid}`);
  const head = fitHead(mboxHead(record), sizeBytes - record.size - MBOX_END.length);
  const to = Math.min(sizeBytes, from + PIECE_BYTES);
  const start = Math.max(0, from - LOOK_BACK_BYTES);
  const end = Math.min(sizeBytes, to + LOOK_AHEAD_BYTES);
  const reader = view.reader();
  const message = storedMessage(reader, record);
  const inBody = Math.max(0, start - head.length);
  const bodyBytes = Math.min(record.size, end - head.length) - inBody;
  const body =
    bodyBytes > 0
      ? readMessage(reader.index, reader.fd, message, inBody, bodyBytes, loaderFor(reader))
      : Buffer.alloc(0);
  const isAll = bodyBytes === record.size;
  const isRight = isAll ? sha1Of(body) === record.guid : isKnownRight(reader, message);
  if (!isRight) throw badBytes(reader, record, 'are damaged');
  const tail =
    end > sizeBytes - MBOX_END.length ? MBOX_END.subarray(0, end - (sizeBytes - MBOX_END.length)) : '';
  const text = Buffer.concat([head.subarray(start), body, Buffer.from(tail)]);
  quoteFromLines(text);
  return Buffer.from(text.subarray(from - start, to - start));
}

function gone(view: MailView, folder: StructureFolder, what: string): BackupError {
  return new BackupError('not-found', `${what} of ${view.user.userid}/${folder.path} is gone`);
}

const lastRight = new WeakMap<BackupReader, string>();

/** A long message's pieces are asked for one after the other: it is read through for the first of them. */
function isKnownRight(reader: BackupReader, message: StoredMessage): boolean {
  if (lastRight.get(reader) === message.guid) return true;
  if (!hasItsBytes(reader.index, reader.fd, message)) return false;
  lastRight.set(reader, message.guid);
  return true;
}

interface LastBlock {
  readonly name: string;
  readonly bytes: Buffer;
}
/** Messages that lie together are read one after the other: what was inflated last is often what is wanted next. */
const last = new WeakMap<BackupReader, LastBlock>();

function loaderFor(reader: BackupReader): (fd: number, block: Block) => Buffer {
  return (fd, block) => {
    const name = `${block.from.fileOffset}:${block.start}-${block.end}`;
    const known = last.get(reader);
    if (known?.name === name) return known.bytes;
    const bytes = loadBlock(fd, block);
    last.set(reader, { name, bytes });
    return bytes;
  };
}

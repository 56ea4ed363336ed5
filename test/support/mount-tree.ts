/**
 * A tree of made-up mail for tests and measurements of the mount. It has folders of messages whose
 * bytes follow from folder and UID alone, a big file, links, a file that changes, a folder that
 * grows, and damage.
 *
 * Over 300 lines because each kind of file is a few lines that belong to the one tree.
 */
import { existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { BackupError } from '../../src/errors.ts';
import type {
  Attributes,
  Content,
  Entry,
  FileItem,
  FolderReference,
  LinkItem,
  ListedEntry,
  NodeReference,
  Tree,
} from '../../mount/vfs/tree.ts';

export interface MadeUpOptions {
  readonly folders: number;
  readonly messagesPerFolder: number;
  readonly messageBytes: number;
  readonly bigFileBytes: number;
  /** A file that holds a number: how many messages the folder `growing` has. */
  readonly countFile?: string;
  /** Adds two damaged files. */
  readonly isDamaged?: boolean;
  /** An image of which nothing is read while another file, the gate, exists. */
  readonly disk?: { readonly image: string; readonly gate: string };
}

/** The folder number that stands for the big file. */
export const BIG_FILE = 999_983;
const BLOCK_BYTES = 64 * 1024;
const TIME_MS = Date.UTC(2024, 1, 29, 12, 30, 15, 123);
const LONG_MS = 3_600_000;
const WORDS =
  'the quick brown fox jumps over a lazy dog while mail keeps coming in from all over the world'.split(' ');

const TEXT = makeText(1024 * 1024);

function makeText(bytes: number): Buffer {
  let text = '';
  let state = 12_345;
  while (text.length < bytes) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    text += `${WORDS[state % WORDS.length]}${state % 9 === 0 ? '\r\n' : ' '}`;
  }
  return Buffer.from(text.slice(0, bytes));
}

/** Block `index` of the stream that holds the messages of folder `folder`, one after another. */
function makeBlock(folder: number, index: number): Buffer {
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  const start = (folder * 7919 + index * 104_729) % (TEXT.length - BLOCK_BYTES);
  TEXT.copy(block, 0, start, start + BLOCK_BYTES);
  block.write(`[folder ${folder} block ${index}]\r\n`);
  return block;
}

function streamContent(folder: number, start: number, sizeBytes: number): Content {
  return {
    sizeBytes,
    at(offset) {
      const position = start + offset;
      const index = Math.floor(position / BLOCK_BYTES);
      const load = (): Buffer => makeBlock(folder, index);
      return { blockKey: `${folder}:${index}`, offsetInBlock: position % BLOCK_BYTES, load };
    },
  };
}

/** The expected content of a message, or of the big file (folder BIG_FILE, UID 1). */
export function expectedContent(folder: number, uid: number, sizeBytes: number): Buffer {
  const start = (uid - 1) * sizeBytes;
  const first = Math.floor(start / BLOCK_BYTES);
  const last = Math.floor((start + sizeBytes) / BLOCK_BYTES);
  const blocks = Array.from({ length: last - first + 1 }, (_, i) => makeBlock(folder, first + i));
  return Buffer.concat(blocks).subarray(start - first * BLOCK_BYTES, start - first * BLOCK_BYTES + sizeBytes);
}

function attributesOf(
  kind: Attributes['kind'],
  inode: bigint,
  sizeBytes: number,
  over: Partial<Attributes> = {},
): Attributes {
  const mode = kind === 'folder' ? 0o500 : 0o400;
  const times = { mtimeMs: TIME_MS, ctimeMs: TIME_MS };
  return { kind, inode, sizeBytes, ...times, nlink: 1, mode, uid: 0, gid: 0, validMs: LONG_MS, ...over };
}

function xattrsOf(values: Readonly<Record<string, string>>): Pick<FileItem, 'xattrNames' | 'xattr'> {
  const get = (name: string): Buffer | undefined =>
    Object.hasOwn(values, name) ? Buffer.from(values[name] ?? '') : undefined;
  return { xattrNames: () => Object.keys(values), xattr: get };
}

const NO_XATTRS = xattrsOf({});

function notFound(what: string): BackupError {
  return new BackupError('not-found', `${what} is not here`);
}

/** A folder with messages 1 to `count()`. */
function messageFolder(
  root: FolderReference,
  name: string,
  number: number,
  bytes: number,
  count: () => number,
  validMs: number,
): FolderReference {
  const base = BigInt(number + 10) << 32n;
  const messageAttributes = (uid: number): Attributes => attributesOf('file', base + BigInt(uid), bytes);
  const check = (uid: number): void => {
    if (uid < 1 || uid > count()) throw notFound(`${name}/${uid}.eml`);
  };
  const entryOf = (uid: number): Entry => ({
    node: { place: folder, number: uid },
    attributes: messageAttributes(uid),
  });
  let version = { count: count() };
  const folder: FolderReference = {
    kind: 'folder',
    key: name,
    parent: root,
    negativeValidMs: validMs,
    ...NO_XATTRS,
    listVersion() {
      if (version.count !== count()) version = { count: count() };
      return version;
    },
    attributes: () => attributesOf('folder', base, 0, { mtimeMs: TIME_MS + count(), nlink: 2, validMs }),
    lookup(wanted) {
      const match = /^([1-9]\d{0,8})\.eml$/.exec(wanted.toString('latin1'));
      const uid = Number(match?.[1] ?? 0);
      return uid >= 1 && uid <= count() ? entryOf(uid) : undefined;
    },
    list(after, visit) {
      const last = count();
      for (let uid = after + 1; uid <= last; uid++) {
        if (!visit({ ...entryOf(uid), name: Buffer.from(`${uid}.eml`, 'latin1'), cookie: uid })) {
          return;
        }
      }
    },
    child: (uid): FileItem => ({
      kind: 'file',
      ...xattrsOf({ 'user.cyrus.uid': String(uid), 'user.cyrus.flags': '\\Seen', 'user.cyrus.empty': '' }),
      attributes() {
        check(uid);
        return messageAttributes(uid);
      },
      content() {
        check(uid);
        return streamContent(number, (uid - 1) * bytes, bytes);
      },
    }),
  };
  return folder;
}

function fixedFile(
  root: FolderReference,
  name: string,
  attributes: Attributes,
  content: () => Content,
): NodeReference {
  return { kind: 'file', key: name, parent: root, ...NO_XATTRS, attributes: () => attributes, content };
}

function bufferContent(key: string, bytes: Buffer): Content {
  return {
    sizeBytes: bytes.length,
    at: (offset) => ({ blockKey: key, offsetInBlock: offset, load: () => bytes }),
  };
}

/**
 * A file that changes, in size as well, at most every half second, when its attributes are read.
 */
function changingFile(root: FolderReference): NodeReference {
  let looks = 0;
  let snapshot = Buffer.alloc(0);
  let untilMs = 0;
  const attributes = (): Attributes => {
    if (Date.now() >= untilMs) {
      untilMs = Date.now() + 500;
      looks += 1;
    }
    snapshot = Buffer.from(`{"looks":"${'x'.repeat(looks % 50)}"}\n`);
    return attributesOf('file', 5n, snapshot.length, { mtimeMs: TIME_MS + looks, validMs: 0 });
  };
  const content = (): Content => bufferContent(`status:${looks}`, snapshot);
  return { kind: 'file', key: 'status', parent: root, ...NO_XATTRS, attributes, content };
}

function link(root: FolderReference, name: string, target: string): NodeReference {
  const item: LinkItem = {
    kind: 'link',
    ...NO_XATTRS,
    attributes: () => attributesOf('link', 6n, target.length, { mode: 0o777 }),
    target: () => Buffer.from(target),
  };
  return { ...item, key: name, parent: root };
}

function gatedFile(
  root: FolderReference,
  { image, gate }: NonNullable<MadeUpOptions['disk']>,
): NodeReference {
  const fd = openSync(image, 'r');
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const { size: sizeBytes } = fstatSync(fd);
  const load = (start: number): Buffer => {
    while (existsSync(gate)) Atomics.wait(pause, 0, 0, 10);
    const block = Buffer.alloc(Math.min(BLOCK_BYTES, sizeBytes - start));
    readSync(fd, block, 0, block.length, start);
    return block;
  };
  const at: Content['at'] = (offset) => {
    const offsetInBlock = offset % BLOCK_BYTES;
    const start = offset - offsetInBlock;
    return { blockKey: `disk:${start}`, offsetInBlock, load: () => load(start) };
  };
  return fixedFile(root, 'disk.img', attributesOf('file', 9n, sizeBytes), () => ({ sizeBytes, at }));
}

/** A file whose content cannot be read at all, or (`short`) ends before its size. */
function damagedFile(root: FolderReference, name: string, how: 'unreadable' | 'short'): NodeReference {
  const content = (): Content => {
    if (how === 'unreadable') throw new BackupError('damaged', `${name}: damaged on disk`);
    return { sizeBytes: 1000, at: () => ({ blockKey: name, offsetInBlock: 0, load: () => Buffer.alloc(0) }) };
  };
  return fixedFile(root, name, attributesOf('file', how === 'short' ? 7n : 8n, 1000), content);
}

function rootFolder(fill: (root: FolderReference) => Map<string, NodeReference>): FolderReference {
  const root: FolderReference = {
    kind: 'folder',
    key: '',
    parent: undefined,
    negativeValidMs: 0,
    ...xattrsOf({ 'user.cyrus.root': 'yes' }),
    attributes: () => attributesOf('folder', 1n, 0, { nlink: 2 + names.length, validMs: 1000 }),
    lookup: (name) => entryOf(places.get(name.toString())),
    list(after, visit) {
      for (const [index, name] of names.entries()) {
        const entry = entryOf(places.get(name));
        const cookie = index + 1;
        if (cookie <= after || entry === undefined) continue;
        if (!visit({ ...entry, name: Buffer.from(name), cookie } satisfies ListedEntry)) return;
      }
    },
    child: (number) => {
      throw notFound(`child ${number}`);
    },
  };
  const places = fill(root);
  const names = [...places.keys()];
  return root;
}

function entryOf(place: NodeReference | undefined): Entry | undefined {
  return place && { node: { place, number: 0 }, attributes: place.attributes() };
}

export function openTree(given: unknown): Tree {
  const options = given as MadeUpOptions;
  const { messageBytes, messagesPerFolder, bigFileBytes, countFile } = options;
  const root = rootFolder((root) => {
    const places = new Map<string, NodeReference>();
    for (let number = 0; number < options.folders; number++) {
      const name = `folder${number}`;
      places.set(
        name,
        messageFolder(root, name, number, messageBytes, () => messagesPerFolder, LONG_MS),
      );
    }
    if (countFile !== undefined) {
      const count = (): number => Number(readFileSync(countFile, 'utf8'));
      places.set('growing', messageFolder(root, 'growing', 1_000_000, messageBytes, count, 0));
    }
    const big = attributesOf('file', 2n, bigFileBytes);
    const bigContent = (): Content => streamContent(BIG_FILE, 0, bigFileBytes);
    if (bigFileBytes > 0) places.set('big', fixedFile(root, 'big', big, bigContent));
    if (options.disk !== undefined) places.set('disk.img', gatedFile(root, options.disk));
    const old = attributesOf('file', 3n, 0, { mtimeMs: -86_400_000.5, ctimeMs: -1 });
    places.set(
      'before 1970 – leer',
      fixedFile(root, 'old', old, () => bufferContent('old', Buffer.alloc(0))),
    );
    places.set('status.json', changingFile(root));
    if (options.isDamaged === true) {
      places.set('unreadable', damagedFile(root, 'unreadable', 'unreadable'));
      places.set('short', damagedFile(root, 'short', 'short'));
    }
    places.set('link', link(root, 'link', 'folder0/1.eml'));
    return places;
  });
  const statistics = { blockBytes: 4096, blocks: 123_456, files: 1000 };
  return { root, statistics: () => statistics, close: () => undefined };
}

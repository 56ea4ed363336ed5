/** `.chunks`: the contents of the log, one file for each decompressed chunk. */
import { BackupError } from '../../../src/errors.ts';
import { chunkById, chunks } from '../../../src/index/queries/chunks.ts';
import type { Chunk } from '../../../src/index/types.ts';
import type { Attributes, Content, Entry, FileItem, ListedEntry } from '../../vfs/tree.ts';
import { fileAttributes, fileTimeMs } from '../attributes.ts';
import { blockLocation } from '../views/blockLocation.ts';
import { inodeOf } from '../hash.ts';
import { sideFolderAttributes } from '../layouts/mailboxFolder.ts';
import type { MailView } from '../views/mailView.ts';
import { TreeFolder } from '../treeFolder.ts';
import type { FolderShape } from '../treeFolder.ts';

export class ChunksFolder extends TreeFolder {
  readonly #view: MailView;

  constructor(shape: FolderShape, view: MailView) {
    super(shape);
    this.#view = view;
  }

  override child(number: number): FileItem {
    const chunk = chunkById(this.#view.reader().index, number);
    if (chunk === undefined) throw new BackupError('not-found', `${this.key}: no chunk ${number}`);
    return {
      kind: 'file',
      attributes: () => this.#attributesOf(chunk),
      xattrNames: () => [],
      xattr: () => undefined,
      content: () => this.#contentOf(chunk),
    };
  }

  protected ownAttributes(): Attributes {
    return sideFolderAttributes(this.#view, 'chunks', this.key);
  }

  protected find(name: string): Entry | undefined {
    const id = Number(/^([1-9][0-9]{0,9})\.txt$/.exec(name)?.[1]);
    const chunk = id <= 0xffff_ffff ? chunkById(this.#view.reader().index, id) : undefined;
    return chunk === undefined ? undefined : this.#entry(chunk);
  }

  protected each(after: number, visit: (entry: ListedEntry) => boolean): void {
    for (const chunk of [...chunks(this.#view.reader().index)].toSorted((a, b) => a.id - b.id)) {
      const cookie = chunk.id;
      if (cookie <= after) continue;
      if (!visit({ ...this.#entry(chunk), name: Buffer.from(`${chunk.id}.txt`), cookie })) return;
    }
  }

  #entry(chunk: Chunk): Entry {
    return { node: { place: this, number: chunk.id }, attributes: this.#attributesOf(chunk) };
  }

  #attributesOf({ id, length, tsEnd }: Chunk): Attributes {
    const inode = inodeOf('chunk', this.key, String(id));
    return fileAttributes({ inode, mtimeMs: fileTimeMs(tsEnd), owner: this.#view.user.owner }, length);
  }

  #contentOf({ id, length }: Chunk): Content {
    const reader = this.#view.reader();
    return { sizeBytes: length, at: (offset) => blockLocation(reader, id, offset) };
  }
}

/**
 * `.at`: a user's whole tree as it was at any time, under any spelling that
 * src/mailbox/timestamp.ts accepts. A listing shows some of the timestamps at which something
 * changed.
 *
 * A relative spelling (`2h`, `yesterday`) keeps its first meaning until it has been unused for a
 * minute. So `cp -r .at/2h .` copies one point in time, and not a later one for each file.
 */
import { LRUCache } from 'lru-cache';
import { futureNoteOf } from '../../../src/backup/clock.ts';
import { BackupError } from '../../../src/errors.ts';
import { timestampOf, saysNow } from '../../../src/mailbox/timestamp.ts';
import type { Attributes, Entry, FolderReference, ListedEntry } from '../../vfs/tree.ts';
import { sideFolderAttributes } from '../layouts/mailboxFolder.ts';
import type { MailView } from '../views/mailView.ts';
import { firstKnown, listedTimestamps, timestampName } from '../timestampNames.ts';
import { TreeFolder, entryOf, listChildren } from '../treeFolder.ts';
import type { Child, FolderShape } from '../treeFolder.ts';
import { UNNOTICED_VALID_MS } from '../validity.ts';

const KEPT_MS = 60_000;
const MAX_KEPT = 1000;

/** Makes a user's tree at a time (unix seconds) with the given key and parent. */
export type TreeAt = (key: string, parent: FolderReference, time: number) => FolderReference;

/** The present meaning of relative spellings, by key of the folder and spelling. */
const meant = new LRUCache<string, number>({ max: MAX_KEPT, ttl: KEPT_MS, updateAgeOnGet: true });

export class AtFolder extends TreeFolder {
  readonly #view: MailView;
  readonly #treeAt: TreeAt;

  constructor(shape: FolderShape, view: MailView, treeAt: TreeAt) {
    super(shape);
    this.#view = view;
    this.#treeAt = treeAt;
  }

  protected ownAttributes(): Attributes {
    return sideFolderAttributes(this.#view, 'at', this.key);
  }

  /**
   * Returns undefined for a second that is not over yet, and for a time before the complete history
   * begins.
   */
  protected find(name: string): Entry | undefined {
    const nowS = Math.floor(Date.now() / 1000);
    const time = this.#timeOf(name, nowS);
    const { index } = this.#view.reader();
    if (time === undefined || time >= nowS || time < firstKnown(index)) return undefined;
    // If the clock once ran ahead, `now` would show an outdated state.
    const note = saysNow(name) ? futureNoteOf(index) : null;
    if (note !== null) throw new BackupError('io', `${this.#view.user.userid}: ${note}`);
    return this.#entry(name, time);
  }

  protected each(after: number, visit: (entry: ListedEntry) => boolean): void {
    const { index } = this.#view.reader();
    const children = listedTimestamps(index, Math.floor(Date.now() / 1000)).map((time): Child => {
      const name = timestampName(time);
      return { name, cookie: time + 1, make: () => this.#entry(name, time) };
    });
    listChildren(children, after, visit);
  }

  #entry(name: string, time: number): Entry {
    // A spelling may later mean another time. It then leads to another folder, and the short
    // validity lets the kernel notice.
    const { node, attributes } = entryOf(this.#treeAt(`${this.key}/${name}@${time}`, this, time));
    return { node, attributes: { ...attributes, validMs: UNNOTICED_VALID_MS } };
  }

  #timeOf(name: string, nowS: number): number | undefined {
    const key = `${this.key}/${name}`;
    const kept = meant.get(key);
    if (kept !== undefined) return kept;
    const time = timestampOf(name, nowS);
    // `now` means the last complete second, because more changes may come in the present one.
    const past = time === nowS ? nowS - 1 : time;
    if (past !== undefined && past !== timestampOf(name, nowS + 1)) meant.set(key, past);
    return past;
  }
}

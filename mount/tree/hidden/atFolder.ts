/**
 * `.at`: a user's whole tree as it was at any time. A time may be written in any form that
 * src/mailbox/timestamp.ts accepts. A listing shows a selection of the timestamps at which
 * something changed.
 *
 * A relative time (`2h`, `yesterday`) is resolved on first use, and keeps that meaning until it has
 * been unused for a minute. `cp -r .at/2h .` therefore copies the state at one time, and not a
 * later state for each file.
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

/** Makes a user's tree at `time` (unix seconds), with the given key and parent. */
export type TreeAt = (key: string, parent: FolderReference, time: number) => FolderReference;

/**
 * The present meaning of relative times. The key combines the folder's key and the time as written.
 */
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
   * Looks up a time. Returns undefined for a second that is not over yet, and for a time before the
   * start of the complete history.
   */
  protected find(name: string): Entry | undefined {
    const nowS = Math.floor(Date.now() / 1000);
    const time = this.#timeOf(name, nowS);
    const { index } = this.#view.reader();
    if (time === undefined || time >= nowS || time < firstKnown(index)) return undefined;
    // If the clock was ahead for a while, `now` could show an outdated state.
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
    // The same relative time may later mean another time, and its name then leads to another
    // folder. The kernel notices this because the validity is short.
    const { node, attributes } = entryOf(this.#treeAt(`${this.key}/${name}@${time}`, this, time));
    return { node, attributes: { ...attributes, validMs: UNNOTICED_VALID_MS } };
  }

  #timeOf(name: string, nowS: number): number | undefined {
    const key = `${this.key}/${name}`;
    const kept = meant.get(key);
    if (kept !== undefined) return kept;
    const time = timestampOf(name, nowS);
    // `now` means the last complete second, because the present second may bring further changes.
    const past = time === nowS ? nowS - 1 : time;
    if (past !== undefined && past !== timestampOf(name, nowS + 1)) meant.set(key, past);
    return past;
  }
}

/**
 * `.at`: a user's whole tree as it was at any moment, under any spelling of it that src/mailbox/moment.ts knows. A listing
 * has some of the moments at which something changed.
 *
 * A spelling that depends on when it is read (`2h`, `yesterday`) stays at the moment that it meant until nobody has used it
 * for a minute: `cp -r .at/2h .` copies one moment, and not one for each file.
 */
import { LRUCache } from 'lru-cache';
import { futureNoteOf } from '../../src/backup/clock.ts';
import { BackupError } from '../../src/errors.ts';
import { momentOf, saysNow } from '../../src/mailbox/moment.ts';
import type { Attributes, Entry, FolderPlace, ListedEntry } from '../tree.ts';
import { sideFolderAttributes } from './mailboxFolder.ts';
import type { MailView } from './mailView.ts';
import { firstKnown, listedMoments, momentName } from './momentNames.ts';
import { TreeFolder, entryOf, listChildren } from './treeFolder.ts';
import type { Child, FolderShape } from './treeFolder.ts';
import { UNNOTICED_VALID_MS } from './validity.ts';

const KEPT_MS = 60_000;
const MAX_KEPT = 1000;

/** Makes a user's tree at a moment (unix seconds), under a key and a parent. */
export type TreeAt = (key: string, parent: FolderPlace, time: number) => FolderPlace;

/** What a relative spelling means to a user at present. */
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

  /** A moment that is not over, or of which not all is known, is not here. */
  protected find(name: string): Entry | undefined {
    const nowS = Math.floor(Date.now() / 1000);
    const time = this.#timeOf(name, nowS);
    const { index } = this.#view.reader();
    if (time === undefined || time >= nowS || time < firstKnown(index)) return undefined;
    // What is now must not be what was before the clock jumped ahead.
    const note = saysNow(name) ? futureNoteOf(index) : null;
    if (note !== null) throw new BackupError('io', `${this.#view.user.userid}: ${note}`);
    return this.#entry(name, time);
  }

  protected each(after: number, visit: (entry: ListedEntry) => boolean): void {
    const { index } = this.#view.reader();
    const children = listedMoments(index, Math.floor(Date.now() / 1000)).map((time): Child => {
      const name = momentName(time);
      return { name, cookie: time + 1, make: () => this.#entry(name, time) };
    });
    listChildren(children, after, visit);
  }

  #entry(name: string, time: number): Entry {
    // A spelling may come to mean another moment: then it is another folder, and the kernel asks again before long.
    const { node, attributes } = entryOf(this.#treeAt(`${this.key}/${name}@${time}`, this, time));
    return { node, attributes: { ...attributes, validMs: UNNOTICED_VALID_MS } };
  }

  #timeOf(name: string, nowS: number): number | undefined {
    const key = `${this.key}/${name}`;
    const kept = meant.get(key);
    if (kept !== undefined) return kept;
    const time = momentOf(name, nowS);
    // `now` is the last second that is over: the present one may still get something.
    const past = time === nowS ? nowS - 1 : time;
    if (past !== undefined && past !== momentOf(name, nowS + 1)) meant.set(key, past);
    return past;
  }
}

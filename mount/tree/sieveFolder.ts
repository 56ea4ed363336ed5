/** `.sieve`: a user's scripts as files, and the link `active` to the one that is in use. */
import { getString, optionalString, toKeyValues } from '../../src/protocol/dlist.ts';
import { parseDlist } from '../../src/protocol/parseText.ts';
import { itemsAt } from '../../src/index/momentQueries.ts';
import type { Attributes, Entry, FolderPlace, LinkItem, ListedEntry } from '../tree.ts';
import { fileTimeMs, linkAttributes } from './attributes.ts';
import { inodeOf } from './hash.ts';
import { sideFolderAttributes } from './mailboxFolder.ts';
import type { MailView } from './mailView.ts';
import { TextFile } from './textFile.ts';
import { TreeFolder, entryOf, findChild, listChildren } from './treeFolder.ts';
import type { Child, FolderShape } from './treeFolder.ts';

const ACTIVE = 'active';

export class SieveFolder extends TreeFolder {
  readonly #view: MailView;

  constructor(shape: FolderShape, view: MailView) {
    super(shape);
    this.#view = view;
  }

  protected ownAttributes(): Attributes {
    return sideFolderAttributes(this.#view, 'sieve', this.key);
  }

  protected find(name: string): Entry | undefined {
    return findChild(this.#children(), name);
  }

  protected each(after: number, visit: (entry: ListedEntry) => boolean): void {
    listChildren(this.#children(), after, visit);
  }

  *#children(): Generator<Child> {
    const view = this.#view;
    const { index } = view.reader();
    const time = view.options.time();
    let cookie = 0;
    const make = (name: string, text: string, since: number) => () =>
      entryOf(new TextFile(`${this.key}/${name}`, this, view, () => text, fileTimeMs(since)));
    for (const { value, since } of itemsAt(index, 'active', time)) {
      const target = scriptFile(getString(toKeyValues(parseDlist(value), 'ACTIVATE_SIEVE'), 'FILENAME'));
      yield {
        name: ACTIVE,
        cookie: ++cookie,
        make: () => entryOf(new ActiveLink(this, view, target, since)),
      };
    }
    for (const { value, since } of itemsAt(index, 'sieve', time)) {
      const script = toKeyValues(parseDlist(value), 'SIEVE');
      const name = scriptFile(getString(script, 'FILENAME'));
      yield { name, cookie: ++cookie, make: make(name, optionalString(script, 'CONTENT') ?? '', since) };
    }
  }
}

/** `vacation.sieve` of `vacation.script`, or of `vacation.bc`, which is the same one compiled. */
function scriptFile(fileName: string): string {
  const text = Buffer.from(fileName.replace(/\.(?:bc|script)$/, ''), 'latin1').toString('utf8');
  const escape = (char: string): string =>
    `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  return `${text.replace(/^\.|[%/\x00-\x1f\x7f]/g, escape)}.sieve`;
}

class ActiveLink implements LinkItem {
  readonly kind = 'link';
  readonly key: string;
  readonly parent: FolderPlace;
  readonly #view: MailView;
  readonly #target: string;
  readonly #sinceMs: number;

  constructor(parent: FolderPlace, view: MailView, target: string, since: number) {
    // The kernel keeps what a link says: another target is another link.
    this.key = `${parent.key}/${ACTIVE}/${target}`;
    this.parent = parent;
    this.#view = view;
    this.#target = target;
    this.#sinceMs = fileTimeMs(since);
  }

  target(): Buffer {
    return Buffer.from(this.#target, 'utf8');
  }

  attributes(): Attributes {
    const shape = { inode: inodeOf('link', this.key), mtimeMs: this.#sinceMs, owner: this.#view.user.owner };
    return linkAttributes(shape, this.target());
  }

  xattrNames(): readonly string[] {
    return [];
  }

  xattr(): undefined {
    return undefined;
  }
}

/**
 * `.sieve`: a user's scripts as files (named by sieveNames.ts), and the link `active` to the active
 * script.
 */
import { getString, optionalString, toKeyValues } from '../../../src/protocol/dlist.ts';
import { parseDlist } from '../../../src/protocol/parseText.ts';
import { itemsAt } from '../../../src/index/queries/items.ts';
import { fileName } from '../../../src/mailbox/fileName.ts';
import { ACTIVE_NAME, activeSieveFile, sieveFiles } from '../../../src/mailbox/sieveNames.ts';
import type { Attributes, Entry, FolderReference, LinkItem, ListedEntry } from '../../vfs/tree.ts';
import { fileTimeMs, linkAttributes } from '../attributes.ts';
import { inodeOf } from '../hash.ts';
import { sideFolderAttributes } from '../layouts/mailboxFolder.ts';
import type { MailView } from '../views/mailView.ts';
import { TextFile } from '../textFile.ts';
import { TreeFolder, entryOf, findChild, listChildren } from '../treeFolder.ts';
import type { Child, FolderShape } from '../treeFolder.ts';

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
    const scripts = itemsAt(index, 'sieve', time).map(({ value, since }) => {
      const script = toKeyValues(parseDlist(value), 'SIEVE');
      return { name: getString(script, 'FILENAME'), text: optionalString(script, 'CONTENT') ?? '', since };
    });
    const files = sieveFiles(scripts.map(({ name }) => name));
    for (const { value, since } of itemsAt(index, 'active', time)) {
      const active = getString(toKeyValues(parseDlist(value), 'ACTIVATE_SIEVE'), 'FILENAME');
      const target = activeSieveFile(active, files) ?? fileName(active);
      yield {
        name: ACTIVE_NAME,
        cookie: ++cookie,
        make: () => entryOf(new ActiveLink(this, view, target, since)),
      };
    }
    for (const { name, text, since } of scripts) {
      const file = files.get(name);
      // A script without a file also takes a cookie. The cookies of the other scripts then stay the
      // same if a script's text arrives after its compiled form.
      cookie += 1;
      if (file !== undefined) yield { name: file, cookie, make: make(file, text, since) };
    }
  }
}

class ActiveLink implements LinkItem {
  readonly kind = 'link';
  readonly key: string;
  readonly parent: FolderReference;
  readonly #view: MailView;
  readonly #target: string;
  readonly #sinceMs: number;

  constructor(parent: FolderReference, view: MailView, target: string, since: number) {
    // The kernel caches a link's target, so a link with another target is another node.
    this.key = `${parent.key}/${ACTIVE_NAME}/${target}`;
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

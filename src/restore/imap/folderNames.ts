/**
 * Assigns each mailbox of the backup its own folder name on an IMAP server. Servers have limits:
 * - some have no levels (a delimiter of NIL)
 * - some allow no folders below certain others (\Noinferiors)
 * - some ignore case
 * - no server allows its separator within a level
 *
 * So each mailbox has a first choice and alternatives. Their order depends on the backup alone, so
 * a second restore finds the folders that the first one created.
 */
import { isInbox } from '../../mailbox/names.ts';
import { folderLevels } from '../folderLevels.ts';

export interface Namespace {
  readonly prefix: string;
  /** null: the server has no levels. */
  readonly delimiter: string | null;
}

export class FolderNames {
  readonly #namespace: Namespace;
  readonly #deletedPrefix: string;
  /** By internal name. */
  readonly #paths = new Map<string, string>();
  readonly #flat = new Map<string, string>();
  readonly #taken = new Set<string>();
  /** Mailboxes by the lower case of their paths. */
  readonly #folded = new Map<string, string[]>();

  /** `targets`: every mailbox that may need a folder, whether or not this restore includes it. */
  constructor(targets: Iterable<string>, namespace: Namespace, deletedPrefix: string) {
    this.#namespace = namespace;
    this.#deletedPrefix = deletedPrefix;
    const all = [...new Set(targets)].toSorted();
    // Mailboxes whose names need no change are assigned first, so they keep their names.
    const isPlain = (target: string): boolean => this.natural(target) === this.#written(this.#levels(target));
    for (const wanted of [true, false]) {
      for (const target of all) if (isPlain(target) === wanted) this.#paths.set(target, this.#claim(target));
    }
    for (const target of all) this.#claimFlat(target);
    for (const [target, path] of this.#paths) {
      const folded = path.toLowerCase();
      this.#folded.set(folded, [...(this.#folded.get(folded) ?? []), target]);
    }
  }

  /** Returns the first choice. */
  path(target: string): string {
    const known = this.#paths.get(target);
    if (known !== undefined) return known;
    const path = this.#claim(target);
    this.#paths.set(target, path);
    return path;
  }

  /**
   * Returns the name on a server that takes every name, so that a report can mention the
   * difference.
   */
  natural(target: string): string {
    if (isInbox(target)) return 'INBOX';
    const { prefix, delimiter } = this.#namespace;
    return prefix + this.#levels(target).join(delimiter ?? '/');
  }

  /** Returns alternatives for when the server refuses the first choice. */
  others(target: string): string[] {
    const flat = this.#flat.get(target) ?? this.#claimFlat(target);
    return [flat, this.#unique(flat)];
  }

  /** Returns the folders above a path. */
  parents(path: string): string[] {
    const { delimiter } = this.#namespace;
    if (delimiter === null) return [];
    const levels = path.split(delimiter);
    return levels.slice(1).map((_, index) => levels.slice(0, index + 1).join(delimiter));
  }

  /**
   * Reports whether an earlier mailbox of the backup, in sort order, differs from this one only in
   * case.
   */
  hasEarlierTwin(target: string): boolean {
    const path = this.path(target);
    const twins = this.#folded.get(path.toLowerCase()) ?? [];
    return twins.some((other) => other < target);
  }

  #levels(target: string): string[] {
    return folderLevels(target, this.#deletedPrefix);
  }

  #claim(target: string): string {
    const path = isInbox(target) ? 'INBOX' : this.#unique(this.#written(this.#levels(target)));
    this.#taken.add(path);
    return path;
  }

  /** Claims a name without levels, and without characters that servers refuse. */
  #claimFlat(target: string): string {
    const { prefix, delimiter } = this.#namespace;
    const levels = this.#levels(target).map((level) =>
      level.replaceAll(delimiter ?? '/', '_').replaceAll(/[/\\%*"~\x00-\x1f\x7f]/g, '_'),
    );
    const flat = this.#unique(prefix + levels.join('_'));
    this.#taken.add(flat);
    this.#flat.set(target, flat);
    return flat;
  }

  /** Joins levels with the server's separator, which becomes `_` within a level. */
  #written(levels: readonly string[]): string {
    const { prefix, delimiter } = this.#namespace;
    if (delimiter === null) return prefix + levels.join('_');
    return prefix + levels.map((level) => level.replaceAll(delimiter, '_')).join(delimiter);
  }

  /** INBOX is the same folder in any case of letters (RFC 3501, 5.1). */
  #unique(path: string): string {
    const isFree = (name: string): boolean => !this.#taken.has(name) && name.toUpperCase() !== 'INBOX';
    if (isFree(path)) return path;
    for (let count = 2; ; count += 1) if (isFree(`${path}_${count}`)) return `${path}_${count}`;
  }
}

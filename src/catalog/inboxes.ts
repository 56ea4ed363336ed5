/**
 * Whose INBOX a uniqueid is, and what became of userids: `inboxes.db` beside backups.db, a twoskip database of uniqueid to
 * userid, and of `renamed to` userid to the later one.
 *
 * A master that renames a user does not always say so: `sync_client -u` and `-A` only ever ask for the new user. The INBOX
 * keeps its uniqueid, and by that the backup is found that is to follow. And for a while after a rename masters speak of
 * mailboxes by the old user's name. Nothing else depends on this file: where it is
 * lost, a user renamed that way gets a second backup, and the first stays as it is.
 */
import { dirname, join } from 'node:path';
import { BackupError } from '../errors.ts';
import { setAside } from '../fs/setAside.ts';
import { Twoskip } from './twoskip/database.ts';

/** No uniqueid begins so. */
const RENAMED = 'renamed to ';

export class Inboxes {
  readonly #path: string;
  #database: Twoskip | null = null;

  /** Makes the file at the first use, not before. */
  constructor(backupsDb: string) {
    this.#path = join(dirname(backupsDb), 'inboxes.db');
  }

  userOf(uniqueid: string): string | null {
    return this.#using(
      (database) => database.get(Buffer.from(uniqueid, 'latin1'))?.toString('latin1') ?? null,
    );
  }

  put(uniqueid: string, userid: string): void {
    this.#using((database) => database.put(Buffer.from(uniqueid, 'latin1'), Buffer.from(userid, 'latin1')));
  }

  /** Whether an INBOX of the user is known: then their backup has held something. */
  hasInboxOf(userid: string): boolean {
    const wanted = Buffer.from(userid, 'latin1');
    return this.#using((database) => {
      for (const [key, value] of database.entries()) {
        if (value.equals(wanted) && !key.toString('latin1').startsWith(RENAMED)) return true;
      }
      return false;
    });
  }

  /** What the user is called by now, where the userid was changed; one step of it. */
  laterName(userid: string): string | null {
    return this.userOf(RENAMED + userid);
  }

  putLaterName(userid: string, later: string): void {
    this.put(RENAMED + userid, later);
  }

  close(): void {
    this.#database?.close();
    this.#database = null;
  }

  /** A file that cannot be read is set aside, and begun anew: what it knew is known again with time. */
  #using<T>(work: (database: Twoskip) => T): T {
    try {
      return work(this.#open());
    } catch (error) {
      if (!(error instanceof BackupError) || error.kind !== 'damaged') throw error;
      this.close();
      setAside(this.#path);
      return work(this.#open());
    }
  }

  #open(): Twoskip {
    this.#database ??= Twoskip.open(this.#path, { create: true });
    return this.#database;
  }
}

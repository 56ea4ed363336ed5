/**
 * Stores which user each INBOX belongs to, by the INBOX's uniqueid, and the new userids of renamed
 * users. The file is `inboxes.db` beside backups.db, a twoskip database. It maps a uniqueid to a
 * userid, and `renamed to` plus a userid to the later userid.
 *
 * A master does not always report that it renamed a user: `sync_client -u` and `-A` only ask for
 * the new user. The INBOX keeps its uniqueid, which identifies the backup that must be renamed. For
 * a while after a rename, masters still use the old userid in mailbox names.
 *
 * Nothing else depends on this file. If it is lost, a user renamed without a report gets a second
 * backup, and the first stays unchanged.
 */
import { dirname, join } from 'node:path';
import { BackupError } from '../errors.ts';
import { setAside } from '../fs/setAside.ts';
import { Twoskip } from './twoskip/database.ts';

/** Prefix of the keys for renamed users. No uniqueid begins with it. */
const RENAMED = 'renamed to ';

export class Inboxes {
  readonly #path: string;
  #database: Twoskip | null = null;

  /** Creates the file only on first use. */
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

  /** Reports whether an INBOX of the user is known. If it is, the backup was not always empty. */
  hasInboxOf(userid: string): boolean {
    const wanted = Buffer.from(userid, 'latin1');
    return this.#using((database) => {
      for (const [key, value] of database.entries()) {
        if (value.equals(wanted) && !key.toString('latin1').startsWith(RENAMED)) return true;
      }
      return false;
    });
  }

  /** Returns the userid that a user was renamed to. Follows only one rename. */
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

  /** Sets an unreadable file aside and begins a new one, which fills again over time. */
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

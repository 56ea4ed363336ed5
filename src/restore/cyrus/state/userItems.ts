/**
 * Reads what a user has on a Cyrus server besides mailboxes (GET META): sieve scripts and the
 * active one, subscriptions, seen state. GET USER would return the same and the mailboxes, but
 * servers tidy the user's folder of scripts on it (cyrus-imapd imap/sync_support.c, sync_get_user).
 */
import {
  getString,
  optionalNumber,
  optionalString,
  toKeyValues,
  toStrings,
} from '../../../protocol/dlist.ts';
import type { KeyValues } from '../../../protocol/dlist.ts';
import { printItem } from '../../../protocol/print.ts';
import { sharedUserid } from '../../../mailbox/names.ts';
import type { SyncClient } from '../syncClient.ts';

export interface ServerScript {
  /** The SHA-1 of its text. */
  readonly guid: string;
  /** Unix seconds; 0 if the server does not say. */
  readonly lastUpdate: number;
}

export interface ServerItems {
  /** By file name. */
  readonly scripts: Map<string, ServerScript>;
  /** The active script's name, without an ending. */
  readonly active: string | undefined;
  readonly subscriptions: Set<string>;
  /** By uniqueid. */
  readonly seen: Map<string, KeyValues>;
}

/** The shared mailboxes have no owner, so they have no items either. */
export async function readUserItems(client: SyncClient, userid: string): Promise<ServerItems> {
  const scripts = new Map<string, ServerScript>();
  const subscriptions = new Set<string>();
  const seen = new Map<string, KeyValues>();
  let active: string | undefined;
  const answers = userid === sharedUserid ? [] : await client.get(printItem('META', userid, 'log'));
  for (const { name, value } of answers) {
    if (name === 'LSUB') for (const mailbox of toStrings(value, 'LSUB')) subscriptions.add(mailbox);
    if (name === 'SEEN') {
      const kv = toKeyValues(value, 'SEEN');
      seen.set(getString(kv, 'UNIQUEID'), kv);
    }
    if (name !== 'SIEVE') continue;
    const kv = toKeyValues(value, 'SIEVE');
    const file = getString(kv, 'FILENAME');
    // The active script is listed a second time, under the name of its compiled form.
    if ((optionalNumber(kv, 'ISACTIVE') ?? 0) === 1) active = scriptName(file);
    if (file.endsWith('.bc')) continue;
    const guid = optionalString(kv, 'GUID') ?? '';
    scripts.set(file, { guid, lastUpdate: optionalNumber(kv, 'LAST_UPDATE') ?? 0 });
  }
  return { scripts, active, subscriptions, seen };
}

/** Returns a script's name without the ending of its file. */
export function scriptName(file: string): string {
  return file.replace(/\.(?:bc|script)$/, '');
}

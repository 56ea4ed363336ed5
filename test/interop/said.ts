/** What a version of Cyrus said in its runs: its commands, the keys of mailboxes and records, what its own server offers. */
import { BackupReader } from '../../src/backup/reader.ts';
import { recordItem } from '../../src/backup/lines/recordItem.ts';
import { livingMailboxes } from '../../src/index/queries/mailboxes.ts';
import { recordsOf } from '../../src/index/queries/records.ts';
import { parseState } from '../../src/index/fold/state.ts';
import { KeyValues } from '../../src/protocol/dlist.ts';
import type { Dlist } from '../../src/protocol/dlist.ts';
import { SocketReader } from '../support/socketReader.ts';
import type { Site } from './site.ts';

/** The kinds of words, in the order in which they are shown, with what they are. */
export const kinds = {
  offered: 'Its own sync_server offers',
  command: 'Commands',
  mailbox: 'Keys of a mailbox',
  record: 'Keys of a record',
  annotation: "Annotations of records that are no user's",
} as const;

export type Kind = keyof typeof kinds;
export type Said = Record<Kind, Set<string>>;

export function nothingSaid(): Said {
  return {
    offered: new Set(),
    command: new Set(),
    mailbox: new Set(),
    record: new Set(),
    annotation: new Set(),
  };
}

/** Adds what was said at a site, and what our backups hold of it. */
export async function listenTo(site: Site, said: Said): Promise<void> {
  for (const word of await offeredBy(site.master.syncServer.port)) said.offered.add(word);
  for (const { command } of site.exchanges) {
    const [word, more] = command.split(' ');
    const isItem = word === 'GET' || word === 'APPLY';
    said.command.add(isItem ? `${word} ${more}` : (word ?? '').toUpperCase());
    for (const [key] of command.matchAll(/\bSINCE_\w+(?= )/g)) said.mailbox.add(key);
  }
  for (const user of [...site.users, '%SHARED']) {
    const path = await site.backup.dataFile(user);
    if (path !== undefined) readBackup(path, said);
  }
}

function readBackup(path: string, said: Said): void {
  const reader = new BackupReader(path);
  try {
    for (const mailbox of livingMailboxes(reader.index)) {
      for (const [key] of parseState(mailbox.state).entries) said.mailbox.add(key);
      for (const record of recordsOf(reader.index, mailbox.id)) {
        const item = recordItem(record);
        for (const [key] of item.entries) said.record.add(key);
        for (const entry of entriesOf(item.get('ANNOTATIONS'))) said.annotation.add(entry);
      }
    }
  } finally {
    reader.close();
  }
}

/** The entries that Cyrus sets by itself, which count in the CRC of annotations. */
function entriesOf(annotations: Dlist | undefined): string[] {
  if (!Array.isArray(annotations)) return [];
  return annotations.flatMap((annotation) => {
    const entry = annotation instanceof KeyValues ? annotation.get('ENTRY') : undefined;
    return typeof entry === 'string' && entry.startsWith('/vendor/cmu/') ? [entry] : [];
  });
}

/** The lines of the banner, without mechanisms and greeting. */
async function offeredBy(port: number): Promise<string[]> {
  const reader = await SocketReader.connect(port);
  const words: string[] = [];
  try {
    for (;;) {
      const line = await reader.line();
      if (/^\* (OK|BYE)/.test(line)) return words;
      if (!line.startsWith('* SASL')) words.push(line.slice(2));
    }
  } finally {
    reader.close();
  }
}

/** A row of the matrix in docs/reference/interop.md: what is done on a master, and how its sync_client is run then. */
import type { ImapClient } from '../support/imapClient.ts';
import type { Site, SiteOptions } from './site.ts';

export interface Family {
  readonly name: string;
  /** Where given, the row has a master and a backup of its own; else it goes on from the row before. */
  readonly own?: SiteOptions;
  /**
   * Throws what went wrong, else gives a word on how it went, or nothing. Whether master and backup agree then is for the
   * caller to see.
   */
  run(site: Site): Promise<string | void>;
}

/** What a user does by IMAP. */
export async function as<T>(site: Site, user: string, work: (client: ImapClient) => Promise<T>): Promise<T> {
  const client = await site.master.imap(user);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** What anne does, and sync_client's arguments then. */
export function anneDoes(
  work: (client: ImapClient, site: Site) => Promise<unknown>,
  ...args: string[]
): (site: Site) => Promise<void> {
  return async (site) => {
    await as(site, 'anne', (client) => work(client, site));
    await site.sync(...(args.length === 0 ? ['-u', 'anne'] : args));
  };
}

export function expectThat(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise);
}

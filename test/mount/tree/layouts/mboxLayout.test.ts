/** An mbox of many messages: only where every so-manieth begins is kept, and any offset leads to the right byte all the same. */
import { expect } from 'chai';
import { join } from 'node:path';
import { Catalog } from '../../../../src/catalog/catalog.ts';
import type { CatalogOptions } from '../../../../src/catalog/catalog.ts';
import { openTree } from '../../../../mount/backupTree.ts';
import { BlockCache } from '../../../../mount/content/blockCache.ts';
import { Filesystem } from '../../../../mount/vfs/filesystem.ts';
import type { Node } from '../../../../mount/vfs/tree.ts';
import { BackupSite, START, appendMailbox } from '../../../support/backups.ts';
import { splitMbox, takeBack } from '../../../support/mbox.ts';
import { treeSettings } from '../../../support/mailStore.ts';

const MESSAGES = 333;
const FLAGS = ['', '\\Seen', '\\Seen \\Flagged $Label1', '\\Answered'];

const bodies = Array.from({ length: MESSAGES }, (_, at) =>
  Buffer.from(`Subject: ${at}\r\n\r\nFrom here on: ${`line ${at}\r\n`.repeat((at * 37) % 300)}`),
);

describe('the lay-out of an mbox', () => {
  let site: BackupSite;
  let filesystem: Filesystem;

  before(async () => {
    site = new BackupSite();
    const partitions = new Map([['default', join(site.folder, 'partition')]]);
    const choice = { mode: 'freespace-most' as const, exclude: [], softUsageLimitPercent: 0, usageReinit: 0 };
    const databasePath = join(site.folder, 'backups.db');
    const options: CatalogOptions = { databasePath, fullDirHash: false, partitions, ...choice };
    const catalog = Catalog.open(options);
    const backup = await site.open(catalog.create('anne'));
    catalog.close();
    // Not every UID is there.
    const records = bodies.map((message, at) => ({ uid: 3 * at + 1, message, flags: FLAGS[at % 4] ?? '' }));
    await appendMailbox(site, backup, START, { uniqueid: 'u1', name: 'user.anne', records });
    await site.close(backup);
    const catalogOptions = { ...options, readOnly: true };
    const tree = openTree({
      ...treeSettings,
      catalog: catalogOptions,
      owner: { uid: 1, gid: 1, folderMode: 0o700, fileMode: 0o600 },
    });
    filesystem = new Filesystem(tree, new BlockCache());
  });
  after(async () => {
    filesystem.close();
    await site.remove();
  });

  function mbox(): Node {
    let node: Node = filesystem.root;
    for (const name of ['anne', '.mbox', 'INBOX.mbox']) {
      node = filesystem.lookup(node, Buffer.from(name))?.node ?? expect.fail(`no ${name}`);
    }
    return node;
  }

  function read(offset: number, bytes: number): Buffer {
    filesystem.begin();
    const target = Buffer.alloc(bytes);
    return target.subarray(0, filesystem.read(mbox(), offset, target));
  }

  it('has all messages, in order, in as many bytes as it says', () => {
    const { sizeBytes } = filesystem.attributes(mbox());
    const whole = read(0, sizeBytes + 100);
    expect(whole).to.have.length(sizeBytes);
    const text = whole.toString('latin1');
    const messages = splitMbox(whole);
    for (const [at, body] of bodies.entries()) {
      expect(takeBack(messages[at] ?? '').bytes.toString(), `${at}`).to.equal(body.toString());
    }
    // What lines that begin with From gain, and CRLF loses, takes no byte more or less.
    expect(text.match(/^From /gm)).to.have.length(MESSAGES);
  });

  it('gives the same bytes from any offset on, in any order', () => {
    const whole = read(0, filesystem.attributes(mbox()).sizeBytes);
    for (let at = 0; at < 500; at++) {
      const offset = (at * 7_654_321) % whole.length;
      const bytes = 1 + ((at * 977) % 5000);
      expect(read(offset, bytes).equals(whole.subarray(offset, offset + bytes)), `${offset}`).to.equal(true);
    }
  });
});

/** Bits that change on the disk: what the mount gives is right to the last byte, or EIO. */
import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Catalog } from '../../../src/catalog/catalog.ts';
import type { CatalogOptions } from '../../../src/catalog/catalog.ts';
import { BackupError } from '../../../src/errors.ts';
import { openTree } from '../../../mount/backupTree.ts';
import { BlockCache } from '../../../mount/content/blockCache.ts';
import { Filesystem } from '../../../mount/vfs/filesystem.ts';
import type { Node } from '../../../mount/vfs/tree.ts';
import { BackupSite, START, appendMailbox, bytesOf } from '../../support/backups.ts';
import { treeSettings } from '../../support/mailStore.ts';

/** Text that compresses, with every line another: a changed bit mostly makes one letter of it another. */
function textOf(number: number, lines: number): Buffer {
  const all = Array.from({ length: lines }, (_, line) => `${number * line} of ${number}, and line ${line}`);
  return Buffer.from(`Subject: ${number}\r\n\r\n${all.join('\r\n')}\r\n`);
}

const messages = [
  ...[1, 2, 3, 4, 5, 6].map((number) => textOf(number, 700)),
  textOf(7, 12_000),
  bytesOf(8, 20_000),
  textOf(9, 3),
];
const FLIPS = 300;
const PIECE_BYTES = 64 * 1024;

describe('a bit of a data file that has changed', function () {
  this.timeout(60_000);
  let site: BackupSite;
  let options: CatalogOptions;
  let path: string;
  let whole: Buffer;
  let inMbox: Buffer;

  before(async () => {
    site = new BackupSite();
    const partitions = new Map([['default', join(site.folder, 'partition')]]);
    const choice = { mode: 'freespace-most' as const, exclude: [], softUsageLimitPercent: 0, usageReinit: 0 };
    options = { databasePath: join(site.folder, 'backups.db'), fullDirHash: false, partitions, ...choice };
    const catalog = Catalog.open(options);
    path = catalog.create('anne');
    const backup = await site.open(path);
    catalog.close();
    const records = messages.map((message, at) => ({ uid: at + 1, message, flags: '' }));
    await appendMailbox(site, backup, START, { uniqueid: 'u1', name: 'user.anne', records });
    await site.close(backup);
    whole = readFileSync(path);
    inMbox = withMount((read) => read('anne/.mbox/INBOX.mbox', Infinity)) as Buffer;
  });
  after(() => site.remove());

  type Read = (name: string, pieceBytes: number) => Buffer | 'EIO';

  function withMount<T>(work: (read: Read) => T): T {
    const tree = openTree({
      ...treeSettings,
      catalog: { ...options, readOnly: true },
      owner: { uid: 1, gid: 1, folderMode: 0o700, fileMode: 0o600 },
    });
    const filesystem = new Filesystem(tree, new BlockCache());
    try {
      return work((name, pieceBytes) => {
        filesystem.begin();
        return readWhole(filesystem, name, pieceBytes);
      });
    } finally {
      filesystem.close();
    }
  }

  function readWhole(filesystem: Filesystem, name: string, pieceBytes: number): Buffer | 'EIO' {
    let node: Node = filesystem.root;
    for (const level of name.split('/')) {
      node = filesystem.lookup(node, Buffer.from(level))?.node ?? expect.fail(`${name} is not there`);
    }
    const { sizeBytes } = filesystem.attributes(node);
    const bytes = Buffer.alloc(sizeBytes);
    try {
      for (let at = 0; at < sizeBytes;) {
        at += filesystem.read(node, at, bytes.subarray(at, Math.min(sizeBytes, at + pieceBytes)));
      }
      return bytes;
    } catch (error) {
      if (error instanceof BackupError && error.kind === 'damaged') return 'EIO';
      throw error;
    }
  }

  /** The numbers of the messages that cannot be read. */
  function lost(read: Read, pieceBytes: number): number[] {
    return messages.flatMap((message, at) => {
      const bytes = read(`anne/INBOX/${at + 1}.eml`, pieceBytes);
      if (bytes !== 'EIO') expect(bytes.equals(message), `message ${at + 1}`).to.equal(true);
      return bytes === 'EIO' ? [at + 1] : [];
    });
  }

  it('never comes out as mail: whoever reads what it is in is told, at once or in pieces, and in the mbox', () => {
    const counts = { harmless: 0, oneMessage: 0, more: 0 };
    for (let flip = 0; flip < FLIPS; flip++) {
      const at = Math.floor(((flip + 0.5) * whole.length) / FLIPS);
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (flip % 8));
      writeFileSync(path, bytes);
      const atOnce = withMount((read) => lost(read, Infinity));
      const inPieces = withMount((read) => lost(read, PIECE_BYTES));
      expect(inPieces, `byte ${at}`).to.deep.equal(atOnce);
      const mbox = withMount((read) => read('anne/.mbox/INBOX.mbox', PIECE_BYTES));
      if (atOnce.length > 0) expect(mbox, `byte ${at}`).to.equal('EIO');
      else expect((mbox as Buffer).equals(inMbox), `byte ${at}`).to.equal(true);
      counts[atOnce.length === 0 ? 'harmless' : atOnce.length === 1 ? 'oneMessage' : 'more'] += 1;
    }
    writeFileSync(path, whole);
    // Of letters that became others, deflate alone notices nothing: those cost the message that they are in, and no other.
    expect(counts.oneMessage).to.be.above(FLIPS / 4);
  });
});

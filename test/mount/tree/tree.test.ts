import { expect } from 'chai';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backup } from '../../../src/backup/backup.ts';
import { rebuildIndex } from '../../../src/backup/openIndex.ts';
import { sharedUserid } from '../../../src/mailbox/names.ts';
import { Catalog } from '../../../src/catalog/catalog.ts';
import type { CatalogOptions } from '../../../src/catalog/catalog.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { BackupError } from '../../../src/errors.ts';
import { openTree } from '../../../mount/backupTree.ts';
import { BlockCache } from '../../../mount/content/blockCache.ts';
import { readRange } from '../../../mount/content/readRange.ts';
import type { Entry, FileItem, FolderReference, ListedEntry, Tree } from '../../../mount/vfs/tree.ts';
import { treeSettings } from '../../support/mailStore.ts';
import { BackupSite, START, appendMailbox, bytesOf, guidOf, line } from '../../support/backups.ts';

const owner = { uid: 1234, gid: 5678, folderMode: 0o700, fileMode: 0o600 };
const large = bytesOf(1, 300_000);
const small = [2, 3, 4].map((seed) => bytesOf(seed, 50 + seed));
/** For how long the tree may go on with what it knew. */
const RECHECK_MS = 1100;

describe('the tree of a store', () => {
  let site: BackupSite;
  let options: CatalogOptions;
  let tree: Tree;
  let anne: Backup;

  beforeEach(async () => {
    site = new BackupSite();
    const partitions = new Map([['default', join(site.folder, 'partition')]]);
    const choice = { mode: 'freespace-most' as const, exclude: [], softUsageLimitPercent: 0, usageReinit: 0 };
    options = { databasePath: join(site.folder, 'backups.db'), fullDirHash: false, partitions, ...choice };
    const catalog = Catalog.open(options);
    const shared = await site.open(catalog.create(sharedUserid));
    await append(shared, 0, 'u9', 'team.minutes', [small[0] as Buffer]);
    await site.close(shared);
    anne = await site.open(catalog.create('anne'));
    catalog.create('zoe@example.com');
    catalog.close();
    await append(anne, 0, 'u1', 'user.anne', [small[0] as Buffer, large]);
    await append(anne, 1, 'u2', 'user.anne.Archive.2024', small);
    await append(anne, 2, 'u3', 'DELETED.user.anne.Old.5F000000', [small[1] as Buffer]);
    tree = openTree({ ...treeSettings, catalog: { ...options, readOnly: true }, owner });
  });
  afterEach(async () => {
    tree.close();
    await site.remove();
  });

  async function append(
    backup: Backup,
    time: number,
    uniqueid: string,
    name: string,
    messages: readonly Buffer[],
  ): Promise<void> {
    const records = messages.map((message, at) => ({ uid: at + 1, message, flags: '\\Seen $Label1' }));
    await appendMailbox(site, backup, START + time, { uniqueid, name, records });
  }

  function entryAt(path: string): Entry | undefined {
    let entry: Entry | undefined = {
      node: { place: tree.root, number: 0 },
      attributes: tree.root.attributes(),
    };
    for (const name of path.split('/').filter((part) => part !== '')) {
      entry =
        entry === undefined ? undefined : (entry.node.place as FolderReference).lookup(Buffer.from(name));
    }
    return entry;
  }
  const folderAt = (path: string): FolderReference => entryAt(path)?.node.place as FolderReference;

  function fileAt(path: string): FileItem {
    const { place, number } = (entryAt(path) as Entry).node;
    return (place as FolderReference).child(number) as FileItem;
  }

  function list(folder: FolderReference, after = 0, count = Infinity): ListedEntry[] {
    const entries: ListedEntry[] = [];
    folder.list(after, (entry) => {
      entries.push({ ...entry, name: Buffer.from(entry.name) });
      return entries.length < count;
    });
    return entries;
  }
  const namesIn = (path: string): string[] => list(folderAt(path)).map(({ name }) => name.toString());

  function bytesAt(path: string): Buffer {
    const content = fileAt(path).content();
    const bytes = Buffer.alloc(content.sizeBytes);
    expect(readRange(content, { cache: new BlockCache() }, 0, bytes)).to.equal(bytes.length);
    return bytes;
  }

  it('has a folder for each user, the shared mailboxes’ too, and one that has nothing yet', () => {
    expect(namesIn('')).to.deep.equal(['%SHARED', 'anne', 'zoe@example.com']);
    expect(namesIn('zoe@example.com')).to.deep.equal([]);
    expect(namesIn('%SHARED')).to.deep.equal(['team']);
    expect(namesIn('%SHARED/team/minutes')).to.deep.equal(['1.eml']);
  });

  it('has no other names', () => {
    for (const path of [
      'eve',
      '..',
      'a%2Fb',
      'anne/Nothing',
      'anne/1.eml',
      'anne/INBOX/3.eml',
      'anne/INBOX/01.eml',
      'anne/DELETED',
    ]) {
      expect(entryAt(path), path).to.equal(undefined);
    }
  });

  it('has each message in its mailbox, byte for byte', () => {
    expect(namesIn('anne')).to.deep.equal(['INBOX', 'Archive']);
    expect(namesIn('anne/INBOX')).to.deep.equal(['1.eml', '2.eml']);
    expect(bytesAt('anne/INBOX/2.eml').equals(large)).to.equal(true);
    for (const at of [0, 1, 2])
      expect(bytesAt(`anne/Archive/2024/${at + 1}.eml`).equals(small[at] as Buffer)).to.equal(true);
  });

  it('says of a message what the master said of it', () => {
    const { attributes } = entryAt('anne/INBOX/2.eml') as Entry;
    const { sizeBytes, mtimeMs, mode, uid, gid, kind } = attributes;
    expect({ sizeBytes, mtimeMs, mode, uid, gid, kind }).to.deep.equal({
      sizeBytes: large.length,
      mtimeMs: (START + 2) * 1000,
      mode: 0o600,
      uid: owner.uid,
      gid: owner.gid,
      kind: 'file',
    });
    const file = fileAt('anne/INBOX/2.eml');
    const xattrs = file.xattrNames().map((name) => [name, file.xattr(name)?.toString()]);
    expect(Object.fromEntries(xattrs)).to.deep.equal({
      'user.cyrus.uid': '2',
      'user.cyrus.guid': guidOf(large),
      'user.cyrus.modseq': '3',
      'user.cyrus.flags': '\\Seen $Label1',
      'user.cyrus.internaldate': String(START + 2),
    });
    expect(file.xattr('user.other')).to.equal(undefined);
    expect(folderAt('anne/INBOX').xattr('user.cyrus.mboxname')?.toString()).to.equal('user.anne');
    expect(folderAt('anne/Archive').xattrNames()).to.deep.equal([]);
  });

  it('says the same of a thing whether it is listed, looked up or asked itself', () => {
    for (const path of ['', 'anne', 'anne/Archive', 'anne/INBOX', '%SHARED/team']) {
      for (const { name, node, attributes } of list(folderAt(path))) {
        const looked = entryAt(`${path}/${name.toString()}`) as Entry;
        const itself = node.number === 0 ? node.place : (node.place as FolderReference).child(node.number);
        expect([looked.attributes, itself.attributes()], name.toString()).to.deep.equal([
          attributes,
          attributes,
        ]);
        expect([looked.node.place.key, looked.node.number]).to.deep.equal([node.place.key, node.number]);
      }
    }
  });

  it('has every message whichever way they are asked for, none between them, and what changes meanwhile', async () => {
    const uids = Array.from({ length: 200 }, (_, at) => 1 + at + Math.floor(at / 3) * 4);
    const put = (time: number, some: readonly number[]): Promise<unknown> => {
      const records = some.map((uid) => ({ uid, message: bytesOf(uid, 10 + uid) }));
      return appendMailbox(site, anne, START + time, { uniqueid: 'u7', name: 'user.anne.Many', records });
    };
    await put(3, uids);
    const ways = [uids, uids.toReversed(), uids.toSorted((a, b) => ((a * 7919) % 101) - ((b * 7919) % 101))];
    for (const way of ways) {
      const folder = folderAt('anne/Many');
      for (const uid of way) {
        expect((folder.child(uid) as FileItem).content().sizeBytes).to.equal(10 + uid);
        if (!uids.includes(uid + 1)) expect(() => folder.child(uid + 1)).to.throw('ESTALE');
      }
    }
    const folder = folderAt('anne/Many');
    for (const uid of [1, 2, 3]) folder.child(uid);
    await put(4, [4]);
    expect((folder.child(4) as FileItem).content().sizeBytes).to.equal(14);
  });

  it('goes on listing behind any entry', async () => {
    await append(
      anne,
      3,
      'u4',
      'user.anne.b',
      Array.from({ length: 600 }, (_, at) => Buffer.from(`m${at}`)),
    );
    await append(anne, 3, 'u5', 'user.anne.b.c', []);
    for (const path of ['', 'anne', 'anne/b', 'anne/Archive/2024']) {
      const all = list(folderAt(path));
      expect(new Set(all.map(({ cookie }) => cookie)).size).to.equal(all.length);
      const continued = all.map(({ cookie }) => list(folderAt(path), cookie, 1)[0]?.name.toString());
      expect(continued).to.deep.equal([...all.slice(1).map(({ name }) => name.toString()), undefined]);
    }
    expect(namesIn('anne/b')).to.have.length(601);
  });

  it('follows the backup while it is written', async () => {
    const inbox = folderAt('anne/INBOX');
    const before = inbox.attributes();
    await append(anne, 9, 'u1', 'user.anne', [small[0] as Buffer, large, small[2] as Buffer]);
    expect(list(inbox).map(({ name }) => name.toString())).to.deep.equal(['1.eml', '2.eml', '3.eml']);
    expect(inbox.attributes().mtimeMs).to.be.above(before.mtimeMs);
    expect(inbox.attributes().inode).to.equal(before.inode);
    await anne.append(line(START + 10, 'EXPUNGE', '%(MBOXNAME user.anne UNIQUEID u1 UID (2))'));
    expect(namesIn('anne/INBOX')).to.deep.equal(['1.eml', '3.eml']);
    expect(entryAt('anne/INBOX/2.eml')).to.equal(undefined);
  });

  it('moves the time of a folder out of which another was renamed or deleted', async () => {
    await append(anne, 3, 'u4', 'user.anne.Archive.2025', []);
    await append(anne, 4, 'u5', 'user.anne.Archive', []);
    const archive = folderAt('anne/Archive');
    const times = [archive.attributes().mtimeMs];
    const changes = [
      line(START + 6, 'UNMAILBOX', 'user.anne.Archive.2025'),
      line(
        START + 7,
        'RENAME',
        '%(OLDMBOXNAME user.anne.Archive.2024 NEWMBOXNAME user.anne.Gone PARTITION d UIDVALIDITY 17)',
      ),
    ];
    for (const change of changes) {
      await anne.append(change);
      times.push(archive.attributes().mtimeMs);
    }
    expect(list(archive)).to.deep.equal([]);
    expect(new Set(times).size).to.equal(3);
  });

  it('says that a folder is gone, and keeps the inode of one that was renamed', async () => {
    const old = folderAt('anne/Archive/2024');
    const { inode } = old.attributes();
    const names = 'OLDMBOXNAME user.anne.Archive.2024 NEWMBOXNAME user.anne.Kept';
    await anne.append(line(START + 7, 'RENAME', `%(${names} PARTITION d UIDVALIDITY 17)`));
    expect(() => old.attributes())
      .to.throw(BackupError)
      .with.property('kind', 'not-found');
    expect(folderAt('anne/Kept').attributes().inode).to.equal(inode);
  });

  it('gives the same inodes after a reindex and a remount, and does not hang on the old index', async () => {
    const inodes = (): [string, bigint][] =>
      ['', 'anne', 'anne/INBOX', 'anne/Archive', 'anne/INBOX/2.eml', '%SHARED/team/minutes/1.eml'].map(
        (path) => [path, (entryAt(path) as Entry).attributes.inode],
      );
    const before = inodes();
    await site.close(anne);
    const file = await LockedFile.acquire(anne.path);
    const { index } = await rebuildIndex(file, () => undefined);
    index.close();
    file.release();
    await sleep(RECHECK_MS);
    expect(inodes()).to.deep.equal(before);
    tree.close();
    tree = openTree({ ...treeSettings, catalog: { ...options, readOnly: true }, owner });
    expect(inodes()).to.deep.equal(before);
    expect(new Set(before.map(([, inode]) => inode)).size).to.equal(before.length);
    expect(bytesAt('anne/INBOX/2.eml').equals(large)).to.equal(true);
  });

  it('names other blocks other keys, and loads what they say', () => {
    const content = fileAt('anne/INBOX/2.eml').content();
    const keys = [0, 150_000, 299_999].map((offset) => content.at(offset).blockKey);
    expect(new Set(keys).size).to.be.above(1);
    const { offsetInBlock, load } = content.at(150_000);
    expect(load()[offsetInBlock]).to.equal(large[150_000]);
  });

  it('refuses the bytes of a message that are not here, and goes on with the others', async () => {
    await anne.append(
      line(
        START + 9,
        'MAILBOX',
        '%(UNIQUEID u6 MBOXNAME user.anne.m UIDVALIDITY 1 RECORD (%(UID 1 MODSEQ 1 ' +
          `LAST_UPDATED 1 FLAGS () INTERNALDATE 1 SIZE 5 GUID ${'ab'.repeat(20)})))`,
      ),
    );
    expect(() => fileAt('anne/m/1.eml').content())
      .to.throw(BackupError)
      .with.property('kind', 'damaged');
    expect(namesIn('anne/m')).to.deep.equal(['1.eml']);
  });

  it('counts what the partitions’ disks hold', () => {
    const { blockBytes, blocks, files } = tree.statistics();
    expect(blockBytes).to.equal(4096);
    expect(Math.min(blocks, files)).to.be.above(0);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { openTree } from '../../../../mount/backupTree.ts';
import { BlockCache } from '../../../../mount/content/blockCache.ts';
import { readRange } from '../../../../mount/content/readRange.ts';
import type { Entry, FileItem, FolderReference, LinkItem, Tree } from '../../../../mount/vfs/tree.ts';
import { childInode, inodeOf } from '../../../../mount/tree/hash.ts';
import { mhNaming, plainNaming } from '../../../../mount/tree/layouts/naming.ts';
import { START, appendMailbox } from '../../../support/backups.ts';
import { annesStore, mailNumber, treeSettings } from '../../../support/mailStore.ts';
import type { MailStore } from '../../../support/mailStore.ts';

describe('names of messages', () => {
  it('lead back to their UID', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffff_ffff }), (uid) => {
        for (const naming of [plainNaming, mhNaming]) {
          expect(naming.uidOf(naming.messageName(uid).toString())).to.equal(uid);
        }
      }),
    );
  });

  it('are no other spelling of a number, and no number that cannot be a UID', () => {
    for (const name of [
      '0.eml',
      '01.eml',
      '1.EML',
      '1.eml ',
      '-1.eml',
      '1e3.eml',
      '4294967296.eml',
      '1',
      '.eml',
      '1.emlx',
    ]) {
      expect(plainNaming.uidOf(name), name).to.equal(undefined);
    }
  });
});

describe('a message whose name is gone', () => {
  let store: MailStore;
  let tree: Tree;

  beforeEach(async () => {
    store = await annesStore();
    const catalog = { ...store.catalogOptions, readOnly: true };
    tree = openTree({
      ...treeSettings,
      catalog,
      owner: { uid: 1, gid: 1, folderMode: 0o700, fileMode: 0o600 },
    });
  });
  afterEach(async () => {
    tree.close();
    await store.remove();
  });

  function entryAt(path: string): Entry | undefined {
    let folder: FolderReference = tree.root;
    let entry: Entry | undefined;
    for (const name of path.split('/')) {
      entry = folder.lookup(Buffer.from(name));
      if (entry?.node.place.kind === 'folder') folder = entry.node.place;
    }
    return entry;
  }

  function bytesOf(file: FileItem | LinkItem): Buffer {
    if (file.kind !== 'file') throw new Error('it is a link');
    const content = file.content();
    const bytes = Buffer.alloc(content.sizeBytes);
    readRange(content, { cache: new BlockCache() }, 0, bytes);
    return bytes;
  }

  it('goes on, without links, whatever becomes of its mailbox, and is not taken for another', async () => {
    const { node, attributes } = entryAt('anne/2024/9.eml') ?? expect.fail('it is not there');
    const folder = node.place as FolderReference;
    const name = 'user.anne.2024';
    const uniqueid = 'id-user-anne-2024';
    const deeds = [
      () => store.say('anne', 800, 'EXPUNGE', `%(MBOXNAME ${name} UNIQUEID ${uniqueid} UID (9))`),
      () => store.say('anne', 810, 'UNMAILBOX', name),
      async () => {
        const records = [{ uid: 9, message: mailNumber(5) }];
        const fields = { uniqueid: 'another', name, records };
        await appendMailbox(store.site, await store.backup('anne'), START + 820, fields);
      },
    ];
    for (const deed of deeds) {
      await deed();
      const file = folder.child(9);
      expect(file.attributes()).to.include({
        inode: attributes.inode,
        nlink: 0,
        sizeBytes: mailNumber(4).length,
      });
      expect(bytesOf(file).equals(mailNumber(4))).to.equal(true);
    }
    const other = entryAt('anne/2024/9.eml') ?? expect.fail('the other is not there');
    expect(other.node.place.key).to.not.equal(folder.key);
    expect(bytesOf((other.node.place as FolderReference).child(9)).equals(mailNumber(5))).to.equal(true);
    expect(() => folder.lookup(Buffer.from('9.eml'))).to.throw('ESTALE');
    expect(() => folder.child(8)).to.throw('ESTALE');
  });
});

describe('names of folders beside MH’s messages', () => {
  it('are no numbers, and lead back to the level', () => {
    for (const level of ['2024', 'a', '%25324', '%3', '0', '12a']) {
      const name = mhNaming.folderName(level);
      expect(mhNaming.uidOf(name), level).to.equal(undefined);
      expect(mhNaming.segmentOf(name, new Map()), level).to.equal(level);
    }
    expect(mhNaming.segmentOf('2024', new Map())).to.equal(undefined);
  });
});

describe('inode numbers', () => {
  it('are 63 bits and never 0, for whatever folder and UID', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        (folder, uid) => {
          const inode = childInode(folder, uid);
          expect(inode > 0n && inode < 2n ** 63n).to.equal(true);
        },
      ),
    );
    expect(childInode(2n ** 63n - 1n, 1)).to.equal(1n);
  });

  it('differ with the parts and where one ends and the next begins', () => {
    expect(new Set([inodeOf('a', 'bc'), inodeOf('ab', 'c'), inodeOf('abc'), inodeOf('abd')]).size).to.equal(
      4,
    );
    expect(inodeOf('a', 'bc')).to.equal(inodeOf('a', 'bc'));
  });
});

/** Odd messages in an mbox, read whole and in pieces, taken back to the very messages. */
import { expect } from 'chai';
import { openTree } from '../../../../mount/backupTree.ts';
import { BlockCache } from '../../../../mount/content/blockCache.ts';
import { Filesystem } from '../../../../mount/vfs/filesystem.ts';
import type { Node } from '../../../../mount/vfs/tree.ts';
import { START, appendMailbox, guidOf } from '../../../support/backups.ts';
import { oddGuids, oddMessages, splitMbox, takeBack } from '../../../support/mbox.ts';
import { MailStore, treeSettings } from '../../../support/mailStore.ts';

describe('the content of an mbox', function () {
  this.timeout(20_000);
  let store: MailStore;
  let filesystem: Filesystem;

  before(async () => {
    store = new MailStore();
    const backup = await store.backup('anne');
    const records = [...oddMessages.values()].map((message, at) => ({ uid: at + 1, message }));
    await appendMailbox(store.site, backup, START, { uniqueid: 'u1', name: 'user.anne', records });
    const tight = Buffer.from('From no room for quotes\n'.repeat(500));
    const alternating = Buffer.from('a\r\nb\n'.repeat(500));
    await appendMailbox(store.site, backup, START, {
      uniqueid: 'u2',
      name: 'user.anne.Lossy',
      records: [tight, alternating].map((message, at) => ({ uid: at + 1, message })),
    });
    const catalog = { ...store.catalogOptions, readOnly: true };
    filesystem = new Filesystem(
      openTree({ ...treeSettings, catalog, owner: { uid: 1, gid: 1, folderMode: 0o700, fileMode: 0o600 } }),
      new BlockCache(),
    );
  });
  after(async () => {
    filesystem?.close();
    await store.remove();
  });

  function mbox(name = 'INBOX.mbox'): Node {
    let node: Node = filesystem.root;
    for (const each of ['anne', '.mbox', name]) {
      node = filesystem.lookup(node, Buffer.from(each))?.node ?? expect.fail(`no ${each}`);
    }
    return node;
  }

  function read(node: Node, offset: number, bytes: number): Buffer {
    filesystem.begin();
    const target = Buffer.alloc(bytes);
    return target.subarray(0, filesystem.read(node, offset, target));
  }

  it('can be taken back to the very messages, each by its own GUID', () => {
    const node = mbox();
    const { sizeBytes } = filesystem.attributes(node);
    const whole = read(node, 0, sizeBytes + 1);
    expect(whole).to.have.length(sizeBytes);
    const taken = splitMbox(whole).map((text) => takeBack(text));
    expect(taken.map(({ guid }) => guid)).to.deep.equal(oddGuids);
    for (const [at, name] of [...oddMessages.keys()].entries()) {
      expect(guidOf(taken[at]?.bytes ?? ''), name).to.equal(oddGuids[at]);
    }
  });

  it('is the same in pieces, from any offset on', () => {
    const node = mbox();
    const whole = read(node, 0, filesystem.attributes(node).sizeBytes);
    for (let at = 0; at < 400; at += 1) {
      const offset = (at * 7_654_321) % whole.length;
      const bytes = 1 + ((at * 9_977) % 300_000);
      expect(read(node, offset, bytes).equals(whole.subarray(offset, offset + bytes)), `${offset}`).to.equal(
        true,
      );
    }
  });

  it('has no CR but those that are no line end, and no line that begins with From but its own', () => {
    const node = mbox();
    const text = read(node, 0, filesystem.attributes(node).sizeBytes).toString('latin1');
    expect(text.match(/^From /gm)?.length).to.be.at.least(oddMessages.size);
    expect(text.split('\n').filter((line) => line.startsWith('From '))).to.have.length(oddMessages.size);
  });

  it('says so where a message of bare LF leaves no room for quotes, or for what its line ends were, and is two messages still', () => {
    const node = mbox('Lossy.mbox');
    const { sizeBytes } = filesystem.attributes(node);
    const whole = read(node, 0, sizeBytes + 1);
    expect(whole).to.have.length(sizeBytes);
    const [tight = '', alternating = ''] = splitMbox(whole);
    expect(splitMbox(whole)).to.have.length(2);
    expect(tight)
      .to.match(/\nX-Cyrus-Mbox: lines=lf head=open tight\b/)
      .and.contain('\n>rom no room for quotes\n');
    expect(alternating).to.match(/\nX-Cyrus-Mbox: lines=\? head=open \./);
  });
});

import { expect } from 'chai';
import type { Attributes, FileItem, FolderReference, NodeReference } from '../../../../mount/vfs/tree.ts';
import { Registry } from '../../../../mount/fuse/wire/registry.ts';
import { openTree } from '../../../support/mount-tree.ts';

const { root } = openTree({ folders: 1, messagesPerFolder: 1, messageBytes: 1, bigFileBytes: 0 });

function place(key: string): NodeReference {
  const attributes = (): Attributes => root.attributes();
  const item: FileItem = {
    kind: 'file',
    attributes,
    xattrNames: () => [],
    xattr: () => undefined,
    content: () => ({ sizeBytes: 0, at: () => expect.fail() }),
  };
  return { ...item, key, parent: root };
}

describe('the registry of places', () => {
  it('forgets a place with its last lookup, and never gives its number to another', () => {
    const registry = new Registry(root);
    const first = registry.remember({ place: place('a'), number: 0 });
    expect(registry.remember({ place: place('a'), number: 0 })).to.equal(first);
    registry.forget(first, 1);
    expect(registry.place(first).key).to.equal('a');
    registry.forget(first, 1);
    expect(() => registry.place(first)).to.throw('ESTALE');
    const again = registry.remember({ place: place('a'), number: 0 });
    expect(again).to.be.above(first);
    expect(registry.size).to.equal(2);
  });

  it('keeps nothing for messages, but keeps their folder for as long as one is known', () => {
    const registry = new Registry(root);
    const folder: FolderReference = { ...root, key: 'folder', parent: root };
    let number = 0;
    for (let uid = 1; uid <= 100_000; uid++) number = registry.remember({ place: folder, number: uid });
    expect(registry.size).to.equal(2);
    registry.forget(number, 99_999);
    expect(registry.place(number)).to.equal(folder);
    registry.forget(number, 1);
    expect(registry.size).to.equal(1);
  });

  it('serves the latest of the objects that stand for one place', () => {
    const registry = new Registry(root);
    const number = registry.remember({ place: place('a'), number: 0 });
    const later = place('a');
    registry.remember({ place: later, number: 0 });
    expect(registry.place(number)).to.equal(later);
    expect(registry.numberOf('a')).to.equal(number);
  });

  it('has news of folders that show something of the store, with that they are in, and of no others', () => {
    const registry = new Registry(root);
    const shown = { userid: 'anne', dataFile: '/anne', path: 'a', name: 'a', identity: 'u1' };
    const user: FolderReference = {
      ...root,
      key: 'anne/',
      parent: root,
      shown: { ...shown, path: '', name: 'anne' },
    };
    const folder: FolderReference = { ...root, key: 'anne/a', parent: user, shown };
    const userNumber = registry.remember({ place: user, number: 0 });
    const number = registry.remember({ place: folder, number: 0 });
    registry.remember({ place: folder, number: 17 });
    const other = registry.remember({ place: place('other'), number: 0 });
    expect(registry.takeNews()).to.deep.equal({
      remembered: [
        { number: userNumber, parent: 0, shown: user.shown },
        { number, parent: userNumber, shown },
      ],
      forgotten: [],
    });
    expect(registry.takeNews()).to.equal(undefined);
    registry.forget(other, 1);
    registry.forget(number, 1);
    expect(registry.takeNews()).to.equal(undefined);
    registry.forget(number, 1);
    expect(registry.takeNews()).to.deep.equal({ remembered: [], forgotten: [number] });
  });

  it('never forgets the root, whatever the kernel gives back', () => {
    const registry = new Registry(root);
    registry.forget(0, 1000);
    registry.forget(77, 1);
    expect(registry.place(0)).to.equal(root);
  });

  it('has news of what is forgotten of just that of which it had news before', () => {
    const registry = new Registry(root);
    let shown: FolderReference['shown'];
    const user = {
      ...root,
      key: 'anne',
      parent: root,
      get shown() {
        return shown;
      },
    };
    const bob = {
      ...root,
      key: 'bob',
      parent: root,
      get shown() {
        return shown;
      },
    };
    const unsaid = registry.remember({ place: bob, number: 0 });
    shown = { userid: 'anne', dataFile: '/anne', path: '', name: 'anne', identity: '' };
    const said = registry.remember({ place: user, number: 0 });
    expect(registry.takeNews()?.remembered.map(({ number }) => number)).to.deep.equal([said]);
    registry.forget(unsaid, 1);
    shown = undefined;
    registry.forget(said, 1);
    expect(registry.takeNews()).to.deep.equal({ remembered: [], forgotten: [said] });
  });
});

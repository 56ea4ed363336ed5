import { expect } from 'chai';
import { BlockCache } from '../../../../mount/content/blockCache.ts';
import { Filesystem } from '../../../../mount/vfs/filesystem.ts';
import { Session } from '../../../../mount/fuse/server/requestHandler.ts';
import { warmUp } from '../../../../mount/fuse/prefetch/warmUp.ts';
import type { FolderReference, Tree } from '../../../../mount/vfs/tree.ts';
import { openTree } from '../../../support/mount-tree.ts';

const OPTIONS = { folders: 2, messagesPerFolder: 300, messageBytes: 10, bigFileBytes: 10, isDamaged: true };
const FOR_MS = 100;

/** Counts the lists that are asked for, of any folder, and the messages; `fault` is thrown by each list. */
function watched(tree: Tree, fault?: Error): { tree: Tree; lists: string[]; messages: number[] } {
  const lists: string[] = [];
  const messages: number[] = [];
  const wrap = (folder: FolderReference): FolderReference =>
    new Proxy(folder, {
      get(target, name) {
        if (name === 'lookup') {
          return (wanted: Buffer) => {
            const entry = target.lookup(wanted);
            return entry && { ...entry, node: { place: wrap(target), number: entry.node.number } };
          };
        }
        if (name === 'child') {
          return (number: number) => {
            messages.push(number);
            return target.child(number);
          };
        }
        if (name !== 'list') return Reflect.get(target, name, target) as unknown;
        const list: FolderReference['list'] = (after, visit) => {
          lists.push(target.key);
          if (fault !== undefined) throw fault;
          target.list(after, (entry) => {
            const { place, number } = entry.node;
            return visit(
              place.kind === 'folder' ? { ...entry, node: { place: wrap(place), number } } : entry,
            );
          });
        };
        return list;
      },
    });
  return { tree: { ...tree, root: wrap(tree.root), statistics: () => tree.statistics() }, lists, messages };
}

const sessionOf = (tree: Tree): Session =>
  new Session(new Filesystem(tree, new BlockCache()), 1, () => undefined);

describe('warming up', () => {
  it('lists a folder with messages again and again and reads some, for no longer than it should', () => {
    const { tree, lists, messages } = watched(openTree(OPTIONS));
    const startMs = performance.now();
    warmUp(sessionOf(tree), FOR_MS);
    expect(performance.now() - startMs).to.be.at.least(FOR_MS);
    const folders = lists.filter((key) => key !== tree.root.key);
    expect(new Set(folders).size).to.equal(1);
    // One looks for mail, one is a list; the rest depends on the machine.
    expect(folders.length).to.be.above(2);
    expect(new Set(messages).size, 'not always the same').to.be.above(1);
  });

  it('says nothing of what fails, and is done at once where there is no mail', () => {
    const { tree, lists } = watched(openTree(OPTIONS), new Error('the disk is gone'));
    warmUp(sessionOf(tree), 60_000);
    expect(lists).to.deep.equal([tree.root.key]);
    warmUp(sessionOf(openTree({ ...OPTIONS, folders: 0 })), 60_000);
  });
});

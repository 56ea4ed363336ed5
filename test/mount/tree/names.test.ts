/** In no view two things share a name, none is over 255 bytes, and each name leads to what was listed. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { openTree } from '../../../mount/backupTree.ts';
import { BlockCache } from '../../../mount/content/blockCache.ts';
import { Filesystem } from '../../../mount/vfs/filesystem.ts';
import type { Node } from '../../../mount/vfs/tree.ts';
import { hostileLevels, putMailboxes } from '../../support/hostileNames.ts';
import { MailStore, treeSettings } from '../../support/mailStore.ts';

const VIEWS = ['.', '.mh', '.maildir', '.mbox', '.deleted'];

interface Found {
  messages: number;
  mboxes: number;
}

/** Looks at all in a folder, and everything that is wrong with it. */
function scan(filesystem: Filesystem, folder: Node, path: string, found: Found, wrong: string[]): void {
  const names = new Set<string>();
  const below: [Node, string][] = [];
  filesystem.begin();
  filesystem.list(folder, 0, ({ name, node, attributes }) => {
    if (node === undefined) return true;
    const text = name.toString('latin1');
    const where = `${path}/${text}`;
    if (names.has(text)) wrong.push(`${where}: twice`);
    names.add(text);
    if (name.length > 255 || name.length === 0) wrong.push(`${where}: ${name.length} bytes`);
    if (/^\.{1,2}$|[/\0]/.test(text)) wrong.push(`${where}: no name`);
    const entry = filesystem.lookup(folder, name);
    const { inode, kind } = entry?.attributes ?? {};
    if (inode !== attributes.inode || kind !== attributes.kind) wrong.push(`${where}: leads elsewhere`);
    if (kind === 'folder') below.push([node, where]);
    if (/\.eml$|^[0-9]+$|cyrus-backups/.test(text) && kind === 'file') found.messages += 1;
    if (text.endsWith('.mbox') && kind === 'file') found.mboxes += 1;
    return true;
  });
  for (const [node, where] of below) scan(filesystem, node, where, found, wrong);
}

async function look(names: readonly string[]): Promise<{ found: Record<string, Found>; wrong: string[] }> {
  const store = new MailStore();
  try {
    await putMailboxes(store, 'anne', names);
    const catalog = { ...store.catalogOptions, readOnly: true };
    const tree = openTree({
      ...treeSettings,
      catalog,
      owner: { uid: 1, gid: 1, folderMode: 0o700, fileMode: 0o600 },
    });
    const filesystem = new Filesystem(tree, new BlockCache());
    const wrong: string[] = [];
    const found: Record<string, Found> = {};
    const user = filesystem.lookup(filesystem.root, Buffer.from('anne'))?.node ?? expect.fail('no anne');
    for (const view of VIEWS) {
      const node = view === '.' ? user : filesystem.lookup(user, Buffer.from(view))?.node;
      found[view] = { messages: 0, mboxes: 0 };
      scan(filesystem, node ?? expect.fail(view), view, found[view], wrong);
    }
    filesystem.close();
    return { found, wrong };
  } finally {
    await store.remove();
  }
}

function expectAll(
  { found, wrong }: Awaited<ReturnType<typeof look>>,
  living: number,
  deleted: number,
): void {
  expect(wrong).to.deep.equal([]);
  expect(found).to.deep.equal({
    '.': { messages: living, mboxes: 0 },
    '.mh': { messages: living, mboxes: 0 },
    '.maildir': { messages: living, mboxes: 0 },
    '.mbox': { messages: 0, mboxes: living },
    '.deleted': { messages: deleted, mboxes: 0 },
  });
}

describe('names in the views', function () {
  this.timeout(60_000);

  it('are apart where mailboxes have been called to make them meet', async () => {
    const living = [
      'user.anne',
      ...hostileLevels.map((level) => `user.anne.${level}`),
      ...hostileLevels.map((level) => `user.anne.a^mbox.${level}`),
      ...hostileLevels.filter((_, at) => at % 3 === 0).map((level) => `user.anne.${level}.a`),
    ];
    const deleted = hostileLevels
      .slice(0, 40)
      .flatMap((level) => [`DELETED.user.anne.${level}.5F000000`, `DELETED.user.anne.${level}.5F000001`]);
    const all = [...new Set([...living, ...deleted])];
    expectAll(await look(all), new Set(living).size, new Set(deleted).size);
  });

  it('are apart whatever the mailboxes are called', async () => {
    const level = fc.oneof(
      fc.constantFrom(...hostileLevels),
      fc.string({
        unit: fc.constantFrom(...Array.from('%~^/&-+a0129EBFx \x01\x7f\xc3\xbc\xff')),
        minLength: 1,
        maxLength: 8,
      }),
      fc.string({ unit: fc.constantFrom('x', '%', '^', '&IKw-'), minLength: 200, maxLength: 300 }),
    );
    const names = fc.uniqueArray(
      fc.array(level, { minLength: 1, maxLength: 3 }).map((levels) => `user.anne.${levels.join('.')}`),
      { minLength: 1, maxLength: 30 },
    );
    const property = fc.asyncProperty(names, async (each) => expectAll(await look(each), each.length, 0));
    await fc.assert(property, { numRuns: 40 });
  });

  it('of users are apart, and lead to them where they were cut', async () => {
    const store = new MailStore();
    const userids = ['a', 'A', `u${'%'.repeat(100)}1`, `u${'%'.repeat(100)}2`, 'x@example.com', 'a%2Fb'];
    try {
      for (const userid of userids) await putMailboxes(store, userid, []);
      const catalog = { ...store.catalogOptions, readOnly: true };
      const filesystem = new Filesystem(
        openTree({ ...treeSettings, catalog, owner: { uid: 1, gid: 1, folderMode: 0o700, fileMode: 0o600 } }),
        new BlockCache(),
      );
      const [wrong, found] = [[] as string[], { messages: 0, mboxes: 0 }];
      scan(filesystem, filesystem.root, '', found, wrong);
      expect(wrong).to.deep.equal([]);
      filesystem.close();
    } finally {
      await store.remove();
    }
  });
});

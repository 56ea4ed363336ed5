import { expect } from 'chai';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beginIndex, finishIndex, giveBack, takeScratch } from '../../src/backup/freshIndex.ts';
import { IndexFile } from '../../src/index/store/indexFile.ts';

describe('an index that is made anew', () => {
  let folder: string;

  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fresh-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const SMALL = 1000;
  const LARGE = 1 << 30;

  /** One with so many messages, whose GUIDs begin with a name. */
  async function make(name: string, messages: number, dataBytes = SMALL): Promise<string> {
    const path = join(folder, `${name}.index`);
    const index = beginIndex(path, dataBytes);
    index.begin();
    for (let at = 0; at < messages; at += 1) {
      index.run('INSERT INTO message (guid, size) VALUES (?, 1)', `${name}${at}`.padEnd(200, '.'));
    }
    index.commit();
    await finishIndex(index, path);
    giveBack(index, dataBytes);
    return path;
  }

  function readBack(path: string, mode: 'read' | 'write'): unknown[] {
    const index = IndexFile.open(path, mode);
    try {
      const state = [
        index?.get('PRAGMA integrity_check'),
        index?.get('PRAGMA journal_mode'),
        index?.get('PRAGMA freelist_count'),
      ];
      const ids = index?.get('SELECT count(*) AS rows, min(id) AS first FROM message');
      return [...state, ids].flatMap((row) => Object.values(row ?? {}));
    } finally {
      index?.close();
    }
  }

  for (const [kind, dataBytes] of [
    ['small', SMALL],
    ['large', LARGE],
  ] as const) {
    it(`of a ${kind} backup is one file that readers and a writer share`, async () => {
      const path = await make('anne', 3, dataBytes);
      expect(readdirSync(folder)).to.deep.equal(['anne.index']);
      expect(statSync(path).mode % 0o1000).to.equal(0o600);
      expect(readBack(path, 'write')).to.deep.equal(['ok', 'wal', 0, 3, 1]);
      expect(readBack(path, 'read')).to.deep.equal(['ok', 'wal', 0, 3, 1]);
    });
  }

  it('has nothing in it of the one that the memory served before', async () => {
    await make('anne', 500);
    const path = await make('bella', 2);
    expect(readBack(path, 'write')).to.deep.equal(['ok', 'wal', 0, 2, 1]);
    expect(readFileSync(path).includes('anne')).to.equal(false);
    expect(readFileSync(path).includes('bella1')).to.equal(true);
    expect(readFileSync(await make('carla', 1)).includes('bella')).to.equal(false);
  });

  it('does not go on for ever in one memory: what is asked with a time in it is a statement more each time', () => {
    const first = takeScratch();
    for (let time = 0; time < 600; time += 1) first.get(`SELECT ${time}`);
    giveBack(first, SMALL);
    const second = takeScratch();
    expect(second).to.not.equal(first);
    giveBack(second, SMALL);
    expect(takeScratch()).to.equal(second);
    second.close();
  });

  it('is refused with a kind where it cannot be written, and the next one is not the worse for it', async () => {
    const index = beginIndex('', SMALL);
    const outcome = await finishIndex(index, join(folder, 'none', 'a.index')).catch(
      (error: unknown) => error,
    );
    expect(outcome).to.include({ kind: 'not-found' });
    index.close();
    expect(readBack(await make('anne', 1), 'read')).to.deep.equal(['ok', 'wal', 0, 1, 1]);
  });
});

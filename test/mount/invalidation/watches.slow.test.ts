import { expect } from 'chai';
import { watch } from 'node:fs';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Watches } from '../../../mount/invalidation/watches.ts';
import { waitUntil } from '../../support/machine.ts';

describe('watches on files of the store', () => {
  let folder: string;
  let path: string;
  let changed: string[];
  let logged: string[];
  let watches: Watches | undefined;

  beforeEach(() => {
    [changed, logged] = [[], []];
    folder = mkdtempSync(join(tmpdir(), 'watches-'));
    path = join(folder, 'log');
  });
  afterEach(() => {
    watches?.close();
    rmSync(folder, { recursive: true });
  });

  const note = (path: string): void => void changed.push(path);
  const log = (line: string): void => void logged.push(line);

  async function noticed(): Promise<void> {
    await waitUntil(() => changed.includes(path), { what: () => `changed: ${changed.join(' ')}` });
    changed = [];
  }

  async function writeAndReplace(): Promise<void> {
    writeFileSync(path, 'one');
    await noticed();
    writeFileSync(path, 'two', { flag: 'a' });
    await noticed();
    writeFileSync(`${path}.new`, 'another');
    renameSync(`${path}.new`, path);
    await noticed();
  }

  it('notice that a file is made, written and replaced', async () => {
    watches = new Watches(note, log);
    watches.add(path);
    watches.add(path);
    await writeAndReplace();
    expect(logged).to.deep.equal([]);
  });

  it('take a directory that is not there for one without files', () => {
    watches = new Watches(note, log);
    watches.add(join(folder, 'gone', 'log'));
    expect(logged).to.deep.equal([]);
  });

  it('look every second where the system gives no more watches, and say so once', async function () {
    this.timeout(20_000);
    let asked = 0;
    watches = new Watches(note, log, (...of) => {
      asked++;
      if (asked > 0) throw new Error('ENOSPC: no more watches');
      return watch(of[0]);
    });
    watches.add(path);
    watches.add(join(folder, 'other'));
    await writeAndReplace();
    expect(logged).to.have.length(1);
    expect(logged[0]).to.match(/no more watches.*every second/);
    watches.remove(path);
    writeFileSync(path, 'three', { flag: 'a' });
    await new Promise((resolve) => setTimeout(resolve, 2200));
    expect(changed).to.deep.equal([]);
  });
});

/**
 * backups.db between ours and the original's twoskip: each reads, checks, changes and repairs what the other wrote.
 * The judge is cyr_dbtool.
 */
import { expect } from 'chai';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Twoskip } from '../../src/catalog/twoskip/database.ts';
import { makeScratch, removeScratch } from '../catalog/scratch.ts';
import { skipLoudly } from '../support/skip.ts';

const TOOL = ['/usr/lib/cyrus/bin/cyr_dbtool', '/usr/sbin/cyr_dbtool', '/usr/cyrus/bin/cyr_dbtool'].find(
  (path) => existsSync(path),
);

const numberOf = (option: string): number =>
  Number(execFileSync('id', [option, 'cyrus'], { encoding: 'utf8' }));

/** cyr_dbtool turns into the user cyrus when root starts it. */
function letCyrusUse(path: string): void {
  if (process.getuid?.() !== 0) return;
  chownSync(path, numberOf('-u'), numberOf('-g'));
}

describe('backups.db shared with the original tools', () => {
  let scratch: string;
  let path: string;

  beforeEach(function () {
    if (TOOL === undefined) skipLoudly(this, 'cyr_dbtool (Debian package cyrus-common)');
    scratch = makeScratch();
    chmodSync(scratch, 0o755);
    letCyrusUse(scratch);
    path = join(scratch, 'backups.db');
    writeFileSync(join(scratch, 'imapd.conf'), `configdirectory: ${scratch}\n`);
  });
  afterEach(() => {
    if (TOOL !== undefined) removeScratch(scratch);
  });

  const argumentsFor = (words: string[]): string[] => [
    '-C',
    join(scratch, 'imapd.conf'),
    '-n',
    path,
    'twoskip',
    ...words,
  ];

  function tool(words: string[], input?: string): string {
    const options = { encoding: 'latin1' as const, ...(input === undefined ? {} : { input }) };
    const { status, stdout, stderr } = spawnSync(TOOL as string, argumentsFor(words), options);
    expect(status, `${words.join(' ')}: ${stderr}`).to.equal(0);
    return stdout;
  }

  /** Both find it consistent, and list the same. Their exit status is 0 whatever they find. */
  function agree(): void {
    expect(tool(['consistent'])).to.equal('Yes, consistent\n');
    const database = Twoskip.open(path, { readOnly: true });
    expect(database.checkConsistency()).to.deep.equal([]);
    const ours = [...database.entries()].map(
      ([key, value]) => `${key.toString('latin1')}\t${value.toString('latin1')}\n`,
    );
    database.close();
    expect(tool(['show'])).to.equal(ours.join(''));
  }

  function openOurs(): Twoskip {
    const database = Twoskip.open(path, { create: true });
    letCyrusUse(path);
    return database;
  }

  it('reads ours, in the same order, bytes beyond ASCII too', () => {
    const database = openOurs();
    for (let i = 0; i < 200; i++) database.put(`user${i}`, `/backup/${i}`);
    for (const name of ['%SHARED', 'a.b@example.com', 'A', 'a b', 'zo\xc3\xa9', 'user-1', 'user']) {
      database.put(Buffer.from(name, 'latin1'), `/backup/of ${name}`);
    }
    for (let i = 0; i < 200; i += 3) database.delete(`user${i}`);
    for (let i = 1; i < 200; i += 5) database.put(`user${i}`, 'changed');
    database.close();
    expect(tool(['get', 'user1'])).to.contain('changed');
    agree();
  });

  it('is read by ours when the original wrote it, and both go on in turn', () => {
    tool(['set'], Array.from({ length: 300 }, (_, i) => `u${i}\t/p/${i}\n`).join(''));
    const database = openOurs();
    for (let round = 0; round < 12; round++) {
      tool(['set', `theirs${round}`, '/theirs']);
      expect(database.get(`theirs${round}`)?.toString()).to.equal('/theirs');
      database.put(`ours${round}`, '/ours');
      tool(['delete', `u${round * 7}`]);
      expect(database.delete(`u${round * 7}`)).to.equal(false);
      database.delete(`u${round * 7 + 1}`);
      expect(tool(['get', `ours${round}`]).trim()).to.equal('/ours');
    }
    database.close();
    agree();
  });

  it('is repacked by either under the other', () => {
    const database = openOurs();
    for (let i = 0; i < 300; i++) database.put(`u${i}`, 'x'.repeat(i));
    tool(['repack']);
    expect(database.get('u299')?.length).to.equal(299);
    database.put('after', 'their repack');
    database.repack();
    agree();
    tool(['set', 'later', 'than ours']);
    expect(database.get('later')?.toString()).to.equal('than ours');
    const { repackSize, currentSize } = {
      repackSize: readFileSync(path).readBigUInt64BE(40),
      currentSize: statSync(path).size,
    };
    expect(Number(repackSize)).to.be.below(currentSize);
    database.close();
    agree();
  });

  it('is repaired by ours when the original died in a commit, and the other way round', () => {
    tool(['set'], Array.from({ length: 50 }, (_, i) => `u${i}\t/p/${i}\n`).join(''));
    const before = tool(['show']);
    const clean = statSync(path).size;
    spawnSync(TOOL as string, argumentsFor(['damage', 'u7', 'zap']));
    expect(readFileSync(path).readUInt32BE(56), 'dirty').to.equal(1);
    const torn = readFileSync(path);
    expect(torn.length).to.be.above(clean);
    const reader = Twoskip.open(path, { readOnly: true });
    expect(reader.get('u7')?.toString()).to.equal('/p/7');
    reader.close();
    Twoskip.open(path).close();
    expect(statSync(path).size).to.equal(clean);
    expect(tool(['show'])).to.equal(before);
    agree();
    writeFileSync(path, torn);
    expect(tool(['show'])).to.equal(before);
    agree();
  });

  it('is never torn by both writing at once', async function () {
    this.timeout(60_000);
    const database = openOurs();
    const script = `for i in $(seq 1 40); do printf 'their%s\\t/p\\n' $i | "$@" set || exit 1; done`;
    const theirs = spawn('sh', ['-c', script, 'sh', TOOL as string, ...argumentsFor([])], {
      stdio: 'inherit',
    });
    const ended = once(theirs, 'exit');
    for (let i = 0; i < 200; i++) {
      database.put(`our${i}`, `/p/${i}`);
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect((await ended)[0]).to.equal(0);
    expect([...database.entries('our')]).to.have.length(200);
    expect([...database.entries('their')]).to.have.length(40);
    database.close();
    agree();
  });
});

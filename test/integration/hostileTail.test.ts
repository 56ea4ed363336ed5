/** Open last chunks as nobody writes them, who means no harm: recovery takes bounded memory and time that grows with the file alone. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { CHUNK_HEADER, MEMBER_HEADER, memberEnding } from '../../src/log/format.ts';
import { START, BackupSite } from '../support/backups.ts';

const EMPTY_FLUSH = Buffer.from('000000ffff', 'hex');
const FIRST = Buffer.concat([CHUNK_HEADER, subscription('first')]);

function subscription(name: string): Buffer {
  return Buffer.from(`${START} APPLY SUB %(USERID anne MBOXNAME user.anne.${name})\r\n`);
}

/** A stored block of deflate. */
function stored(bytes: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt16LE(bytes.length, 1);
  header.writeUInt16LE(0xffff ^ bytes.length, 3);
  return Buffer.concat([header, bytes]);
}

const repeated = (unit: Buffer, count: number): Buffer => Buffer.concat(Array<Buffer>(count).fill(unit));
const begun = (): Buffer => Buffer.concat([MEMBER_HEADER, stored(FIRST), EMPTY_FLUSH]);

const OPEN = `
  const { Backup } = await import(process.argv[1]);
  const options = { stagingDirectory: process.argv[2], compressionLevel: 6, lockTimeoutMs: 0 };
  const backup = await Backup.open('anne', process.argv[3], options, () => undefined);
  const { n } = backup.index.get('SELECT count(*) AS n FROM item');
  await backup.close();
  const { readFileSync } = await import('node:fs');
  const peak = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1];
  console.log(JSON.stringify({ items: n, maxMiB: peak >> 10 }));
`;

describe('an open last chunk', function () {
  this.timeout(60_000);
  let site: BackupSite;

  beforeEach(() => {
    site = new BackupSite();
  });
  afterEach(() => site.remove());

  function open(data: Buffer): { items: number; maxMiB: number } {
    const path = site.path();
    writeFileSync(path, data);
    const module = new URL('../../src/backup/backup.js', import.meta.url).href;
    const args = ['--input-type=module', '-e', OPEN, module, site.folder, path];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 50_000 });
    expect(stderr).to.equal('');
    return JSON.parse(stdout) as { items: number; maxMiB: number };
  }

  const byteBlock = Buffer.concat([stored(Buffer.from('a')), EMPTY_FLUSH]);
  const tails: readonly [what: string, tail: Buffer][] = [
    ['flushes with nothing between them', repeated(EMPTY_FLUSH, 1_000_000)],
    ['flushes with a byte between them', repeated(byteBlock, 700_000)],
    [
      'flushes with nothing between them, and damage behind',
      Buffer.concat([repeated(EMPTY_FLUSH, 200_000), Buffer.from('ffffff', 'hex')]),
    ],
    [
      'flushes with a byte between them, and damage behind',
      Buffer.concat([repeated(byteBlock, 100_000), Buffer.from('ffffff', 'hex')]),
    ],
  ];
  for (const [what, tail] of tails) {
    it(`of very many ${what} keeps the line before them, in little memory`, () => {
      const { items, maxMiB } = open(Buffer.concat([begun(), tail]));
      expect(items).to.equal(1);
      expect(maxMiB).to.be.below(140);
    });
  }

  const lines = Array.from({ length: 140_000 }, (_, at) => subscription(`box${at}`));
  const blocks = Array.from({ length: 140 }, (_, at) =>
    stored(Buffer.concat(lines.slice(1000 * at, 1000 * (at + 1)).slice(0, 700))),
  );

  it('of more lines than are held until a flush proves them is torn, and none of these lines counts', () => {
    expect(open(Buffer.concat([begun(), ...blocks])).items).to.equal(1);
    const data = readFileSync(site.path());
    expect(data.length).to.be.below(200);
  });

  it('of as many lines that was ended has all of them', () => {
    const text = Buffer.concat([FIRST, ...blocks.map((block) => block.subarray(5))]);
    const ending = memberEnding(crc32(text), text.length);
    expect(open(Buffer.concat([begun(), ...blocks, ending])).items).to.equal(1 + 140 * 700);
  });
});

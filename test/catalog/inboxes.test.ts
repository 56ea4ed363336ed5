import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Inboxes } from '../../src/catalog/inboxes.ts';
import { randomFrom } from '../support/random.ts';

describe('inboxes.db', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'inboxes-'));
    path = join(folder, 'inboxes.db');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const open = (): Inboxes => new Inboxes(join(folder, 'backups.db'));

  function use(): string | null {
    const inboxes = open();
    try {
      inboxes.put('u-anne', 'anne');
      return inboxes.userOf('u-anne');
    } finally {
      inboxes.close();
    }
  }

  it('with any bit flipped is used as it is, or kept aside and made anew', () => {
    const inboxes = open();
    for (let at = 0; at < 40; at += 1) inboxes.put(`u-${at}`, `user${at}`);
    inboxes.close();
    const whole = readFileSync(path);
    const random = randomFrom(7);
    for (let round = 0; round < 300; round += 1) {
      const bytes = Buffer.from(whole);
      const bit = Math.floor(random() * 8 * bytes.length);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(path, bytes);
      expect(use(), `bit ${bit}`).to.equal('anne');
    }
    expect(readdirSync(folder).length).to.be.above(10);
  });

  const others: readonly [what: string, make: () => void][] = [
    ['a folder', () => mkdirSync(path)],
    ['a FIFO', () => execFileSync('mkfifo', [path])],
    ['a link to another file', () => symlinkSync(join(folder, 'other'), path)],
    ['garbage', () => writeFileSync(path, 'garbage '.repeat(100))],
  ];
  for (const [what, make] of others) {
    it(`that is ${what} is neither waited for nor followed`, () => {
      writeFileSync(join(folder, 'other'), 'of somebody else');
      make();
      expect(use()).to.equal('anne');
      expect(readFileSync(join(folder, 'other'), 'utf8')).to.equal('of somebody else');
      expect(readdirSync(folder).some((name) => /^inboxes\.db\../.test(name))).to.equal(true);
    });
  }
});

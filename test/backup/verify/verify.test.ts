import { expect } from 'chai';
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { verifyBackup } from '../../../src/backup/verify/verify.ts';
import type { Verification } from '../../../src/backup/verify/verify.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { IndexFile } from '../../../src/index/store/indexFile.ts';
import { chunkById } from '../../../src/index/queries/chunks.ts';
import { SampleSite, MESSAGES, guidOf } from '../sampleBackup.ts';

describe('verify', () => {
  let site: SampleSite;
  let path: string;

  beforeEach(async () => {
    site = await SampleSite.create(['anne']);
    path = site.pathOf('anne');
  });

  afterEach(() => site.remove());

  async function verify(notices: string[] = []): Promise<Verification> {
    const file = await LockedFile.acquire(path);
    try {
      return await verifyBackup(file, (message) => notices.push(message));
    } finally {
      file.release();
    }
  }

  function changeIndex(sql: string): void {
    const index = IndexFile.open(`${path}.index`, 'write');
    index?.run(sql);
    index?.close();
  }

  it('finds no fault with a backup as it was written, chunk by chunk', async () => {
    const found = await verify();
    expect(found.chunks.map(({ id, checksums, messages }) => [id, checksums, messages])).to.deep.equal([
      [1, [], []],
      [2, [], []],
    ]);
    expect([found.index, found.faultCount]).to.deep.equal([[], 0]);
  });

  it('builds an index that is missing, and says so', async () => {
    truncateSync(`${path}.index`);
    const notices: string[] = [];
    expect((await verify(notices)).faultCount).to.equal(0);
    expect(notices).to.deep.equal(['there is no index of ours, building it from the log']);
  });

  it('names the chunk whose bytes have changed on disk', async () => {
    const fd = openSync(path, 'r+');
    writeSync(fd, Buffer.from('damage'), 0, 6, 60);
    closeSync(fd);
    const { chunks, faultCount } = await verify();
    expect(faultCount).to.be.above(0);
    expect(chunks[0]?.checksums[0]).to.match(/^error reading chunk 1 at offset 0, byte [0-9]+: /);
    expect(chunks[1]).to.deep.include({ id: 2, checksums: [], messages: [] });
  });

  it('says that the data file has lost its end, though what is left is whole', async () => {
    const index = IndexFile.open(`${path}.index`, 'read') as IndexFile;
    truncateSync(path, chunkById(index, 1)?.fileEnd);
    index.close();
    expect((await verify()).index).to.deep.equal([
      'the data file is shorter than the index says, or its last chunk another',
    ]);
  });

  const guid = guidOf(MESSAGES[0]);
  const lies: [what: string, sql: string, fault: RegExp][] = [
    [
      'a message elsewhere',
      `UPDATE message SET offset = offset + 1 WHERE guid = '${guid}'`,
      /^message \w+: offset is/,
    ],
    [
      'a message less',
      `DELETE FROM message WHERE guid = '${guid}'`,
      /^message \w+: in the log, not in the index$/,
    ],
    [
      'a mailbox of another name',
      `UPDATE mailbox SET name = 'user.eve' WHERE name = 'user.anne'`,
      /name is user\.eve/,
    ],
    [
      'a record expunged',
      'UPDATE record SET expunged = 1 WHERE uid = 2',
      /^record anne-inbox 2: expunged is 1 in the/,
    ],
    [
      'an item too many',
      `INSERT INTO item VALUES ('sub', 'user.zoe', '', 1)`,
      /^item sub user\.zoe: in the index, not/,
    ],
    [
      'another SHA-1 of a chunk',
      `UPDATE chunk SET member_sha1 = '' WHERE id = 1`,
      /^chunk 0: member_sha1 is  in/,
    ],
    [
      'a broken chain',
      `UPDATE chunk SET file_sha1 = 'x' WHERE id = 2`,
      /^chunk [0-9]+: file_sha1 is x in the index/,
    ],
    [
      'no flush points',
      'DELETE FROM point WHERE chunk_id = 2',
      /^point [0-9]+ [0-9]+: the index has none for/,
    ],
    [
      'a false flush point',
      'INSERT INTO point VALUES (2, 1000, 200)',
      /^point [0-9]+ 1000: cannot be read from/,
    ],
  ];
  for (const [what, sql, fault] of lies) {
    it(`sees that the index has ${what}`, async () => {
      changeIndex(sql);
      const { index, faultCount } = await verify();
      expect(index[0]).to.match(fault);
      expect(faultCount).to.equal(index.length);
    });
  }

  it('changes neither the data file nor a sound index', async () => {
    const before = readFileSync(path);
    const indexBefore = readFileSync(`${path}.index`);
    await verify();
    expect(readFileSync(path).equals(before)).to.equal(true);
    expect(readFileSync(`${path}.index`).equals(indexBefore)).to.equal(true);
  });
});

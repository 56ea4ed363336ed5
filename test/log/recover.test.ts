/** Torn ends: whatever byte a file is cut off at, what was committed before it is kept, as plain gzip. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { CHUNK_HEADER } from '../../src/log/format.ts';
import type { Boundary } from '../../src/log/member.ts';
import { ChunkReader } from '../../src/log/reader.ts';
import { closeMember, cutTail, saveTail } from '../../src/log/recover.ts';
import { ChunkWriter, type ChunkProgress } from '../../src/log/writer.ts';
import { BackupError } from '../../src/errors.ts';
import { kindOf, noise, Scratch, sizeOf, text, zcat } from './support.ts';

/** What a caller does without any index: reads whole lines, remembers where the last one can be closed. */
function wholeLines(
  fd: number,
  fileOffset: number,
): { boundary: Boundary | null; lineEnd: number; state: string } {
  const reader = new ChunkReader(fd, fileOffset, sizeOf(fd), { findPoints: true });
  let boundary: Boundary | null = null;
  let lineEnd = 0;
  try {
    while (reader.line(1 << 20) !== null) {
      lineEnd = reader.position;
      boundary = reader.boundaryAt(lineEnd) ?? boundary;
    }
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
  } finally {
    reader.close();
  }
  return { boundary, lineEnd, state: reader.state };
}

describe('recovery of a torn tail', () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
  });
  afterEach(() => scratch.remove());

  it('keeps every line committed before the cut, for a cut at every byte', async function () {
    this.timeout(120_000);
    const fd = scratch.open('whole');
    const writer = await ChunkWriter.open(fd, 0);
    const commits: ChunkProgress[] = [];
    for (let line = 0; line < 8; line += 1) {
      await writer.write(`${line} APPLY ${text(line, 60).toString('latin1').replaceAll('\n', ' ')}\r\n`);
      commits.push(await writer.commit());
    }
    await writer.close();
    const file = readFileSync(scratch.path('whole'));
    const plain = zcat(scratch.path('whole'));
    const cut = scratch.open('cut');
    for (let size = 10; size < file.length; size += 1) {
      writeFileSync(scratch.path('cut'), file.subarray(0, size));
      const { boundary, lineEnd, state } = wholeLines(cut, 0);
      expect(state).to.equal('torn');
      const committed = commits.findLast((commit) => commit.fileEnd <= size)?.length ?? 0;
      expect(lineEnd, `cut at ${size}`).to.be.at.least(committed);
      const closed = await closeMember(cut, 0, boundary ?? { length: 0, fileEnd: 10, crc32: 0 });
      expect(closed.length).to.equal(committed);
      const kept = zcat(scratch.path('cut'));
      expect(kept.equals(plain.subarray(0, committed)), `cut at ${size}`).to.equal(true);
      const sha1 = createHash('sha1')
        .update(readFileSync(scratch.path('cut')))
        .digest('hex');
      expect(closed).to.include({ fileEnd: sizeOf(cut), memberSha1: sha1 });
    }
  });

  it('closes where the last commit said, whatever stands behind it', async () => {
    const fd = scratch.open('data');
    const first = await (await ChunkWriter.open(fd, 0)).close();
    const writer = await ChunkWriter.open(fd, first.fileEnd);
    await writer.write('kept\r\n');
    const { length, fileEnd, crc32 } = await writer.commit();
    writeFileSync(scratch.path('data'), Buffer.concat([readFileSync(scratch.path('data')), noise(1, 5_000)]));
    await saveTail(fd, fileEnd, sizeOf(fd), scratch.path('data.torn'));
    await closeMember(fd, first.fileEnd, { length, fileEnd, crc32 });
    expect(zcat(scratch.path('data')).toString('latin1')).to.equal(
      `${CHUNK_HEADER.toString('latin1').repeat(2)}kept\r\n`,
    );
    expect(readFileSync(scratch.path('data.torn')).equals(noise(1, 5_000))).to.equal(true);
  });

  it('lets another chunk follow a closed one', async () => {
    const fd = scratch.open('data');
    const writer = await ChunkWriter.open(fd, 0);
    await writer.write('one\r\n');
    const committed = await writer.commit();
    const closed = await closeMember(fd, 0, committed);
    const next = await ChunkWriter.open(fd, closed.fileEnd);
    await next.write('two\r\n');
    await next.close();
    const lines = zcat(scratch.path('data')).toString('latin1').split('\r\n');
    expect(lines.filter((line) => !line.startsWith('#'))).to.deep.equal(['one', 'two', '']);
  });

  it('refuses what is no boundary, and leaves the file as it was', async () => {
    const fd = scratch.open('data');
    const writer = await ChunkWriter.open(fd, 0);
    await writer.write(text(3, 5_000));
    const { length, fileEnd, crc32 } = await writer.commit();
    const before = readFileSync(scratch.path('data'));
    for (const boundary of [
      { length, fileEnd: fileEnd - 1, crc32 },
      { length, fileEnd: fileEnd - 700, crc32 },
      { length: length - 1, fileEnd, crc32 },
      { length, fileEnd, crc32: crc32 ^ 1 },
      { length, fileEnd: fileEnd + 100, crc32 },
    ]) {
      expect(await kindOf(() => closeMember(fd, 0, boundary))).to.equal('damaged');
    }
    expect(readFileSync(scratch.path('data')).equals(before)).to.equal(true);
  });

  it('saves a tail behind an earlier one, readable by its owner only', async () => {
    const fd = scratch.open('data');
    writeFileSync(scratch.path('data'), '0123456789');
    await saveTail(fd, 2, 5, scratch.path('data.torn'));
    await saveTail(fd, 8, 10, scratch.path('data.torn'));
    expect(readFileSync(scratch.path('data.torn'), 'latin1')).to.equal('23489');
    expect(statSync(scratch.path('data.torn')).mode & 0o777).to.equal(0o600);
    truncateSync(scratch.path('data'), 10);
    await cutTail(fd, 4);
    expect(readFileSync(scratch.path('data'), 'latin1')).to.equal('0123');
  });
});

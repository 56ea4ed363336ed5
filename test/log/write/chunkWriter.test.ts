/** The chunk writer: plain gzip, flush points, commits that stand and rollbacks that leave nothing. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import zlib from 'node:zlib';
import { expect } from 'chai';
import { readBlock } from '../../../src/log/read/blocks.ts';
import {
  CHUNK_HEADER,
  FLUSH_INTERVAL_BYTES,
  LONGEST_BLOCK_BYTES,
  MEMBER_HEADER,
  type FlushPoint,
} from '../../../src/log/format.ts';
import { ChunkReader } from '../../../src/log/read/chunkReader.ts';
import { ChunkWriter } from '../../../src/log/write/chunkWriter.ts';
import { kindOf, noise, readMember, Scratch, sizeOf, text, zcat } from '../support.ts';

describe('ChunkWriter', () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
  });
  afterEach(() => scratch.remove());

  it('writes an empty chunk as the originals do: 29 bytes plain', async () => {
    const fd = scratch.open('data');
    const writer = await ChunkWriter.open(fd, 0);
    const progress = await writer.close();
    expect(progress.length).to.equal(29);
    expect(progress.fileEnd).to.equal(sizeOf(fd));
    expect(zcat(scratch.path('data')).equals(CHUNK_HEADER)).to.equal(true);
    expect(readFileSync(scratch.path('data')).subarray(0, 10).equals(MEMBER_HEADER)).to.equal(true);
  });

  it('is read by gzip, chunk behind chunk, and reports length, CRC-32 and SHA-1 of what is on disk', async () => {
    const fd = scratch.open('data');
    const parts = [text(1, 500), text(2, 200_000), noise(3, 300_000)];
    const wanted: Buffer[] = [];
    for (const part of parts) {
      const start = sizeOf(fd);
      const writer = await ChunkWriter.open(fd, start);
      await writer.write(part);
      await writer.write('caf\xe9\r\n');
      expect(writer.length).to.equal(29 + part.length + 6);
      const progress = await writer.close();
      const plain = Buffer.concat([CHUNK_HEADER, part, Buffer.from('caf\xe9\r\n', 'latin1')]);
      wanted.push(plain);
      const member = readFileSync(scratch.path('data')).subarray(start);
      expect(progress.crc32).to.equal(zlib.crc32(plain));
      expect(progress.memberSha1).to.equal(createHash('sha1').update(member).digest('hex'));
    }
    expect(zcat(scratch.path('data')).equals(Buffer.concat(wanted))).to.equal(true);
  });

  it('makes points at marks once an interval has gone by, which the reader finds again', async () => {
    const fd = scratch.open('data');
    const writer = await ChunkWriter.open(fd, 0);
    for (let line = 0; line < 300; line += 1) {
      await writer.mark();
      await writer.write(text(line, 3_000));
    }
    const { points, length } = await writer.close();
    expect(points.length).to.be.within(25, Math.ceil(900_000 / FLUSH_INTERVAL_BYTES));
    for (const point of points.slice(1)) expect((point.offset - 29) % 3_000).to.equal(0);
    expect(pointsFound(fd, length)).to.deep.equal(points);
  });

  it('lets every block between neighbouring points inflate alone', async () => {
    const fd = scratch.open('data');
    const writer = await ChunkWriter.open(fd, 0);
    const plain: Buffer[] = [CHUNK_HEADER];
    for (let line = 0; line < 120; line += 1) {
      const bytes = line % 7 === 0 ? noise(line, 40_000) : text(line, 9_000);
      plain.push(bytes);
      await writer.mark();
      await writer.write(bytes);
    }
    const progress = await writer.close();
    expectBlocks(
      fd,
      progress.points,
      { offset: progress.length, fileOffset: progress.fileEnd },
      Buffer.concat(plain),
    );
  });

  it('makes points by itself inside a 30 MB message, so that any part of it is near one', async function () {
    this.timeout(60_000);
    const fd = scratch.open('data');
    const writer = await ChunkWriter.open(fd, 0);
    const message = Buffer.alloc(30_000_000);
    const piece = text(4, 1_000_000);
    for (let at = 0; at < message.length; at += piece.length) piece.copy(message, at);
    await writer.write(message);
    const { points, length, fileEnd } = await writer.close();
    const ends = [...points.slice(1), { offset: length, fileOffset: fileEnd }];
    const longest = Math.max(...ends.map((end, at) => end.offset - (points[at] as FlushPoint).offset));
    expect(longest).to.equal(LONGEST_BLOCK_BYTES);
    const at = points.findIndex((point) => point.offset > 17_000_000);
    const [start, end] = [points[at] as FlushPoint, ends[at] as FlushPoint];
    const wanted = message.subarray(start.offset - 29, end.offset - 29);
    expect(readBlock(fd, start, end).equals(wanted)).to.equal(true);
  });

  it('keeps the window over small commits, so that they cost little, and points stay an interval apart', async () => {
    const fd = scratch.open('data');
    const writer = await ChunkWriter.open(fd, 0);
    const points: FlushPoint[] = [];
    const line = text(5, 700);
    for (let count = 0; count < 400; count += 1) {
      await writer.mark();
      await writer.write(line);
      points.push(...(await writer.commit()).points);
    }
    const end = await writer.close();
    expect(points).to.have.length(Math.ceil((400 * 700) / FLUSH_INTERVAL_BYTES));
    expect(end.fileEnd).to.be.lessThan(400 * 40);
    const plain = Buffer.concat([CHUNK_HEADER, ...Array.from({ length: 400 }, () => line)]);
    expectBlocks(fd, points, { offset: end.length, fileOffset: end.fileEnd }, plain);
  });

  it('has everything committed in the file before the chunk is closed', async () => {
    const fd = scratch.open('data');
    const writer = await ChunkWriter.open(fd, 0);
    await writer.write('one\r\n');
    const { length, fileEnd } = await writer.commit();
    await writer.write('two\r\n');
    expect(sizeOf(fd)).to.equal(fileEnd);
    const { bytes, state } = readMember(fd, 0);
    expect(state).to.equal('torn');
    expect(bytes.length).to.equal(length);
    expect(bytes.toString('latin1')).to.equal(`${CHUNK_HEADER.toString('latin1')}one\r\n`);
  });

  it('goes on after a rollback as if the lost bytes had never been written', async () => {
    const fd = scratch.open('data');
    const writer = await ChunkWriter.open(fd, 0);
    await writer.write('kept\r\n');
    const before = await writer.commit();
    await writer.write(noise(6, 900_000));
    await writer.rollback();
    expect(sizeOf(fd)).to.equal(before.fileEnd);
    expect(writer.length).to.equal(before.length);
    await writer.write('also kept\r\n');
    const after = await writer.close();
    const plain = zcat(scratch.path('data'));
    expect(plain.subarray(29).toString('latin1')).to.equal('kept\r\nalso kept\r\n');
    const sha1 = createHash('sha1')
      .update(readFileSync(scratch.path('data')))
      .digest('hex');
    expect(after.memberSha1).to.equal(sha1);
  });

  it('leaves no byte of a chunk that is rolled back before its first commit, and is closed', async () => {
    const fd = scratch.open('data');
    await (await ChunkWriter.open(fd, 0)).close();
    const size = sizeOf(fd);
    const writer = await ChunkWriter.open(fd, size);
    await writer.write(noise(7, 900_000));
    await writer.rollback();
    expect(sizeOf(fd)).to.equal(size);
    expect(await kindOf(() => writer.write('x'))).to.equal('closed');
  });

  it('refuses to begin anywhere but at the end of the file', async () => {
    const fd = scratch.open('data');
    await (await ChunkWriter.open(fd, 0)).close();
    expect(await kindOf(() => ChunkWriter.open(fd, 10))).to.equal('io');
    expect(await kindOf(() => ChunkWriter.open(fd, 1_000))).to.equal('io');
  });

  it('says no-space for a full disk, and then takes nothing but a rollback', async () => {
    const fd = openSync('/dev/full', 'r+');
    try {
      const writer = await ChunkWriter.open(fd, 0);
      await writer.write('x\r\n');
      expect(await kindOf(() => writer.commit())).to.equal('no-space');
      expect(await kindOf(() => writer.write('y\r\n'))).to.equal('closed');
    } finally {
      closeSync(fd);
    }
  });

  it('takes a chunk back to its last commit when a write fails half way, and goes on', () => {
    const name = scratch.path('data');
    closeSync(openSync(name, 'w'));
    const run = spawnSync('sh', [
      '-c',
      'ulimit -f 64 && exec "$0" --input-type=module -e "$1"',
      process.execPath,
      failing(name),
    ]);
    expect(run.stderr.toString()).to.equal('');
    const [fileEnd, kind, sizeAfterRollback] = run.stdout.toString().split(' ');
    expect(kind).to.equal('io');
    expect(sizeAfterRollback).to.equal(fileEnd);
    expect(zcat(name).toString('latin1')).to.equal(`${CHUNK_HEADER.toString('latin1')}one\r\ntwo\r\n`);
  });

  it('says io for a descriptor that cannot be written', async () => {
    scratch.open('data');
    const fd = openSync(scratch.path('data'), 'r');
    try {
      const writer = await ChunkWriter.open(fd, 0);
      expect(await kindOf(() => writer.commit())).to.equal('io');
    } finally {
      closeSync(fd);
    }
  });
});

/** A program that writes beyond what its limit on file sizes lets it, takes that back, and writes a little. */
function failing(name: string): string {
  const module = new URL('../../../src/log/write/chunkWriter.js', import.meta.url).href;
  return `
    import fs from 'node:fs';
    import { randomBytes } from 'node:crypto';
    import { ChunkWriter } from ${JSON.stringify(module)};
    const fd = fs.openSync(${JSON.stringify(name)}, 'r+');
    const writer = await ChunkWriter.open(fd, 0);
    await writer.write('one\\r\\n');
    const { fileEnd } = await writer.commit();
    let kind = 'none';
    try {
      await writer.write(randomBytes(500_000));
      await writer.commit();
    } catch (error) {
      kind = error.kind;
    }
    await writer.rollback();
    process.stdout.write([fileEnd, kind, fs.fstatSync(fd).size].join(' '));
    await writer.write('two\\r\\n');
    await writer.close();`;
}

function pointsFound(fd: number, length: number): FlushPoint[] {
  const reader = new ChunkReader(fd, 0, sizeOf(fd), { findPoints: true });
  reader.stream(length, () => undefined);
  expect(reader.line(1)).to.equal(null);
  reader.close();
  return reader.points;
}

function expectBlocks(fd: number, points: readonly FlushPoint[], end: FlushPoint, plain: Buffer): void {
  for (const [at, start] of points.entries()) {
    const next = points[at + 1] ?? end;
    const block = readBlock(fd, start, next);
    expect(block.equals(plain.subarray(start.offset, next.offset)), `block ${at}`).to.equal(true);
  }
}

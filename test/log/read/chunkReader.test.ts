/** Reading chunks: lines, bytes, flush points; damage that is told and bounded, and the way past it. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import zlib from 'node:zlib';
import { expect } from 'chai';
import { readBlock, readFrom } from '../../../src/log/read/blocks.ts';
import { CHUNK_HEADER, LEAST_BLOCK_BYTES, MEMBER_HEADER, memberEnding } from '../../../src/log/format.ts';
import { ChunkReader, findMember } from '../../../src/log/read/chunkReader.ts';
import { ChunkWriter } from '../../../src/log/write/chunkWriter.ts';
import { kindOf, noise, readMember, Scratch, sizeOf, text } from '../support.ts';

/** A member as the originals write it: a flush of some kind behind each line, or none at all. */
function memberOf(lines: readonly Buffer[], flush: number | null): Buffer {
  const plain = Buffer.concat([CHUNK_HEADER, ...lines]);
  const { Z_SYNC_FLUSH } = zlib.constants;
  const pieces: Buffer[] = [MEMBER_HEADER];
  let window = Buffer.alloc(0);
  for (const line of flush === null ? [plain] : [CHUNK_HEADER, ...lines]) {
    const dictionary = flush === Z_SYNC_FLUSH && window.length > 0 ? { dictionary: window } : {};
    pieces.push(zlib.deflateRawSync(line, { finishFlush: Z_SYNC_FLUSH, ...dictionary }));
    window = Buffer.concat([window, line]).subarray(-LEAST_BLOCK_BYTES);
  }
  return Buffer.concat([...pieces, memberEnding(zlib.crc32(plain), plain.length)]);
}

describe('ChunkReader', () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
  });
  afterEach(() => scratch.remove());

  function fileOf(...parts: Buffer[]): number {
    writeFileSync(scratch.path('data'), Buffer.concat(parts));
    return scratch.open('data');
  }

  it('gives lines and bytes in turn, with the position of each', () => {
    const message = Buffer.from('From: a\r\n\r\nx\r\n');
    const member = memberOf([Buffer.from(`1 APPLY MESSAGE %{p g ${message.length}}\r\n`), message], null);
    const fd = fileOf(member);
    const reader = new ChunkReader(fd, 0, sizeOf(fd));
    expect(reader.line(100)?.equals(CHUNK_HEADER)).to.equal(true);
    expect(reader.position).to.equal(29);
    expect(reader.line(100)?.toString()).to.match(/14\}\r\n$/);
    expect(reader.state).to.equal('reading');
    expect(reader.bytes(message.length).equals(message)).to.equal(true);
    expect(reader.line(100)).to.equal(null);
    expect(reader.state).to.equal('complete');
    expect(reader.fileEnd).to.equal(member.length);
    expect(reader.memberSha1).to.equal(createHash('sha1').update(member).digest('hex'));
    reader.close();
  });

  it('refuses a line over the limit, wherever in its buffers it stands', async () => {
    const fd = fileOf(memberOf([Buffer.alloc(200_000, 'x'), Buffer.from('\n')], null));
    const reader = new ChunkReader(fd, 0, sizeOf(fd));
    reader.line(29);
    expect(await kindOf(() => reader.line(200_000))).to.equal('limit');
    reader.close();
    const again = new ChunkReader(fd, 0, sizeOf(fd));
    again.line(29);
    expect(again.line(200_001)?.length).to.equal(200_001);
    again.close();
  });

  it('says damaged for a complete member that ends in mid-line', async () => {
    const fd = fileOf(memberOf([Buffer.from('1 APPLY')], null));
    const reader = new ChunkReader(fd, 0, sizeOf(fd));
    reader.line(29);
    expect(await kindOf(() => reader.line(100))).to.equal('damaged');
    expect(reader.state).to.equal('complete');
    reader.close();
  });

  it('tells torn from damaged, and gives what comes before either', () => {
    const lines = Array.from({ length: 50 }, (_, at) => text(at, 400));
    const member = memberOf(lines, zlib.constants.Z_FULL_FLUSH);
    const plain = Buffer.concat([CHUNK_HEADER, ...lines]);
    const torn = fileOf(member.subarray(0, member.length - 9));
    expect(readMember(torn, 0)).to.deep.equal({ bytes: plain, state: 'torn' });
    const wrongSum = Buffer.from(member);
    wrongSum.writeUInt32LE(1, member.length - 8);
    expect(readMember(fileOf(wrongSum), 0)).to.deep.equal({ bytes: plain, state: 'damaged' });
    expect(readMember(fileOf(Buffer.alloc(100)), 0).state).to.equal('damaged');
    expect(readMember(fileOf(MEMBER_HEADER.subarray(0, 5)), 0).state).to.equal('torn');
  });

  it('never hangs, crashes or accepts a member with a flipped bit', () => {
    const member = memberOf([text(1, 900), noise(2, 300)], zlib.constants.Z_FULL_FLUSH);
    const fd = fileOf(member);
    const plain = readMember(fd, 0).bytes;
    let harmless = 0;
    // Time, extra flags and system (bytes 4 to 9) mean nothing, as to gzip itself; nor do the bits that pad a
    // flush to its byte boundary.
    for (let at = 10; at < member.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        writeSync(fd, Buffer.from([(member[at] as number) ^ (1 << bit)]), 0, 1, at);
        const { bytes, state } = readMember(fd, 0);
        const isPadding = state === 'complete' && bytes.equals(plain);
        expect(isPadding || state === 'damaged' || state === 'torn', `byte ${at} bit ${bit}`).to.equal(true);
        if (isPadding) harmless += 1;
      }
      writeSync(fd, member, at, 1, at);
    }
    // Three flushes, each with at most seven bits of padding, and the last block's.
    expect(harmless).to.be.at.most(28);
    expect(readMember(fd, 0).state).to.equal('complete');
  }).timeout(60_000);

  it('loses no line before the damage, though much input goes into one step', () => {
    const lines = Array.from({ length: 3_000 }, (_, at) => text(at, 60));
    const member = memberOf(lines, null);
    const broken = Buffer.concat([
      member.subarray(0, 50_000),
      Buffer.alloc(200, 0xff),
      member.subarray(50_200),
    ]);
    const { bytes, state } = readMember(fileOf(broken), 0);
    expect(state).to.equal('damaged');
    const torn = readMember(fileOf(member.subarray(0, 50_000)), 0);
    expect(bytes.length).to.be.at.least(torn.bytes.length);
    expect(bytes.subarray(0, torn.bytes.length).equals(torn.bytes)).to.equal(true);
  });

  it('finds the next member behind a torn one, as the originals left them after a kill', () => {
    const first = memberOf([text(1, 500), text(2, 500)], zlib.constants.Z_FULL_FLUSH);
    const second = memberOf([text(3, 500)], zlib.constants.Z_FULL_FLUSH);
    const torn = first.subarray(0, first.length - 10);
    const fd = fileOf(torn, second);
    const { bytes, state } = readMember(fd, 0);
    expect(state).to.equal('damaged');
    expect(bytes.length).to.equal(1029);
    expect(findMember(fd, 1, sizeOf(fd))).to.equal(torn.length);
    expect(readMember(fd, torn.length).state).to.equal('complete');
    expect(findMember(fd, torn.length + 1, sizeOf(fd))).to.equal(null);
  });

  it('is not misled by magic bytes that begin no chunk, on any side of its buffers', () => {
    const other = Buffer.concat([MEMBER_HEADER, zlib.deflateRawSync('# something else\r\n')]);
    const chunk = memberOf([], null);
    for (const gap of [0, 1, 65_500, 65_526, 65_533, 65_535, 65_536, 131_100]) {
      const fd = fileOf(MEMBER_HEADER, other, Buffer.alloc(gap, 0x1f), chunk);
      expect(findMember(fd, 0, sizeOf(fd)), `gap ${gap}`).to.equal(10 + other.length + gap);
    }
  });

  it('finds the beginning of a chunk that is cut off in its header line', () => {
    const chunk = memberOf([], zlib.constants.Z_FULL_FLUSH);
    const fd = fileOf(Buffer.alloc(1_000, 0x55), chunk.subarray(0, 25));
    expect(findMember(fd, 0, sizeOf(fd))).to.equal(1_000);
  });

  it('takes no sync flush, stored marker or chance for a flush point', () => {
    const { Z_SYNC_FLUSH } = zlib.constants;
    const nested = memberOf([noise(1, 90_000)], Z_SYNC_FLUSH);
    const inside = Buffer.concat(
      Array.from({ length: 5 }, (_, at) => Buffer.concat([noise(at, 40_000), nested])),
    );
    const lines = Array.from({ length: 2_000 }, (_, at) => text(at % 20, 300));
    const fd = fileOf(memberOf([...lines, inside, ...lines], Z_SYNC_FLUSH));
    const reader = new ChunkReader(fd, 0, sizeOf(fd), { findPoints: true });
    const pieces: Buffer[] = [];
    const total = 29 + 1_200_000 + inside.length;
    reader.stream(total, (piece) => pieces.push(Buffer.from(piece)));
    expect(reader.line(1)).to.equal(null);
    const plain = Buffer.concat(pieces);
    expect(reader.state).to.equal('complete');
    for (const [at, start] of reader.points.entries()) {
      const end = reader.points[at + 1] ?? { offset: total, fileOffset: reader.fileEnd };
      expect(readBlock(fd, start, end).equals(plain.subarray(start.offset, end.offset))).to.equal(true);
    }
    reader.close();
  });

  it('finds points no further apart than it must in a member with a full flush behind each line', () => {
    const lines = Array.from({ length: 1_000 }, (_, at) => text(at, 1_000));
    const fd = fileOf(memberOf(lines, zlib.constants.Z_FULL_FLUSH));
    const reader = new ChunkReader(fd, 0, sizeOf(fd), { findPoints: true });
    reader.stream(1_000_029, () => undefined);
    expect(reader.line(1)).to.equal(null);
    const offsets = reader.points.map((point) => point.offset);
    for (const [at, offset] of offsets.entries()) {
      expect((offsets[at + 1] ?? 1_000_029) - offset).to.be.at.most(LEAST_BLOCK_BYTES + 1_000);
    }
    reader.close();
  });

  it('knows at each flushed line where the member could be ended, wherever its buffers end', () => {
    const lines = Array.from({ length: 400 }, (_, at) =>
      Buffer.concat([noise(at, 911).map((b) => b | 32), Buffer.from('\n')]),
    );
    const fd = fileOf(memberOf(lines, zlib.constants.Z_FULL_FLUSH));
    const reader = new ChunkReader(fd, 0, sizeOf(fd), { findPoints: true });
    let crc = 0;
    for (const line of [CHUNK_HEADER, ...lines]) {
      expect(reader.line(2_000)?.equals(line)).to.equal(true);
      crc = zlib.crc32(line, crc);
      const boundary = reader.boundaryAt(reader.position);
      expect(boundary?.length).to.equal(reader.position);
      expect(boundary?.crc32).to.equal(crc);
    }
    reader.close();
  });

  it('reads a 200 MB chunk in bounded memory', async function () {
    this.timeout(120_000);
    const fd = scratch.open('data');
    const writer = await ChunkWriter.open(fd, 0, { level: 1 });
    const piece = text(1, 1_000_000);
    for (let count = 0; count < 200; count += 1) await writer.write(piece);
    const { length } = await writer.close();
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    let passed = 0;
    const reader = new ChunkReader(fd, 0, sizeOf(fd), { findPoints: true });
    reader.stream(length, (bytes) => {
      passed += bytes.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    });
    expect(reader.line(1)).to.equal(null);
    reader.close();
    expect(passed).to.equal(length);
    expect(most - before).to.be.lessThan(4 << 20);
  });
});

describe('reading blocks', () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
  });
  afterEach(() => scratch.remove());

  it('says damaged for a block of another length, cut off, or not deflate', async () => {
    const fd = scratch.open('data');
    const writer = await ChunkWriter.open(fd, 0);
    for (let line = 0; line < 10; line += 1) {
      await writer.mark();
      await writer.write(text(line, 30_000));
    }
    const { points, length, fileEnd } = await writer.close();
    const [start, next] = [points[1], points[2]];
    if (start === undefined || next === undefined) throw new Error('too few points');
    const wrong = [
      { ...next, offset: next.offset - 1 },
      { ...next, offset: next.offset + 1 },
      { ...next, fileOffset: next.fileOffset - 40 },
      { offset: length, fileOffset: fileEnd + 1 },
      { offset: 0, fileOffset: 0 },
    ];
    for (const end of wrong) expect(await kindOf(() => readBlock(fd, start, end))).to.equal('damaged');
    writeSync(fd, Buffer.alloc(50, 0xff), 0, 50, start.fileOffset + 100);
    expect(await kindOf(() => readBlock(fd, start, next))).to.equal('damaged');
    expect(
      readBlock(fd, next, points[3] ?? { offset: length, fileOffset: fileEnd }).length,
    ).to.be.greaterThan(0);
  });

  it('reads a part far behind the only point', async () => {
    const plain = Buffer.concat([CHUNK_HEADER, text(1, 900_000), noise(2, 300_000)]);
    const member = memberOf([plain.subarray(29)], null);
    writeFileSync(scratch.path('data'), member);
    const fd = scratch.open('data');
    const start = { offset: 0, fileOffset: 10 };
    for (const [offset, size] of [
      [0, 29],
      [899_000, 5_000],
      [1_200_028, 1],
      [500, 0],
    ] as const) {
      const part = readFrom(fd, start, offset, size, member.length);
      expect(part.equals(plain.subarray(offset, offset + size))).to.equal(true);
    }
    expect(await kindOf(() => readFrom(fd, start, 1_200_028, 2, member.length))).to.equal('damaged');
    expect(await kindOf(() => readFrom(fd, start, 1_000_000, 9, member.length / 4))).to.equal('damaged');
    expect(readFileSync(scratch.path('data')).equals(member)).to.equal(true);
  });
});

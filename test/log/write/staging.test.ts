/** Staged segments: spliced from memory and from the file, read in part, freed. */
import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { readBlock } from '../../../src/log/read/blocks.ts';
import { CHUNK_HEADER, type FlushPoint } from '../../../src/log/format.ts';
import { Staging, type StagedUpload } from '../../../src/log/write/staging.ts';
import { ChunkWriter } from '../../../src/log/write/chunkWriter.ts';
import { kindOf, noise, Scratch, text, zcat } from '../support.ts';

async function stage(staging: Staging, bytes: Buffer): Promise<StagedUpload> {
  const writer = staging.begin();
  for (let at = 0; at < bytes.length; at += 5_000) {
    await writer.mark();
    await writer.write(bytes.subarray(at, at + 5_000));
  }
  return writer.finish();
}

describe('staging', () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
  });
  afterEach(() => scratch.remove());

  for (const [where, memoryBytes] of [
    ['memory', 1 << 24],
    ['the file', 0],
    ['both', 60_000],
  ] as const) {
    it(`splices segments held in ${where} into a chunk that gzip reads, with points that hold`, async () => {
      const staging = new Staging({ directory: scratch.directory, memoryBytes });
      const parts = [text(1, 400), text(2, 300_000), noise(3, 150_000), text(4, 20_000)];
      const segments = await Promise.all(parts.map((part) => stage(staging, part)));
      const fd = scratch.open('data');
      const writer = await ChunkWriter.open(fd, 0);
      const plain: Buffer[] = [CHUNK_HEADER];
      for (const [at, segment] of segments.entries()) {
        await writer.write(`${at} APPLY\r\n`);
        await writer.splice(segment);
        plain.push(Buffer.from(`${at} APPLY\r\n`), parts[at] as Buffer);
      }
      const { points, length, fileEnd } = await writer.close();
      const whole = Buffer.concat(plain);
      expect(zcat(scratch.path('data')).equals(whole)).to.equal(true);
      expect(points.length).to.be.greaterThan(5);
      for (const [at, start] of points.entries()) {
        const end: FlushPoint = points[at + 1] ?? { offset: length, fileOffset: fileEnd };
        expect(readBlock(fd, start, end).equals(whole.subarray(start.offset, end.offset))).to.equal(true);
      }
      staging.close();
    });
  }

  it('reads any part of a segment back', async () => {
    for (const memoryBytes of [0, 1 << 24]) {
      const staging = new Staging({ directory: scratch.directory, memoryBytes });
      const bytes = Buffer.concat([text(5, 400_000), noise(6, 200_000)]);
      const segment = await stage(staging, bytes);
      for (const [offset, size] of [
        [0, 10],
        [0, 600_000],
        [399_990, 20],
        [131_072, 70_000],
        [600_000, 0],
      ] as const) {
        expect(segment.readRange(offset, size).equals(bytes.subarray(offset, offset + size))).to.equal(true);
      }
      expect(await kindOf(() => segment.readRange(599_999, 2))).to.equal('bad-parameters');
      staging.close();
    }
  });

  it('leaves no file name behind, not even while it uses one', async () => {
    const staging = new Staging({ directory: scratch.directory, memoryBytes: 0 });
    const segment = await stage(staging, text(7, 10_000));
    expect(segment.compressedBytes).to.be.greaterThan(0);
    expect(readdirSync(scratch.directory)).to.deep.equal([]);
    staging.close();
  });

  it('has nothing staged once all is dropped or aborted, and can be filled again', async () => {
    const staging = new Staging({ directory: scratch.directory, memoryBytes: 30_000 });
    const first = await stage(staging, noise(8, 20_000));
    const second = await stage(staging, noise(9, 200_000));
    expect(staging.stagedBytes).to.equal(first.compressedBytes + second.compressedBytes);
    const third = staging.begin();
    await third.write(noise(10, 700_000));
    third.abort();
    first.drop();
    second.drop();
    expect(staging.stagedBytes).to.equal(0);
    const again = await stage(staging, noise(11, 200_000));
    expect(again.readRange(0, 200_000).equals(noise(11, 200_000))).to.equal(true);
    staging.close();
  });

  it('does not free twice what is dropped twice', async () => {
    const staging = new Staging({ directory: scratch.directory, memoryBytes: 1 << 24 });
    const first = await stage(staging, noise(12, 20_000));
    const second = await stage(staging, noise(13, 20_000));
    first.drop();
    first.drop();
    expect(staging.stagedBytes).to.equal(second.compressedBytes);
    expect(await kindOf(() => first.readRange(0, 1))).to.equal('closed');
    staging.close();
  });

  it('frees a piece that is still being written when its segment is aborted', async () => {
    const staging = new Staging({ directory: scratch.directory, memoryBytes: 0 });
    const writer = staging.begin();
    await writer.write(noise(14, 50_000));
    const finishing = writer.finish();
    writer.abort();
    expect(await kindOf(() => finishing)).to.equal('closed');
    expect(staging.stagedBytes).to.equal(0);
    staging.close();
  });

  it('fails the segment, not the process, when the directory cannot be written', async () => {
    const staging = new Staging({ directory: `${scratch.directory}/missing`, memoryBytes: 0 });
    const writer = staging.begin();
    await writer.write('x');
    expect(await kindOf(() => writer.finish())).to.equal('io');
    expect(await kindOf(() => writer.finish())).to.equal('io');
    writer.abort();
    expect(staging.stagedBytes).to.equal(0);
    staging.close();
  });

  it('splices an empty segment as nothing', async () => {
    const staging = new Staging({ directory: scratch.directory, memoryBytes: 0 });
    const segment = await staging.begin().finish();
    expect(segment.points).to.deep.equal([]);
    const writer = await ChunkWriter.open(scratch.open('data'), 0);
    await writer.splice(segment);
    await writer.close();
    expect(zcat(scratch.path('data')).equals(CHUNK_HEADER)).to.equal(true);
    staging.close();
  });
});

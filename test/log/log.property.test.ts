/** The log against a plain buffer: random writes, marks, commits, splices and rollbacks. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { readBlock } from '../../src/log/read/blocks.ts';
import { CHUNK_HEADER, type FlushPoint } from '../../src/log/format.ts';
import { ChunkReader } from '../../src/log/read/chunkReader.ts';
import { Staging } from '../../src/log/write/staging.ts';
import { ChunkWriter, type ChunkProgress } from '../../src/log/write/chunkWriter.ts';
import { noise, Scratch, text, zcat } from './support.ts';

type Step =
  { do: 'write' | 'splice'; seed: number; size: number } | { do: 'mark' | 'commit' } | { do: 'rollback' };

const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 150_000 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), seed: fc.nat(1_000), size }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('splice' as const), seed: fc.nat(1_000), size }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('mark' as const, 'commit' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rollback' as const) }) },
);

function bytesOf(seed: number, length: number): Buffer {
  return seed % 3 === 0 ? noise(seed, length) : text(seed, length);
}

/** The writer and what it should hold. */
class Model {
  readonly points: FlushPoint[] = [];
  #plain: Buffer[] = [CHUNK_HEADER];
  #committed: Buffer[] = [];
  readonly #writer: ChunkWriter;
  readonly #staging: Staging;

  constructor(writer: ChunkWriter, staging: Staging) {
    this.#writer = writer;
    this.#staging = staging;
  }

  get plain(): Buffer {
    return Buffer.concat(this.#plain);
  }

  commit(progress: ChunkProgress): void {
    this.#committed = [...this.#plain];
    this.points.push(...progress.points);
    expect(progress.length).to.equal(this.plain.length);
  }

  async run(step: Step): Promise<void> {
    if ('seed' in step) await this.#add(step.do, bytesOf(step.seed, step.size));
    else if (step.do === 'mark') await this.#writer.mark();
    else if (step.do === 'commit') this.commit(await this.#writer.commit());
    else {
      await this.#writer.rollback();
      this.#plain = [...this.#committed];
    }
    expect(this.#writer.length).to.equal(this.plain.length);
  }

  async #add(how: 'write' | 'splice', bytes: Buffer): Promise<void> {
    this.#plain.push(bytes);
    if (how === 'write') return this.#writer.write(bytes);
    const segment = this.#staging.begin();
    await segment.write(bytes);
    const finished = await segment.finish();
    await this.#writer.splice(finished);
    finished.drop();
    expect(this.#staging.stagedBytes).to.equal(0);
  }
}

describe('the log', () => {
  it('holds what a plain buffer would, with points that hold, after any sequence of calls', async function () {
    this.timeout(120_000);
    const steps = fc.array(step, { maxLength: 25 });
    const property = fc.asyncProperty(
      steps,
      fc.constantFrom(0, 20_000, 1 << 24),
      async (steps, memoryBytes) => {
        const scratch = new Scratch();
        const staging = new Staging({ directory: scratch.directory, memoryBytes });
        try {
          const fd = scratch.open('data');
          const writer = await ChunkWriter.open(fd, 0);
          const model = new Model(writer, staging);
          model.commit(await writer.commit());
          for (const step of steps) await model.run(step);
          const end = await writer.close();
          model.commit(end);
          const { plain, points } = model;
          expect(zcat(scratch.path('data')).equals(plain)).to.equal(true);
          expectBlocks(fd, points, end, plain);
          expectBlocks(fd, pointsFound(fd, end, plain), end, plain);
        } finally {
          staging.close();
          scratch.remove();
        }
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });
});

/** Between any two of them at most a block, the longest gap that splicing can leave, and a rollback's rest. */
const LONGEST_GAP_BYTES = 5 * 32_768;

function expectBlocks(fd: number, points: readonly FlushPoint[], end: ChunkProgress, plain: Buffer): void {
  expect(points[0]).to.deep.equal({ offset: 0, fileOffset: 10 });
  for (const [at, start] of points.entries()) {
    const next = points[at + 1] ?? { offset: end.length, fileOffset: end.fileEnd };
    expect(next.offset - start.offset).to.be.at.most(LONGEST_GAP_BYTES);
    expect(readBlock(fd, start, next).equals(plain.subarray(start.offset, next.offset))).to.equal(true);
  }
}

function pointsFound(fd: number, end: ChunkProgress, plain: Buffer): FlushPoint[] {
  const reader = new ChunkReader(fd, 0, end.fileEnd, { findPoints: true });
  const read = reader.bytes(plain.length);
  expect(read.equals(plain)).to.equal(true);
  expect(reader.line(1)).to.equal(null);
  expect(reader.memberSha1).to.equal(end.memberSha1);
  reader.close();
  return reader.points;
}

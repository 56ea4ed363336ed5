import { expect } from 'chai';
import fc from 'fast-check';
import { openSync, closeSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync, gunzipSync } from 'node:zlib';
import { blockAt, readMessage } from '../../../src/backup/read/messageBytes.ts';
import { BackupReader } from '../../../src/backup/reader.ts';
import { messageByGuid } from '../../../src/index/queries/messages.ts';
import type { StoredMessage } from '../../../src/index/types.ts';
import { BackupError } from '../../../src/errors.ts';
import { BackupSite, START, appendMailbox, bytesOf, guidOf } from '../../support/backups.ts';

const sizes = [0, 1, 70_000, 3_000_000, 131_072, 10];
const messages = sizes.map((size, seed) => bytesOf(seed, size));
const [firstAlone] = messages;

describe('reading a message’s bytes', () => {
  let site: BackupSite;

  before(async () => {
    site = new BackupSite();
    const backup = await site.open();
    const records = messages.map((message, at) => ({ uid: at + 1, message }));
    await appendMailbox(site, backup, START, { uniqueid: 'u1', name: 'user.anne', records });
    await site.close(backup);
    // As the originals' compact leaves it: one member without a flush, with zlib's plain header of gzopen.
    const unflushed = gzipSync(gunzipSync(readFileSync(site.path())));
    unflushed[9] = 3;
    writeFileSync(site.path('compacted'), unflushed);
  });
  after(() => site.remove());

  const stored = (reader: BackupReader, message: Buffer): StoredMessage =>
    messageByGuid(reader.index, guidOf(message)) as StoredMessage;

  function withReader(name: string, work: (reader: BackupReader) => void): void {
    const reader = new BackupReader(site.path(name));
    try {
      work(reader);
    } finally {
      reader.close();
    }
  }

  for (const [name, numRuns] of [
    ['anne', 300],
    ['compacted', 60],
  ] as const) {
    it(`gives any slice, across blocks and beyond the end (${name})`, () => {
      const slice = fc.record({
        which: fc.nat(messages.length - 1),
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        sizeBytes: fc.oneof(fc.nat(100), fc.nat(400_000)),
      });
      withReader(name, (reader) => {
        fc.assert(
          fc.property(slice, ({ which, at, sizeBytes }) => {
            const message = messages[which] as Buffer;
            const offset = Math.floor(at * message.length);
            const read = reader.read(stored(reader, message), offset, sizeBytes);
            expect(read.equals(message.subarray(offset, offset + sizeBytes))).to.equal(true);
          }),
          { numRuns },
        );
      });
    });
  }

  it('gives all of a message of 3 MB', () => {
    const large = messages[3] as Buffer;
    for (const name of ['anne', 'compacted']) {
      withReader(name, (reader) =>
        expect(reader.read(stored(reader, large), 0, large.length).equals(large)).to.equal(true),
      );
    }
  });

  it('inflates no more than a block of 128 KiB for a byte in a chunk of ours, and a window where there are no points', () => {
    const large = messages[3] as Buffer;
    for (const [name, largest] of [
      ['anne', 131_072],
      ['compacted', 262_144],
    ] as const) {
      withReader(name, (reader) => {
        const { chunkId, offset: start } = stored(reader, large);
        for (let at = 0; at < large.length; at += 100_000) {
          const { start: from, end } = blockAt(reader.index, chunkId as number, (start as number) + at);
          expect(end - from).to.be.at.most(largest);
        }
      });
    }
  });

  it('says that bytes are not here, or that they are damaged, rather than give others', () => {
    withReader('anne', (reader) => {
      const message = stored(reader, messages[2] as Buffer);
      expect(() => reader.read({ ...message, chunkId: null }, 0, 1))
        .to.throw(BackupError)
        .with.property('kind', 'not-found');
      const fd = openSync('/dev/null', 'r');
      try {
        const read = (): Buffer => readMessage(reader.index, fd, message, 0, 1);
        expect(read).to.throw(BackupError).with.property('kind', 'damaged');
      } finally {
        closeSync(fd);
      }
      expect(() => blockAt(reader.index, 1, 1e9))
        .to.throw(BackupError)
        .with.property('kind', 'damaged');
    });
  });

  it('gives the empty message as no bytes', () => {
    withReader('anne', (reader) =>
      expect(reader.read(stored(reader, firstAlone as Buffer), 0, 10)).to.have.length(0),
    );
  });
});

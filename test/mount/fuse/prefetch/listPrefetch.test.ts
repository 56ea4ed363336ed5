/** What comes next in a list, made ahead: the kernel must get what it would have got without. */
import { expect } from 'chai';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BlockCache } from '../../../../mount/content/blockCache.ts';
import { Filesystem } from '../../../../mount/vfs/filesystem.ts';
import { MAX_READ_BYTES, OPCODE } from '../../../../mount/fuse/wire/protocol.ts';
import { Session } from '../../../../mount/fuse/server/requestHandler.ts';
import { makeFolder } from '../../../support/machine.ts';
import { openTree } from '../../../support/mount-tree.ts';
import { randomFrom } from '../../../support/random.ts';

const MESSAGES = 3000;
const ROOT = 1n;

interface Listed {
  readonly name: string;
  readonly nodeid: bigint;
  readonly cookie: bigint;
}

describe('lists made ahead', () => {
  let work: string;
  let countFile: string;
  let session: Session;
  const reply = Buffer.alloc(16 + MAX_READ_BYTES);
  const request = Buffer.alloc(4096);

  beforeEach(() => {
    work = makeFolder('list-ahead');
    countFile = join(work, 'count');
    writeFileSync(countFile, '1000');
    const made = { folders: 2, messagesPerFolder: MESSAGES, messageBytes: 10, bigFileBytes: 0, countFile };
    session = new Session(new Filesystem(openTree(made), new BlockCache()), 7, () => undefined);
  });
  afterEach(() => rmSync(work, { recursive: true, force: true }));

  function ask(opcode: number, nodeid: bigint, body: Buffer, isFollowed: boolean): Buffer {
    request.writeUInt32LE(opcode, 4);
    request.writeBigUInt64LE(nodeid, 16);
    body.copy(request, 40);
    const bytes = session.answer(request, 40 + body.length, reply);
    const payload = Buffer.from(reply.subarray(16, Math.max(16, bytes)));
    if (isFollowed) session.afterReply();
    return payload;
  }

  const lookup = (name: string): bigint =>
    ask(OPCODE.LOOKUP, ROOT, Buffer.from(`${name}\0`), false).readBigUInt64LE(0);

  function page(
    folder: bigint,
    cookie: bigint,
    sizeBytes: number,
    isFollowed: boolean,
    plus = true,
  ): Listed[] {
    const body = Buffer.alloc(40);
    body.writeBigUInt64LE(cookie, 8);
    body.writeUInt32LE(sizeBytes, 16);
    const bytes = ask(plus ? OPCODE.READDIRPLUS : OPCODE.READDIR, folder, body, isFollowed);
    expect(bytes.length).to.be.at.most(sizeBytes);
    const entries: Listed[] = [];
    const skip = plus ? 128 : 0;
    for (let at = 0; at < bytes.length;) {
      const nameBytes = bytes.readUInt32LE(at + skip + 16);
      const name = bytes.toString('utf8', at + skip + 24, at + skip + 24 + nameBytes);
      const nodeid = plus ? bytes.readBigUInt64LE(at) : 0n;
      entries.push({ name, nodeid, cookie: bytes.readBigUInt64LE(at + skip + 8) });
      at += skip + ((24 + nameBytes + 7) & ~7);
    }
    return entries;
  }

  /** `size` says how much is asked for each time. */
  function* pages(
    folder: bigint,
    size: () => number,
    isFollowed: boolean,
    plus = true,
  ): Generator<Listed[], void> {
    for (let cookie = 0n; ;) {
      const entries = page(folder, cookie, size(), isFollowed, plus);
      yield entries;
      if (entries.length === 0) return;
      cookie = entries.at(-1)?.cookie ?? cookie;
    }
  }

  function forget(folder: bigint, lookups: number): void {
    const body = Buffer.alloc(8);
    body.writeBigUInt64LE(BigInt(lookups));
    ask(OPCODE.FORGET, folder, body, true);
  }

  it('are what they would be without, for any size that is asked for, in several folders at once', () => {
    const random = randomFrom(3);
    const folders = [lookup('folder0'), lookup('folder1')];
    const wanted = folders.map((folder) => [...pages(folder, () => 32_768, false)].flat());
    const anySize = (): number => 4096 + Math.floor(random() * 60_000);
    const lists = [...folders, ...folders].map((folder) => ({
      entries: [] as Listed[],
      of: pages(folder, anySize, true),
    }));
    for (let left = lists; left.length > 0;) {
      left = left.filter(({ entries, of }) => {
        const next = of.next();
        if (next.done !== true) entries.push(...next.value);
        return next.done !== true;
      });
    }
    for (const [at, { entries }] of lists.entries()) {
      // The same list twice at a time: what one takes from what is ready, the other has made.
      expect(entries).to.deep.equal(wanted[at % 2]);
    }
    const plain = [...pages(folders[0] ?? 0n, anySize, true, false)].flat();
    expect(plain.map(({ name }) => name)).to.deep.equal(wanted[0]?.map(({ name }) => name));
  });

  it('count as looked up only what was given', () => {
    const folder = lookup('folder0');
    let given = 0;
    for (const entries of pages(folder, () => 16_384, true)) {
      given += entries.filter(({ nodeid }) => nodeid !== 0n).length;
      if (given > 1000) break;
    }
    expect(session.registry.size).to.equal(2);
    forget(folder, given);
    expect(session.registry.size, 'the lookup of the folder itself').to.equal(2);
    forget(folder, 1);
    expect(session.registry.size).to.equal(1);
  });

  it('are made anew when the folder has changed', () => {
    const folder = lookup('growing');
    const first = page(folder, 0n, 32_768, true);
    const before = page(folder, first.at(-1)?.cookie ?? 0n, 4096, true);
    writeFileSync(countFile, '150');
    expect(
      page(folder, before.at(-1)?.cookie ?? 0n, 32_768, true),
      'gone, although they were ready',
    ).to.deep.equal([]);
    writeFileSync(countFile, '2000');
    const all = [...pages(folder, () => 32_768, true)].flat();
    expect(all).to.have.length(2002);
  });
});

/** The protocol without a kernel: requests and answers as bytes, checked against linux/fuse.h by hand. */
import { expect } from 'chai';
import { constants } from 'node:os';
import { BlockCache } from '../../../../mount/content/blockCache.ts';
import { Filesystem } from '../../../../mount/vfs/filesystem.ts';
import { INIT_FLAG, MAX_READ_BYTES, OPCODE } from '../../../../mount/fuse/wire/protocol.ts';
import { Session } from '../../../../mount/fuse/server/requestHandler.ts';
import { expectedContent, openTree } from '../../../support/mount-tree.ts';

const OPTIONS = {
  folders: 2,
  messagesPerFolder: 300,
  messageBytes: 9001,
  bigFileBytes: 1000,
  isDamaged: true,
};
const ROOT = 1n;

interface Answer {
  readonly error: number;
  readonly payload: Buffer;
}

function makeSession() {
  const lines: string[] = [];
  const session = new Session(new Filesystem(openTree(OPTIONS), new BlockCache()), 7, (line) =>
    lines.push(line),
  );
  const reply = Buffer.alloc(16 + MAX_READ_BYTES);
  /** Undefined: there is no answer. */
  const ask = (opcode: number, nodeid: bigint, body: Buffer = Buffer.alloc(0)): Answer | undefined => {
    const request = Buffer.alloc(8192);
    request.writeUInt32LE(40 + body.length, 0);
    request.writeUInt32LE(opcode, 4);
    request.writeBigUInt64LE(0x1122334455667788n, 8);
    request.writeBigUInt64LE(nodeid, 16);
    body.copy(request, 40);
    const bytes = session.answer(request, 40 + body.length, reply);
    if (bytes === 0) return undefined;
    expect(reply.readUInt32LE(0)).to.equal(bytes);
    expect(reply.readBigUInt64LE(8)).to.equal(0x1122334455667788n);
    return { error: reply.readInt32LE(4), payload: Buffer.from(reply.subarray(16, bytes)) };
  };
  const must = (opcode: number, nodeid: bigint, body?: Buffer): Buffer => {
    const answer = ask(opcode, nodeid, body);
    expect(answer?.error).to.equal(0);
    return answer?.payload ?? expect.fail('no answer');
  };
  const lookup = (parent: bigint, name: string): Buffer =>
    must(OPCODE.LOOKUP, parent, Buffer.from(`${name}\0`));
  return { session, lines, ask, must, lookup };
}

const u32 = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
const u64 = (...values: bigint[]): Buffer => Buffer.from(BigUint64Array.from(values).buffer);
const readBody = (offset: bigint, sizeBytes: number): Buffer =>
  Buffer.concat([u64(0n, offset), u32(sizeBytes, 0), u64(0n), u32(0, 0)]);

describe('the kernel protocol', () => {
  it('INIT takes the lesser minor version, and of the flags what both want', () => {
    const { must } = makeSession();
    const payload = must(OPCODE.INIT, 0n, Buffer.concat([u32(7, 45, 131_072, 0xffffffff), Buffer.alloc(48)]));
    expect(payload).to.have.length(64);
    expect([payload.readUInt32LE(0), payload.readUInt32LE(4)]).to.deep.equal([7, 38]);
    const flags = payload.readUInt32LE(12);
    for (const name of [
      'DO_READDIRPLUS',
      'NO_OPEN_SUPPORT',
      'NO_OPENDIR_SUPPORT',
      'AUTO_INVAL_DATA',
      'MAX_PAGES',
    ] as const) {
      expect(flags & INIT_FLAG[name], name).to.not.equal(0);
    }
    expect(flags & INIT_FLAG.READDIRPLUS_AUTO).to.equal(0);
    expect(payload.readUInt16LE(28)).to.equal(256);
    const older = must(
      OPCODE.INIT,
      0n,
      Buffer.concat([u32(7, 31, 131_072, INIT_FLAG.ASYNC_READ), Buffer.alloc(48)]),
    );
    expect([older.readUInt32LE(4), older.readUInt32LE(12)]).to.deep.equal([31, INIT_FLAG.ASYNC_READ]);
  });

  it('INIT refuses a kernel that is too old, and tells a newer one our version', () => {
    const { ask } = makeSession();
    expect(ask(OPCODE.INIT, 0n, u32(7, 30, 0, 0))?.error).to.equal(-constants.errno.EINVAL);
    expect(ask(OPCODE.INIT, 0n, u32(8, 0, 0, 0))?.payload.readUInt32LE(0)).to.equal(7);
  });

  it('LOOKUP of a message makes a nodeid of folder number and UID, with fuse_attr behind it', () => {
    const { lookup } = makeSession();
    const folder = lookup(ROOT, 'folder1').readBigUInt64LE(0);
    expect(folder).to.equal(1n << 32n);
    const entry = lookup(folder, '17.eml');
    // nodeid, generation, entry and attribute validity (an hour each).
    expect(entry.subarray(0, 40)).to.deep.equal(
      Buffer.concat([u64((1n << 32n) | 17n, 7n, 3600n, 3600n), u32(0, 0)]),
    );
    const seconds = BigInt(Date.UTC(2024, 1, 29, 12, 30, 15) / 1000);
    const times = u64((11n << 32n) | 17n, 9001n, 18n, seconds, seconds, seconds);
    const rest = u32(123_000_000, 123_000_000, 123_000_000, 0o100400, 1, 0, 0, 0, 4096, 0);
    expect(entry.subarray(40)).to.deep.equal(Buffer.concat([times, rest]));
  });

  it('LOOKUP of nothing is an entry of node 0, for the kernel to remember', () => {
    const { lookup } = makeSession();
    const folder = lookup(ROOT, 'folder0').readBigUInt64LE(0);
    const entry = lookup(folder, '301.eml');
    expect([entry.readBigUInt64LE(0), entry.readBigUInt64LE(16)]).to.deep.equal([0n, 3600n]);
  });

  it('LOOKUP of . and .. finds its way for NFS', () => {
    const { lookup } = makeSession();
    const folder = lookup(ROOT, 'folder0').readBigUInt64LE(0);
    const message = lookup(folder, '5.eml').readBigUInt64LE(0);
    expect(lookup(message, '.').readBigUInt64LE(0)).to.equal(message);
    expect(lookup(message, '..').readBigUInt64LE(0)).to.equal(folder);
    expect(lookup(folder, '..').readBigUInt64LE(0)).to.equal(ROOT);
  });

  it('writes times before 1970 as negative seconds', () => {
    const { lookup } = makeSession();
    const entry = lookup(ROOT, 'before 1970 – leer');
    expect([entry.readBigInt64LE(40 + 32), entry.readUInt32LE(40 + 52)]).to.deep.equal([
      -86_401n,
      999_500_000,
    ]);
    expect([entry.readBigInt64LE(40 + 40), entry.readUInt32LE(40 + 56)]).to.deep.equal([-1n, 999_000_000]);
  });

  it('READDIRPLUS gives every entry once over many requests, and FORGET gives it all back', () => {
    const { session, must, lookup, ask } = makeSession();
    const folder = lookup(ROOT, 'folder0').readBigUInt64LE(0);
    const names: string[] = [];
    const children: bigint[] = [];
    for (let cookie = 0n, page: Buffer = Buffer.alloc(1); page.length > 0;) {
      page = must(OPCODE.READDIRPLUS, folder, readBody(cookie, 4096));
      expect(page.length).to.be.at.most(4096);
      for (let at = 0; at < page.length;) {
        const nameBytes = page.readUInt32LE(at + 128 + 16);
        names.push(page.toString('utf8', at + 152, at + 152 + nameBytes));
        if (page.readBigUInt64LE(at) !== 0n) children.push(page.readBigUInt64LE(at));
        cookie = page.readBigUInt64LE(at + 128 + 8);
        at += 128 + ((24 + nameBytes + 7) & ~7);
      }
    }
    expect(names.slice(0, 3)).to.deep.equal(['.', '..', '1.eml']);
    expect(new Set(names).size).to.equal(302);
    expect(children).to.have.length(300);
    const forgotten = children.flatMap((child) => [child, 1n]);
    expect(ask(OPCODE.BATCH_FORGET, 0n, Buffer.concat([u32(300, 0), u64(...forgotten)]))).to.equal(undefined);
    expect(session.registry.size).to.equal(2);
    expect(ask(OPCODE.FORGET, folder, u64(1n))).to.equal(undefined);
    expect(session.registry.size).to.equal(1);
    expect(ask(OPCODE.GETATTR, folder)?.error).to.equal(-constants.errno.ESTALE);
  });

  it('READDIR gives inode, cookie, type and padded name, and counts no lookup', () => {
    const { session, must } = makeSession();
    const page = must(OPCODE.READDIR, ROOT, readBody(0n, 4096));
    const dot = Buffer.concat([u64(1n, 1n), u32(1, 4), Buffer.from('.'), Buffer.alloc(7)]);
    const dots = Buffer.concat([u64(1n, 2n), u32(2, 4), Buffer.from('..'), Buffer.alloc(6)]);
    const folder = Buffer.concat([u64(10n << 32n, 3n), u32(7, 4), Buffer.from('folder0'), Buffer.alloc(1)]);
    expect(page.subarray(0, 96)).to.deep.equal(Buffer.concat([dot, dots, folder]));
    expect(session.registry.size).to.equal(1);
  });

  it('READ is short at the end of the file only, and damage is EIO and a line in the log', () => {
    const { ask, must, lookup, lines } = makeSession();
    const folder = lookup(ROOT, 'folder1').readBigUInt64LE(0);
    const message = lookup(folder, '8.eml').readBigUInt64LE(0);
    const whole = expectedContent(1, 8, 9001);
    expect(must(OPCODE.READ, message, readBody(100n, 8192))).to.deep.equal(whole.subarray(100, 8292));
    expect(must(OPCODE.READ, message, readBody(8192n, 8192))).to.deep.equal(whole.subarray(8192));
    expect(must(OPCODE.READ, message, readBody(9001n, 4096))).to.have.length(0);
    const damaged = lookup(ROOT, 'short').readBigUInt64LE(0);
    expect(ask(OPCODE.READ, damaged, readBody(0n, 4096))?.error).to.equal(-constants.errno.EIO);
    expect(lines).to.have.length(1);
    expect(ask(OPCODE.READ, ROOT, readBody(0n, 4096))?.error).to.equal(-constants.errno.EISDIR);
  });

  it('tells sizes of extended attributes, and refuses buffers that are too small', () => {
    const { ask, must, lookup } = makeSession();
    const message = lookup(lookup(ROOT, 'folder0').readBigUInt64LE(0), '123.eml').readBigUInt64LE(0);
    const get = (sizeBytes: number, name: string): Buffer =>
      Buffer.concat([u32(sizeBytes, 0), Buffer.from(`${name}\0`)]);
    expect(must(OPCODE.GETXATTR, message, get(0, 'user.cyrus.uid'))).to.deep.equal(u32(3, 0));
    expect(must(OPCODE.GETXATTR, message, get(3, 'user.cyrus.uid')).toString()).to.equal('123');
    expect(ask(OPCODE.GETXATTR, message, get(2, 'user.cyrus.uid'))?.error).to.equal(-constants.errno.ERANGE);
    expect(ask(OPCODE.GETXATTR, message, get(0, 'user.none'))?.error).to.equal(-constants.errno.ENODATA);
    // With ENODATA, ls -l asks for an ACL of every single file.
    expect(ask(OPCODE.GETXATTR, message, get(0, 'system.posix_acl_access'))?.error).to.equal(
      -constants.errno.EOPNOTSUPP,
    );
    expect(must(OPCODE.LISTXATTR, message, u32(0, 0))).to.deep.equal(u32(49, 0));
  });

  it('answers ENOSYS to what it does not serve, and what is best not asked', () => {
    const { ask } = makeSession();
    for (const opcode of [OPCODE.OPEN, OPCODE.OPENDIR, OPCODE.FLUSH, OPCODE.ACCESS, OPCODE.LSEEK, 16, 4711]) {
      expect(ask(opcode, ROOT)?.error, String(opcode)).to.equal(-constants.errno.ENOSYS);
    }
  });
});

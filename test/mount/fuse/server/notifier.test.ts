/** What is told to the kernel, as bytes in a file in place of the device, checked against linux/fuse.h by hand. */
import { expect } from 'chai';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Notifier } from '../../../../mount/fuse/server/notifier.ts';

describe('notifications to the kernel', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'notifier-'));
    path = join(folder, 'device');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('have a header with their code and no request, then the node, then what of it', async () => {
    const fd = openSync(path, 'w');
    const notifier = new Notifier(fd, (line) => expect.fail(line));
    await Promise.all([
      notifier.folder(7, false),
      notifier.folder(0, true),
      notifier.name(7, Buffer.from('17.eml')),
      notifier.name(0, Buffer.from('é')),
    ]);
    await notifier.close();
    closeSync(fd);
    const u32 = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
    const i64 = (...values: bigint[]): Buffer => Buffer.from(BigInt64Array.from(values).buffer);
    const [folder7, root] = [7n << 32n, 1n];
    const wanted = [
      [u32(40, 2), i64(0n, folder7, -1n, 0n)],
      [u32(40, 2), i64(0n, root, 0n, 0n)],
      [u32(39, 3), i64(0n, folder7), u32(6, 0), Buffer.from('17.eml\0')],
      [u32(35, 3), i64(0n, root), u32(2, 0), Buffer.from('é\0')],
    ];
    expect(readFileSync(path).toString('hex')).to.equal(Buffer.concat(wanted.flat()).toString('hex'));
  });

  it('that cannot be told are logged, and none is told after the end', async () => {
    const lines: string[] = [];
    const fd = openSync('/dev/null', 'r');
    const notifier = new Notifier(fd, (line) => lines.push(line));
    await notifier.folder(1, false);
    expect(lines.join()).to.match(/telling the kernel of a change: EBADF/);
    await notifier.close();
    await notifier.name(1, Buffer.from('x'));
    expect(lines).to.have.length(1);
    closeSync(fd);
  });
});

import { expect } from 'chai';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  announceDeletion,
  invalidateEntry,
  invalidateNode,
} from '../../../../mount/transports/kernel/notify.ts';

const ROOT = { place: 0, child: 0 };

/** What `send` writes to a descriptor, as words of 32 bits and what is left. */
function written(send: (fd: number) => boolean): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'notify-'));
  const path = join(folder, 'device');
  const fd = openSync(path, 'w');
  try {
    expect(send(fd)).to.equal(true);
    return readFileSync(path);
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

const words = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);

describe('notifications to the kernel', () => {
  it('NOTIFY_INVAL_ENTRY names the parent, the root as nodeid 1, and ends the name with NUL', () => {
    const bytes = written((fd) => invalidateEntry(fd, ROOT, Buffer.from('anne')));
    const head = words(16 + 16 + 5, 3, 0, 0, 1, 0, 4, 0);
    expect(bytes).to.deep.equal(Buffer.concat([head, Buffer.from('anne\0')]));
  });

  it('NOTIFY_INVAL_INODE takes all of the content', () => {
    const bytes = written((fd) => invalidateNode(fd, { place: 3, child: 17 }));
    expect(bytes).to.deep.equal(words(16 + 24, 2, 0, 0, 17, 3, 0, 0, 0, 0));
  });

  it('NOTIFY_DELETE names parent, child and name', () => {
    const bytes = written((fd) =>
      announceDeletion(fd, { place: 3, child: 0 }, { place: 3, child: 9 }, Buffer.from('9.eml')),
    );
    const head = words(16 + 24 + 6, 6, 0, 0, 0, 3, 9, 3, 5, 0);
    expect(bytes).to.deep.equal(Buffer.concat([head, Buffer.from('9.eml\0')]));
  });
});

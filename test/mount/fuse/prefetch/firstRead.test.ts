import { expect } from 'chai';
import type { Filesystem } from '../../../../mount/vfs/filesystem.ts';
import type { Attributes, FolderReference, Node } from '../../../../mount/vfs/tree.ts';
import { ReadyRead } from '../../../../mount/fuse/prefetch/firstRead.ts';

const PLACE = 3;
const FILE_BYTES = 5000;
const folder = { kind: 'folder', key: 'folder' } as unknown as FolderReference;

/** Files are full of their own number; `reads` are those that were read from the file system. */
function makeReader() {
  const reads: number[] = [];
  let fault: Error | undefined;
  const filesystem = {
    read({ number }: Node, _offset: number, target: Buffer): number {
      if (fault !== undefined) throw fault;
      reads.push(number);
      target.fill(number);
      return target.length;
    },
  } as unknown as Filesystem;
  const ready = new ReadyRead(filesystem);
  const nodeOf = (number: number): Node => ({ place: folder, number });
  const lookUp = (number: number, sizeBytes = FILE_BYTES, kind: Attributes['kind'] = 'file'): void => {
    ready.note(PLACE, nodeOf(number), { kind, sizeBytes } as Attributes);
    ready.afterReply();
  };
  /** What is ready of a file; undefined: nothing. */
  const read = (number: number, roomBytes = 8192, place = PLACE): Buffer | undefined => {
    const target = Buffer.alloc(roomBytes);
    const bytes = ready.take(place, nodeOf(number), target);
    ready.afterReply();
    return bytes === undefined ? undefined : target.subarray(0, bytes);
  };
  const fail = (error: Error | undefined): void => void (fault = error);
  return { reads, lookUp, read, fail };
}

/** Files that are looked up and read, one after the other. */
function begin({ lookUp, read }: ReturnType<typeof makeReader>): void {
  for (const number of [1, 2]) {
    lookUp(number);
    expect(read(number)).to.equal(undefined);
  }
}

describe('reading what was just looked up', () => {
  it('is done as soon as a few were read that were looked up, and gives all of a file', () => {
    const reader = makeReader();
    begin(reader);
    expect(reader.reads).to.deep.equal([]);
    for (const number of [3, 4, 5]) {
      reader.lookUp(number);
      const bytes = reader.read(number);
      expect(bytes).to.have.length(FILE_BYTES);
      expect(bytes?.every((byte) => byte === number)).to.equal(true);
    }
    expect(reader.reads).to.deep.equal([3, 4, 5]);
    expect(reader.read(5), 'once').to.equal(undefined);
  });

  it('is not done for who only looks', () => {
    const reader = makeReader();
    begin(reader);
    for (let number = 10; number < 50; number += 1) reader.lookUp(number);
    expect(reader.reads, 'one was ready, and was not read').to.deep.equal([10]);
    reader.read(49);
    reader.lookUp(50);
    expect(reader.reads).to.deep.equal([10]);
  });

  it('gives nothing to who asks for another file, for less than all, or for one that is too long', () => {
    const reader = makeReader();
    begin(reader);
    reader.lookUp(3);
    expect(reader.read(4)).to.equal(undefined);
    expect(reader.read(3, 8192, PLACE + 1)).to.equal(undefined);
    expect(reader.read(3, FILE_BYTES - 1)).to.equal(undefined);
    expect(reader.read(3), 'it is another request').to.equal(undefined);
    reader.lookUp(6, 128 * 1024 + 1);
    expect(reader.reads).to.deep.equal([3]);
  });

  it('is nothing for folders, links, and what stands alone', () => {
    const reader = makeReader();
    begin(reader);
    reader.lookUp(7, 100, 'folder');
    reader.lookUp(8, 100, 'link');
    reader.lookUp(0, 100);
    reader.lookUp(9, 0);
    expect(reader.reads).to.deep.equal([]);
  });

  it('leaves what fails to be told to who reads', () => {
    const reader = makeReader();
    begin(reader);
    reader.fail(new Error('damaged'));
    reader.lookUp(3);
    expect(reader.read(3)).to.equal(undefined);
    reader.fail(undefined);
    reader.lookUp(4);
    expect(reader.read(4)).to.have.length(FILE_BYTES);
  });
});

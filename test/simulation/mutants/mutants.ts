/**
 * Deliberate bugs, as changes of the compiled code: a missing sync, a wrong order, a skipped check.
 * The simulator must find each of them.
 */

export interface Mutant {
  readonly name: string;
  /** Below dist/src. */
  readonly file: string;
  /** Text of the compiled file that is there once; any white space matches any other. */
  readonly from: string;
  readonly to: string;
}

const sync = (name: string, file: string, from: string, before = '', after = ''): Mutant => ({
  name,
  file,
  from: [before, from, after].join(' ').trim(),
  to: [before, after].join(' ').trim(),
});

export const mutants: readonly Mutant[] = [
  // Missing syncs.
  sync(
    'an appended line is not synced',
    'log/write/chunkWriter.js',
    'if (this.#isSynced) await syncData(this.#fd);',
    'await this.#writeQueue();',
    ' const position',
  ),
  sync(
    'a transaction of backups.db is not synced',
    'catalog/twoskip/database.js',
    'tree.file.sync();',
    'next: [tree.header.currentSize] });',
    ' const before',
  ),
  sync(
    'the header of backups.db is not synced',
    'catalog/twoskip/database.js',
    'tree.file.sync();',
    'writeHeader(tree);',
    ' } catch (error) { tree.header = before;',
  ),
  sync(
    'the name of a new data file is not synced',
    'catalog/partitions.js',
    'syncFolder(dirname(path));',
    'disk.fsync(fd);',
  ),
  sync(
    'the name of a new folder is not synced',
    'fs/folders.js',
    'syncFolder(dirname(folder));',
    'giveToOwnerOf(dirname(folder), folder);',
  ),
  sync('a replaced file is not synced', 'fs/replaceFile.js', 'disk.fsync(fd);'),
  sync(
    'the name of a replaced file is not synced',
    'fs/replaceFile.js',
    'syncFolder(dirname(path));',
    'try {',
  ),
  sync(
    'a compacted file is not synced',
    'backup/compact/replace.js',
    'syncData(target.fd), ',
    'await allOf(',
    'finishIndex(fresh, indexPath(target.path))',
  ),
  sync(
    'the name of a compacted file is not synced',
    'backup/compact/replace.js',
    'syncFolder(dirname(path));',
    '',
    " step('placed-index')",
  ),
  sync('a moved file is not synced', 'backup/admin/move.js', 'disk.fsync(target.fd);'),
  sync(
    'the name of a moved file is not synced',
    'backup/admin/move.js',
    'syncFolder(folder);',
    '',
    " step('placed-index')",
  ),
  sync('a repaired file is not synced', 'backup/verify/repair.js', 'disk.fsync(target);'),
  sync(
    'the name of a repaired file is not synced',
    'backup/verify/repair.js',
    'syncFolder(dirname(file.path));',
  ),
  sync(
    'the ending of a torn chunk is not synced',
    'log/write/recover.js',
    'await syncData(fd);',
    'boundary.fileEnd);',
    ' const memberSha1',
  ),
  sync(
    'what a failed sync has lost is not written again',
    'backup/openIndex.js',
    'await writeAgain(file.fd, last?.fileEnd ?? 0, size);',
  ),
  // Wrong orders.
  {
    name: 'a file is replaced in place',
    file: 'fs/replaceFile.js',
    from: 'const fd = createAnew(temporary);',
    to: 'const fd = createAnew(path); disk.link(path, temporary);',
  },
  {
    name: 'a move removes the old file before backups.db names the new one',
    file: 'backup/admin/move.js',
    from: 'catalog.transaction(() => { if',
    to: 'removeFiles(from); catalog.transaction(() => { if',
  },
  {
    name: 'the index is committed and answered before the log is written',
    file: 'backup/backup.js',
    from: 'const progress = await writer.commit();',
    to: 'const progress = { length: writer.length, fileEnd: disk.fstat(this.fd).size, crc32: 0, points: [], memberSha1: "" };',
  },
  {
    name: 'a compaction keeps the index of the old file',
    file: 'backup/compact/replace.js',
    from: 'disk.rename(indexPath(`${path}.new`), indexPath(path));',
    to: '',
  },
  // Skipped checks and errors.
  {
    name: 'a failed sync is not noticed',
    file: 'fs/io.js',
    from: "throw ioError(error, 'fdatasync');",
    to: '',
  },
  {
    name: 'a short write is taken for a whole one',
    file: 'fs/io.js',
    from: 'left = rest(left, bytesWritten);',
    to: 'left = left.slice(BUFFERS_A_CALL);',
  },
  {
    name: 'a short blocking write is taken for a whole one',
    file: 'fs/io.js',
    from: 'done += disk.write(fd, bytes, done, bytes.length - done, position + done);',
    to: 'disk.write(fd, bytes, done, bytes.length - done, position + done); done = bytes.length;',
  },
  {
    name: 'a short read is taken for the end',
    file: 'fs/io.js',
    from: 'have += got;',
    to: 'have += got; break;',
  },
  {
    name: 'a line that was not written stays in the log',
    file: 'log/write/chunkWriter.js',
    from: 'await truncate(this.#fd, this.#fileEnd);',
    to: '',
  },
  {
    name: 'a backup whose write failed is used on',
    file: 'backup/backup.js',
    from: 'if (!this.#rollbackIndex() || isWritten) this.#broken = true;',
    to: 'this.#rollbackIndex();',
  },
  {
    name: 'a line that was not written stays in the index',
    file: 'backup/backup.js',
    from: 'this.index.rollback(); return true;',
    to: 'this.index.commit(); return true;',
  },
  {
    name: 'a clock that was set back is believed',
    file: 'backup/backup.js',
    from: 'time: Math.max(command.time, lastTimestamp(this.index) ?? 0)',
    to: 'time: command.time',
  },
  {
    name: 'any index is taken for that of the data file',
    file: 'backup/openIndex.js',
    from: 'const last = lastChunk(index); if (last === undefined) return true;',
    to: 'const last = lastChunk(index); return true;',
  },
  {
    name: 'lines that the index lacks are not folded',
    file: 'backup/openIndex.js',
    from: 'else if (size > (last?.fileEnd ?? 0)) {',
    to: 'else if (size < 0) {',
  },
  {
    name: 'a torn end stays in the file',
    file: 'log/write/recover.js',
    from: 'await cutTail(fd, boundary.fileEnd);',
    to: '',
  },
  {
    name: 'a move copies only what no longer changes',
    file: 'backup/admin/move.js',
    from: 'await copyBytes(file.fd, target.fd, from, Number(size));',
    to: '',
  },
  {
    name: 'a compaction forgets too much',
    file: 'backup/compact/compact.js',
    from: 'retained.fill(effectiveHorizon(retained.index, work.horizon));',
    to: 'const own = effectiveHorizon(retained.index, work.horizon); retained.fill(own && own + 100);',
  },
  {
    name: 'a failed lock leaves its file open',
    file: 'fs/lockedFile.js',
    from: 'if (!hasLock || !entry.locked) leave(entry);',
    to: 'if (!hasLock && entry.locked) leave(entry);',
  },
  {
    name: 'a staged message is read from where another one is',
    file: 'log/write/spill.js',
    from: 'if (this.#extents > 0 || this.#fd === null || this.#closed) return;',
    to: 'if (this.#fd === null || this.#closed) return;',
  },
];

/** Returns the mutant's code. Throws if the code it changes is no longer there. */
export function mutated(source: string, { name, from, to }: Mutant): string {
  const pattern = from
    .split(/\s+/)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('\\s*');
  const found = [...source.matchAll(new RegExp(pattern, 'g'))];
  if (found.length !== 1)
    throw new Error(`the code that the mutant changes is there ${found.length} times, not once: ${name}`);
  return source.replace(found[0]?.[0] as string, () => to);
}

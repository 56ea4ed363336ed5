/**
 * Checks a twoskip database and lists everything that is wrong with it: order, linkage of every
 * level, checksums, record count. The rules are those of `cyr_dbtool FILE twoskip consistent`
 * (cyrus-imapd lib/cyrusdb_twoskip.c, myconsistent). In addition, the checksum of every key and
 * value is verified.
 */
import { messageOf } from '../../errors.ts';
import { DUMMY_OFFSET, TYPE_DELETE, nextOffset, type SkipRecord } from './format.ts';
import { keyOf, readLive, readRecord, valueOf, type Tree } from './tree.ts';

export function checkTree(tree: Tree): string[] {
  try {
    return walk(tree);
  } catch (error) {
    return [messageOf(error)];
  }
}

/** Advances each level's expected offset past one record. Returns the mismatches. */
function follow(tree: Tree, record: SkipRecord, expected: number[]): string[] {
  const problems: string[] = [];
  for (let level = 0; level < record.level; level++) {
    if (expected[level] !== record.offset) {
      problems.push(`level ${level} leads to offset ${expected[level]} instead of ${record.offset}`);
    }
    expected[level] = nextOffset(record, level, tree.end);
  }
  return problems;
}

function walk(tree: Tree): string[] {
  const dummy = readRecord(tree, DUMMY_OFFSET);
  valueOf(tree, dummy);
  const expected = Array.from({ length: dummy.level }, (_, level) => nextOffset(dummy, level, tree.end));
  const problems: string[] = [];
  let previousKey: Buffer = Buffer.alloc(0);
  let count = 0;
  let offset = expected[0] ?? 0;
  while (offset !== 0) {
    const first = readRecord(tree, offset);
    if (first.type === TYPE_DELETE) expected[0] = first.next[0] ?? 0;
    const record = readLive(tree, offset);
    if (record === null) break;
    offset = record.offset;
    const key = keyOf(tree, record);
    if (Buffer.compare(previousKey, key) >= 0) {
      return [...problems, `keys are out of order at offset ${offset}`];
    }
    valueOf(tree, record);
    problems.push(...follow(tree, record, expected));
    previousKey = key;
    count++;
    offset = expected[0] ?? 0;
  }
  expected.forEach((left, level) => {
    if (left !== 0) problems.push(`level ${level} leads past the last record, to offset ${left}`);
  });
  if (count !== tree.header.recordCount) {
    problems.push(`${count} records found, the header says ${tree.header.recordCount}`);
  }
  return problems;
}

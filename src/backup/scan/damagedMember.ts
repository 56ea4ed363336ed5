/**
 * Folds a damaged member for scan.ts. It folds the lines that damagedChunk.ts can read, and the
 * messages that can still be read through an index from before the damage. Damaged messages are
 * stored without bytes in the new index, and are reported.
 */
import { insertChunk, lastChunk, setChunkStart, updateChunk } from '../../index/queries/chunks.ts';
import { insertPointsSteps } from '../../index/queries/points.ts';
import { forgetBytes, messageByGuid, messagesOfChunk } from '../../index/queries/messages.ts';
import { fold, foldWholeSteps } from '../../index/fold/fold.ts';
import { isFaultOfLine } from '../../index/store/indexErrors.ts';
import type { FoldLine } from '../../index/types.ts';
import { messageOf } from '../../errors.ts';
import { MEMBER_HEADER } from '../../log/format.ts';
import { isMemberHeader } from '../../log/read/member.ts';
import { readSyncInto } from '../../fs/io.ts';
import { FileLiteral } from '../../protocol/dlist.ts';
import { hasItsBytes } from '../read/messageBytes.ts';
import { fromLog } from '../lines/envelope.ts';
import { KnownChunk } from './knownChunk.ts';
import type { Damage, Scan } from './scanResult.ts';
import { DamagedChunk, memberStart } from './damagedChunk.ts';
import type { RecoveredLine } from './damagedChunk.ts';

/** The partition of a message whose line is lost is unknown. Nothing depends on it. */
const ANY_PARTITION = 'default';

/** Folds the damaged member between two offsets of the file. */
export function* scanDamagedMember(scan: Scan, fileOffset: number, fileEnd: number): Generator<void, void> {
  const { index, fd, result } = scan;
  const known = KnownChunk.find(scan.known, fileOffset);
  let tsEnd = lastChunk(index)?.tsEnd ?? 0;
  let tsStart = 0;
  let length = 0;
  const chunkId = insertChunk(index, fileOffset, tsEnd);
  const damage = (details: Omit<Damage, 'fileOffset'>): void => {
    result.damages.push({ fileOffset, ...details });
  };
  const salvage = new DamagedChunk(fd, memberStart(fileOffset), fileEnd, known);
  for (const read of salvage.lines()) {
    yield;
    if (read === null) continue;
    yield* foldRecovered(scan, chunkId, read, damage);
    length = Math.max(length, read.end);
    tsEnd = Math.max(tsEnd, read.line.time);
    if (tsStart === 0) tsStart = read.line.time;
  }
  for (const line of missedMessages(scan, known, tsEnd)) {
    yield;
    if (line !== null) fold(index, line, chunkId);
  }
  for (const broken of salvage.breaks) damage(broken);
  if (salvage.breaks.length === 0) {
    damage({ position: length, reason: reasonOf(scan, fileOffset, salvage, known) });
  }
  yield* insertPointsSteps(index, chunkId, known?.points ?? []);
  yield* insertPointsSteps(index, chunkId, salvage.points);
  setChunkStart(index, chunkId, tsStart === 0 ? tsEnd : tsStart);
  length = Math.max(length, known?.chunk.length ?? 0);
  updateChunk(index, chunkId, { tsEnd, length, fileEnd, crc32: 0, memberSha1: '', state: 'damaged' });
  yield* forgetUnreadable(scan, chunkId, known);
  result.chunks += 1;
}

/**
 * Marks messages as missing that cannot be read through the new index. Damage may shift the data
 * after it in the same block. The messages there are whole, but at other offsets. If these offsets
 * overlap the ones after the next flush point, the messages cannot be read.
 */
function* forgetUnreadable(
  { index, fd }: Scan,
  chunkId: number,
  known: KnownChunk | null,
): Generator<void, void> {
  const before = new Map(known?.messages.map(({ guid, offset }) => [guid, offset]));
  for (const message of messagesOfChunk(index, chunkId)) {
    yield;
    if (before.get(message.guid) === message.offset) continue;
    if (!hasItsBytes(index, fd, message)) forgetBytes(index, message.guid);
  }
}

type Report = (details: Omit<Damage, 'fileOffset'>) => void;

function* foldRecovered(
  scan: Scan,
  chunkId: number,
  { line, files, end }: RecoveredLine,
  damage: Report,
): Generator<void, void> {
  const { index, result } = scan;
  try {
    yield* foldWholeSteps(index, withoutWrong(fromLog(line), files), chunkId);
  } catch (error) {
    if (!isFaultOfLine(error)) throw error;
    damage({ position: end, reason: messageOf(error), isSenseless: true });
  }
  result.messages += files.length;
  for (const { file, whole } of files) {
    if (whole) continue;
    damage({ position: file.position, reason: 'message does not match its GUID', guid: file.guid });
  }
}

function withoutWrong(line: FoldLine, files: RecoveredLine['files']): FoldLine {
  if (line.name !== 'MESSAGE') return line;
  return { ...line, value: files.filter(({ whole }) => whole).map(({ file }) => file) };
}

/**
 * Yields the messages that the index knows and that no readable line has named. It yields null to
 * let other work run.
 */
function* missedMessages(
  { index, fd, result }: Scan,
  known: KnownChunk | null,
  time: number,
): Generator<FoldLine | null> {
  for (const message of known?.messages ?? []) {
    yield null;
    if (messageByGuid(index, message.guid)?.chunkId != null) continue;
    if (known?.isWhole(fd, message) !== true) continue;
    const file = new FileLiteral(ANY_PARTITION, message.guid, message.size);
    file.position = message.offset ?? 0;
    result.messages += 1;
    yield { time, name: 'MESSAGE', value: [file] };
  }
}

/** Returns the reason why a member counts as damaged although all of its lines could be read. */
function reasonOf({ fd }: Scan, fileOffset: number, salvage: DamagedChunk, known: KnownChunk | null): string {
  const header = Buffer.alloc(MEMBER_HEADER.length);
  readSyncInto(fd, header, 0, header.length, fileOffset);
  const isWhole = salvage.hasItsChecksum || salvage.crc32 === known?.chunk.crc32;
  const part = isMemberHeader(header) ? 'checksum behind the data' : 'gzip header';
  return isWhole ? `the ${part} is damaged, the data is whole` : 'data checksum mismatch';
}

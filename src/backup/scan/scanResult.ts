/** What a scan of a data file works on and what it finds: see scan.ts. */
import type { IndexFile } from '../../index/store/indexFile.ts';
import type { Boundary } from '../../log/read/member.ts';

export interface Damage {
  /** Where the member starts in the data file. */
  readonly fileOffset: number;
  /** Uncompressed offset up to which it was read. */
  readonly position: number;
  readonly reason: string;
  /** The message that does not match its GUID, if the damage is one. */
  readonly guid?: string;
  /** A line ends at `position` that can be read but makes no sense. */
  readonly isSenseless?: true;
}

/**
 * The last member, if it was begun and not finished: cut off by a kill, a power cut or a full disk.
 */
export interface TornTail {
  /** null: no whole line of it is left. */
  readonly chunkId: number | null;
  readonly fileOffset: number;
  /**
   * Where it can be ended: at the last line that ends at a flush boundary. What follows was never
   * acknowledged.
   */
  readonly boundary: Boundary;
}

export interface ScanResult {
  chunks: number;
  messages: number;
  readonly damages: Damage[];
  tornTail: TornTail | null;
}

/** What a scan works on, and what it has found so far. */
export interface Scan {
  readonly index: IndexFile;
  readonly fd: number;
  readonly fileSize: number;
  readonly isEnded: boolean;
  /** An index that may be from before the damage. */
  readonly known: IndexFile | null;
  readonly result: ScanResult;
  readonly onProgress: ((fileEnd: number, fileSize: number) => void) | undefined;
}

export interface MemberOutcome {
  /** Where the next member begins, or the file ends. */
  readonly next: number;
  /** If true, nothing that was folded of the member counts: damagedMember.ts reads it again. */
  readonly isDamaged: boolean;
}

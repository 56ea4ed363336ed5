/** The input and the result types of a scan of a data file: see scan.ts. */
import type { IndexFile } from '../../index/store/indexFile.ts';
import type { Boundary } from '../../log/read/member.ts';

export interface Damage {
  /** Where the member starts in the data file. */
  readonly fileOffset: number;
  /** Uncompressed offset up to which the member was read. */
  readonly position: number;
  readonly reason: string;
  /** The GUID of the damaged message, if the damage is a message that does not match its GUID. */
  readonly guid?: string;
  /** The line that ends at `position` can be read but makes no sense. */
  readonly isSenseless?: true;
}

/** A last member that was begun but not ended, because of a kill, a power cut or a full disk. */
export interface TornTail {
  /** null if no whole line of the member is left. */
  readonly chunkId: number | null;
  readonly fileOffset: number;
  /**
   * Where the member can be ended: after the last line that ends at a flush boundary. Data after
   * this boundary was never acknowledged.
   */
  readonly boundary: Boundary;
}

export interface ScanResult {
  chunks: number;
  messages: number;
  readonly damages: Damage[];
  tornTail: TornTail | null;
}

/** The input of a scan, and its findings so far. */
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
  /** Offset at which the next member begins, or the file ends. */
  readonly next: number;
  /**
   * If true, nothing that was folded from this member counts. damagedMember.ts reads the member
   * again.
   */
  readonly isDamaged: boolean;
}

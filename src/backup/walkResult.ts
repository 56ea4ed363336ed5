/** What a walk over a data file works on and what it finds: see walk.ts. */
import type { IndexFile } from '../index/indexFile.ts';
import type { Boundary } from '../log/member.ts';

export interface Damage {
  /** Where the member starts in the data file. */
  readonly fileOffset: number;
  /** Uncompressed offset up to which it was read. */
  readonly position: number;
  readonly reason: string;
  /** The message that is not what its GUID promises, where it is one. */
  readonly guid?: string;
  /** A line that can be read and makes no sense ends at `position`. */
  readonly isSenseless?: true;
}

/** The last member, where it was begun and not finished: cut off by a kill, a power cut or a full disk. */
export interface TornTail {
  /** null: not one whole line of it is left. */
  readonly chunkId: number | null;
  readonly fileOffset: number;
  /** Where it can be ended: at the last line's end that is a flush boundary. What is behind was never acknowledged. */
  readonly boundary: Boundary;
}

export interface WalkResult {
  chunks: number;
  messages: number;
  readonly damages: Damage[];
  tornTail: TornTail | null;
}

/** What a walk is over, and what it has found so far. */
export interface Walk {
  readonly index: IndexFile;
  readonly fd: number;
  readonly fileSize: number;
  readonly isEnded: boolean;
  /** An index that may have known the file when it was whole. */
  readonly known: IndexFile | null;
  readonly result: WalkResult;
  readonly onProgress: ((fileEnd: number, fileSize: number) => void) | undefined;
}

export interface MemberOutcome {
  /** Where the next member begins, or the file ends. */
  readonly next: number;
  /** Then nothing that was folded of it is to count: salvageMember.ts reads it anew. */
  readonly isDamaged: boolean;
}

/** How an option of imapd.conf is described, so that one table serves reading, typing and documenting it. */

export type KeyType = 'switch' | 'int' | 'duration' | 'bytes' | 'enum' | 'string' | 'list';

export interface KeySpec {
  readonly name: string;
  readonly type: KeyType;
  /** As one would write it in imapd.conf; null is "not set". */
  readonly default: string | null;
  readonly meaning: string;
  /** duration: the unit of a bare number (d, h, m, s); bytes: K or B. */
  readonly unit?: 'd' | 'h' | 'm' | 's' | 'K' | 'B';
  /** enum: the values allowed. */
  readonly values?: readonly string[];
  /** list: what separates values; white space always does. */
  readonly separator?: ',';
  /** int, bytes (in bytes), duration (in seconds): the smallest and the largest value that make sense. */
  readonly least?: number;
  readonly most?: number;
  /** An older name of the option `replacedBy`, which wins where both are set. */
  readonly replacedBy?: string;
}

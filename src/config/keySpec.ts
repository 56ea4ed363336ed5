/**
 * Describes an option of imapd.conf. One table of these descriptions serves reading, typing and
 * documenting the options.
 */

export type KeyType = 'switch' | 'int' | 'duration' | 'bytes' | 'enum' | 'string' | 'list';

export interface KeySpec {
  readonly name: string;
  readonly type: KeyType;
  /** As written in imapd.conf; null means "not set". */
  readonly default: string | null;
  readonly meaning: string;
  /** duration: the unit of a bare number (d, h, m, s); bytes: K or B. */
  readonly unit?: 'd' | 'h' | 'm' | 's' | 'K' | 'B';
  /** enum: the values allowed. */
  readonly values?: readonly string[];
  /** list: an additional separator of values. White space always separates them. */
  readonly separator?: ',';
  /** int, bytes (in bytes), duration (in seconds): the smallest and the largest sensible value. */
  readonly least?: number;
  readonly most?: number;
  /** Set on an older name: the option's newer name, which takes precedence if both are set. */
  readonly replacedBy?: string;
}

/**
 * Describes an option of imapd.conf. One table of these descriptions serves reading, typing and
 * documenting the options.
 */

export type KeyType = 'switch' | 'int' | 'duration' | 'bytes' | 'enum' | 'string' | 'list';

export interface KeySpec {
  readonly name: string;
  readonly type: KeyType;
  /** The default value as written in imapd.conf; null means "not set". */
  readonly default: string | null;
  readonly meaning: string;
  /** The unit of a number without a unit: d, h, m or s for a duration, K or B for bytes. */
  readonly unit?: 'd' | 'h' | 'm' | 's' | 'K' | 'B';
  /** The allowed values of an enum. */
  readonly values?: readonly string[];
  /** An additional separator in a list. White space always separates values. */
  readonly separator?: ',';
  /**
   * The smallest and the largest sensible value of an int, of bytes (in bytes) or of a duration (in
   * seconds).
   */
  readonly least?: number;
  readonly most?: number;
  /** Set on an older name: the option's newer name, which takes precedence if both are set. */
  readonly replacedBy?: string;
}

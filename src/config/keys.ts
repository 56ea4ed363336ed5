/**
 * The only table of the imapd.conf options that this project reads: name, type, default and
 * meaning. The type of Config is derived from it, and the option reference is generated from it.
 *
 * Names and defaults are those of cyrus-imapd 3.6 (lib/imapoptions). Options marked "Ours" exist
 * only in this project; Cyrus ignores them.
 */

import { LIMIT_KEYS } from './limitKeys.ts';
import { SERVER_KEYS } from './serverKeys.ts';
import { STORAGE_KEYS } from './storageKeys.ts';

export const KEYS = [...STORAGE_KEYS, ...SERVER_KEYS, ...LIMIT_KEYS] as const;

type Key = (typeof KEYS)[number];

/**
 * A string with a default is always set. A path below configdirectory is set only if
 * configdirectory is.
 */
type StringValue<K extends Key> = K['default'] extends null
  ? string | null
  : K['default'] extends `{configdirectory}${string}`
    ? string | null
    : string;

export type ValueOf<K extends Key> = K extends { type: 'switch' }
  ? boolean
  : K extends { type: 'int' | 'bytes' }
    ? number
    : K extends { type: 'duration' }
      ? K['default'] extends null
        ? number | null
        : number
      : K extends { type: 'list' }
        ? readonly string[]
        : K extends { type: 'enum'; values: readonly (infer V)[] }
          ? V
          : StringValue<K>;

/** Each option under its own name: durations in seconds, byte sizes in bytes. */
export type ConfigValues = { readonly [K in Key as K['name']]: ValueOf<K> };

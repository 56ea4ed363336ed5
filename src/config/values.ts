/**
 * Parses the values of imapd.conf as Cyrus does (cyrus-imapd lib/libconfig.c). Each parser returns
 * the value, or null if the text is not valid. The caller knows the file and line to report.
 */
import type { KeySpec } from './keySpec.ts';

export type ConfigValue = boolean | number | string | readonly string[];

/** Parses a switch like Cyrus, which compares only the first letters and accepts no capitals. */
export function parseSwitch(text: string): boolean | null {
  if (/^(0|n|of|f)/.test(text)) return false;
  if (/^(1|y|on|t)/.test(text)) return true;
  return null;
}

/** Parses a decimal, hexadecimal (0x) or octal (0) number, like strtol(3) with base 0. */
export function parseInteger(text: string): number | null {
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
  if (match === null) return null;
  const digits = match[2] as string;
  const value = /^0[0-7]+$/.test(digits) ? parseInt(digits, 8) : Number(digits);
  if (!Number.isSafeInteger(value)) return null;
  return match[1] === '-' && value !== 0 ? -value : value;
}

const SECONDS_OF: Record<string, number> = { d: 86_400, h: 3_600, m: 60, s: 1 };

/**
 * Parses a duration such as `1h30m`, `7d` or `-1`, and returns seconds. A number without a unit is
 * in `defaultUnit`.
 */
export function parseDuration(text: string, defaultUnit: string): number | null {
  const match = /^(-?)((?:\d+[dhms])*)(\d*)$/.exec(text);
  if (match === null || text === '' || text === '-') return null;
  let seconds = 0;
  for (const [, digits, unit] of (match[2] as string).matchAll(/(\d+)([dhms])/g)) {
    seconds += Number(digits) * (SECONDS_OF[unit as string] as number);
  }
  seconds += Number(match[3]) * (SECONDS_OF[defaultUnit] as number);
  if (!Number.isSafeInteger(seconds)) return null;
  return match[1] === '-' && seconds !== 0 ? -seconds : seconds;
}

const BYTES_OF: Record<string, number> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/**
 * Parses a size such as `64K`, `1M` or `2 GiB`, and returns bytes. A number without a unit is in
 * `defaultUnit`.
 */
export function parseBytes(text: string, defaultUnit: string): number | null {
  const match = /^(-?\d+)\s*([kmg]?)(i?b)?$/i.exec(text);
  if (match === null) return null;
  const bareUnit = match[3] === undefined ? defaultUnit : 'b';
  const unit = (match[2] || bareUnit).toLowerCase();
  const value = Number(match[1]) * (BYTES_OF[unit] as number);
  return Number.isSafeInteger(value) ? value : null;
}

const ON = new Set(['1', 'yes', 't', 'true']);
const OFF = new Set(['0', 'no', 'f', 'false']);

/**
 * Parses a value of an enum. The values `on` and `off` may also be written like a switch: 1, yes,
 * t, true; 0, no, f, false.
 */
export function parseEnum(text: string, values: readonly string[]): string | null {
  let value = text;
  if (ON.has(text)) value = 'on';
  if (OFF.has(text)) value = 'off';
  return values.find((known) => known === value || known === text) ?? null;
}

export function parseList(text: string, separator: string | undefined): readonly string[] {
  return text.split(separator === ',' ? /[\s,]+/ : /\s+/).filter((item) => item !== '');
}

const parsers: Record<KeySpec['type'], (text: string, spec: KeySpec) => ConfigValue | null> = {
  switch: parseSwitch,
  int: parseInteger,
  duration: (text, spec) => parseDuration(text, spec.unit ?? 's'),
  bytes: (text, spec) => parseBytes(text, spec.unit ?? 'B'),
  enum: (text, spec) => parseEnum(text, spec.values ?? []),
  list: (text, spec) => parseList(text, spec.separator),
  string: (text) => text,
};

export function parseValue(spec: KeySpec, text: string): ConfigValue | null {
  return parsers[spec.type](text, spec);
}

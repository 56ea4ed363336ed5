/**
 * JSON in the form that the originals print with jansson:
 *
 * - Two spaces of indent, one value after another, keys in their given order.
 * - Reals have 17 digits, where Node itself would print only as many as tell them apart.
 */
import type { CliIo } from './io.ts';

/** A number that is printed as a real even if it is whole: 50 becomes `50.0`. */
export class Real {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** Formats like printf's %.17g and appends `.0` to a whole number (jansson's jsonp_dtostr). */
function realText(value: number): string {
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  if (!Number.isFinite(value)) return 'null';
  if (exponent < -4 || exponent >= 17) return value.toExponential();
  const digits = value.toPrecision(17);
  const short = digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
  return short.includes('.') ? short : `${short}.0`;
}

/** Omits keys whose value is undefined, as jansson omits what was never set. */
function print(value: unknown, indent: string): string {
  if (value instanceof Real) return realText(value.value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const inner = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((each) => print(each, inner))
    : Object.entries(value)
        .filter(([, each]) => each !== undefined)
        .map(([key, each]) => `${JSON.stringify(key)}: ${print(each, inner)}`);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  if (parts.length === 0) return open + close;
  return `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`;
}

export function writeJson(io: CliIo, value: unknown): void {
  io.stdout.write(`${print(value, '')}\n`);
}

/** Writes an array element by element, so that no list of messages is held in memory. */
export function writeJsonArray(io: CliIo, values: Iterable<unknown>): void {
  let isFirst = true;
  for (const value of values) {
    io.stdout.write(`${isFirst ? '[' : ','}\n  ${print(value, '  ')}`);
    isFirst = false;
  }
  io.stdout.write(isFirst ? '[]\n' : '\n]\n');
}

/** Writes an object member by member, so that its members are not all held in memory. */
export function writeJsonObject(io: CliIo, members: Iterable<readonly [string, unknown]>): void {
  let isFirst = true;
  for (const [key, value] of members) {
    io.stdout.write(`${isFirst ? '{' : ','}\n  ${JSON.stringify(key)}: ${print(value, '  ')}`);
    isFirst = false;
  }
  io.stdout.write(isFirst ? '{}\n' : '\n}\n');
}

/**
 * Prints JSON in the form that the original tools print with jansson:
 *
 * - Each level is indented by two spaces; each value has its own line; keys keep their given order.
 * - Reals have 17 digits, while Node itself prints only as many as identify the number.
 */
import type { CliIo } from './io.ts';

/** A number that is printed as a real even if it is whole: 50 becomes `50.0`. */
export class Real {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/**
 * Formats a number like printf's %.17g and appends `.0` to a whole number (jansson's jsonp_dtostr).
 */
function realText(value: number): string {
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  if (!Number.isFinite(value)) return 'null';
  if (exponent < -4 || exponent >= 17) return value.toExponential();
  const digits = value.toPrecision(17);
  const short = digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
  return short.includes('.') ? short : `${short}.0`;
}

/** Formats a value as JSON. Omits keys whose value is undefined, as jansson does. */
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

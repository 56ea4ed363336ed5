/** The values of options, by their types. */
import { suggestion } from './nearest.ts';
import type { OptionSpec } from './program.ts';

/** One option as it stands on the command line. */
export interface Given {
  readonly key: string;
  readonly spec: OptionSpec;
  /** As it was typed: `-F`, `--force`. */
  readonly typed: string;
  readonly texts: readonly string[];
}

/** Returns an option's value, or its default. Calls `fault` if a value is wrong. */
export function valueOf(
  spec: OptionSpec,
  given: readonly Given[],
  fault: (message: string) => never,
): boolean | number | string | readonly string[] | undefined {
  const last = given.at(-1);
  switch (spec.type) {
    case 'flag':
      return last !== undefined;
    case 'count':
      return given.length;
    case 'list':
      return given.flatMap(({ texts }) => texts);
    case 'pair':
      return last?.texts;
    case 'text':
      return last?.texts[0] ?? spec.default;
    case 'choice':
      return choiceOf(spec, last, fault);
    case 'number':
      break;
  }
  return numberOf(spec, last, fault);
}

type Fault = (message: string) => never;

function choiceOf(
  spec: OptionSpec & { type: 'choice' },
  given: Given | undefined,
  fault: Fault,
): string | undefined {
  const text = given?.texts[0];
  if (text === undefined || spec.values.includes(text)) return text ?? spec.default;
  const names = listed(spec.values, 'or');
  return fault(`${given?.typed} ${text}: ${names} is expected${suggestion(text, spec.values)}`);
}

function numberOf(
  spec: OptionSpec & { type: 'number' },
  given: Given | undefined,
  fault: Fault,
): number | undefined {
  const text = given?.texts[0];
  if (text === undefined) return spec.default;
  const { least, most = 9_999_999, isFraction } = spec;
  const isNumber = (isFraction === true ? /^[0-9]{1,7}(?:\.[0-9]+)?$/ : /^[0-9]{1,7}$/).test(text);
  if (isNumber && Number(text) >= least && Number(text) <= most) return Number(text);
  const range = spec.most === undefined ? `at least ${least}` : `${least} to ${spec.most}`;
  return fault(`${given?.typed} ${text}: a number is expected, ${range}`);
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(names: readonly string[], word = 'and'): string {
  return [names.slice(0, -1).join(', '), names.at(-1) ?? ''].filter((part) => part !== '').join(` ${word} `);
}

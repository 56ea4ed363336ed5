/**
 * The description of a command line as data: a program, its commands, options and operands. The
 * parser, `--help`, the man pages and the shell completions are all derived from it, so that they
 * cannot differ. A module that declares a program imports only types and constants: it can be
 * loaded without the modules that do the work.
 *
 * docs/development/architecture.md says how to add a command.
 */

/** What a word stands for, for shell completion. */
export type Completion = 'file' | 'folder' | 'user' | 'mailbox' | 'partition' | 'domain';

interface OptionBase {
  /** One letter. */
  readonly short?: string;
  /** Without the dashes. */
  readonly long?: string;
  /** A sentence without a full stop, for `--help`. Backquotes mark what is typed. */
  readonly help: string;
  /** More sentences, for the man page only. */
  readonly more?: string;
  /** The heading under which the option is listed; without one, "Options". */
  readonly group?: string;
  /** The commands that the option goes with; without it, all. */
  readonly of?: readonly string[];
  /** Accepts the option with other commands too, and ignores it there, as the originals do. */
  readonly isIgnoredElsewhere?: true;
  readonly completion?: Completion;
}

/** An option. Its type decides the type of its value; see `ValueOf`. */
export type OptionSpec = OptionBase &
  (
    | { readonly type: 'flag' }
    /** May be repeated: the value is how often. */
    | { readonly type: 'count' }
    /** `alone` is the value if the option is the last word of the command line. */
    | {
        readonly type: 'text';
        readonly argument: string;
        readonly default?: string;
        /** Shown instead of a default that depends on the machine. */
        readonly defaultText?: string;
        readonly alone?: string;
      }
    /** May be repeated: the value is a list. */
    | { readonly type: 'list'; readonly argument: string }
    /** Two arguments. */
    | { readonly type: 'pair'; readonly arguments: readonly [string, string] }
    | {
        readonly type: 'number';
        readonly argument: string;
        readonly least: number;
        readonly most?: number;
        readonly isFraction?: true;
        readonly default?: number;
        readonly alone?: number;
      }
    | {
        readonly type: 'choice';
        readonly argument: string;
        readonly values: readonly string[];
        readonly default?: string;
      }
  );

export type Options = Readonly<Record<string, OptionSpec>>;

/** The type of an option's value on a parsed command line. */
export type ValueOf<S extends OptionSpec> = S extends { type: 'flag' }
  ? boolean
  : S extends { type: 'count' }
    ? number
    : S extends { type: 'list' }
      ? readonly string[]
      : S extends { type: 'pair' }
        ? readonly [string, string] | undefined
        : S extends { type: 'number' }
          ? number | AbsentOf<S>
          : S extends { type: 'choice'; values: readonly (infer V)[] }
            ? V | AbsentOf<S>
            : string | AbsentOf<S>;

type AbsentOf<S> = S extends { default: string | number } ? never : undefined;

export type Values<O extends Options> = { readonly [K in keyof O]: ValueOf<O[K]> };

export interface OperandSpec {
  readonly name: string;
  readonly isOptional?: true;
  /** True for the last operand if it may be repeated. */
  readonly isRepeated?: true;
  readonly completion?: Completion;
}

export interface Example {
  /** The whole command line. */
  readonly command: string;
  /** What it does, in a few words. */
  readonly does: string;
}

/** A command of a program: `compact` of ctl_backups, or `list mailboxes` of cyr_backup. */
export interface CommandSpec {
  /** What it does: a phrase that begins with a verb, without a full stop. */
  readonly summary: string;
  readonly operands: readonly OperandSpec[];
  /** Sentences for `COMMAND --help`. */
  readonly details?: string;
  readonly examples?: readonly Example[];
}

export interface Program<O extends Options = Options, C extends string = string> {
  /** As it is typed: `ctl_backups`, `cyrus-backups mount`. */
  readonly name: string;
  readonly summary: string;
  readonly details?: string;
  readonly options: O;
  /** Keys of options of which only one may be given. */
  readonly exclusive?: readonly (readonly string[])[];
  /** The commands by name; without them, the program is one command with these operands. */
  readonly commands?: Readonly<Record<C, CommandSpec>>;
  /** Operands of the program, or those in front of the command's name. */
  readonly operands?: readonly OperandSpec[];
  readonly examples?: readonly Example[];
}

/** Checks a program's types and returns it unchanged. */
export function defineProgram<const O extends Options, const C extends string = never>(
  program: Program<O, C> & { readonly exclusive?: readonly (readonly (keyof O)[])[] },
): Program<O, C> {
  return program;
}

/** Formats an option as it is typed: `--force-clock`, or `-F` if it has no long name. */
export function optionName({ short, long }: OptionSpec): string {
  return long === undefined ? `-${short}` : `--${long}`;
}

/** Returns the names of the option's arguments. */
export function argumentsOf(spec: OptionSpec): readonly string[] {
  if (spec.type === 'flag' || spec.type === 'count') return [];
  return spec.type === 'pair' ? spec.arguments : [spec.argument];
}

/** Formats an operand for a synopsis: `USER`, `[USER]`, `[USER...]`. */
export function operandText({ name, isOptional, isRepeated }: OperandSpec): string {
  const text = isRepeated === true ? `${name}...` : name;
  return isOptional === true ? `[${text}]` : text;
}

/** Returns the options that go with a command. */
export function optionsOf({ options }: Program, command?: string): OptionSpec[] {
  return Object.values(options).filter(
    ({ of }) => of === undefined || command === undefined || of.includes(command),
  );
}

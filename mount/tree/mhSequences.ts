/** `.mh_sequences`: which messages of a folder are unseen, replied and flagged, as MH's programs and mutt read it. */
import type { MailView } from './mailView.ts';
import { folderAt } from './structure.ts';
import type { FixedName } from './treeFolder.ts';
import { TextFile } from './textFile.ts';

const sequences: readonly [name: string, holds: (flags: string) => boolean][] = [
  ['unseen', (flags) => !hasFlag(flags, '\\seen')],
  ['replied', (flags) => hasFlag(flags, '\\answered')],
  ['flagged', (flags) => hasFlag(flags, '\\flagged')],
];

function hasFlag(flags: string, flag: string): boolean {
  return flags.toLowerCase().split(' ').includes(flag);
}

export function mhSequences(view: MailView, path: string): FixedName[] {
  const name = '.mh_sequences';
  return [
    {
      name,
      isListed: true,
      isThere: () => folderAt(view.structure(), path)?.mailbox != null,
      make: (self) => new TextFile(`${self.key}/${name}`, self, view, () => sequencesOf(view, path)),
    },
  ];
}

function sequencesOf(view: MailView, path: string): string {
  const folder = view.folder(path);
  const ranges = sequences.map(() => new Ranges());
  for (const { uid, flags } of view.records(folder)) {
    for (const [at, [, holds]] of sequences.entries()) if (holds(flags)) ranges[at]?.add(uid);
  }
  const lines = sequences.map(([name], at) => `${name}: ${ranges[at]?.text ?? ''}`);
  return lines
    .filter((line) => !line.endsWith(': '))
    .map((line) => `${line}\n`)
    .join('');
}

/** Numbers as `1-3 5`, given in order. */
class Ranges {
  readonly #ranges: { first: number; last: number }[] = [];

  add(number: number): void {
    const open = this.#ranges.at(-1);
    if (open?.last === number - 1) open.last = number;
    else this.#ranges.push({ first: number, last: number });
  }

  get text(): string {
    return this.#ranges
      .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
      .join(' ');
  }
}

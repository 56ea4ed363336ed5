/**
 * `.mh_sequences`: lists which messages of a folder are unseen, replied and flagged, in the format
 * that MH's programs and mutt read.
 */
import type { MailView } from '../views/mailView.ts';
import { folderAt } from '../views/structure.ts';
import type { FixedName } from '../treeFolder.ts';
import { TextFile } from '../textFile.ts';

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

function sequencesOf(view: MailView, path: string): Buffer {
  const folder = view.folder(path);
  const ranges = sequences.map(() => new Ranges());
  // Most messages share a few flag combinations, so the sequences of each combination are cached.
  const known = new Map<string, Ranges[]>();
  for (const { uid, flags } of view.flagged(folder)) {
    let of = known.get(flags);
    if (of === undefined) {
      of = ranges.filter((_, at) => sequences[at]?.[1](flags));
      known.set(flags, of);
    }
    for (const each of of) each.add(uid);
  }
  const lines = sequences.flatMap(([name], at) => {
    const text = ranges[at]?.text() ?? Buffer.alloc(0);
    return text.length === 0 ? [] : [Buffer.from(`${name}:`), text, Buffer.from('\n')];
  });
  return Buffer.concat(lines);
}

/**
 * When the text reaches this length, it is converted to bytes. As a single string, the text for a
 * million messages would take 100 MB.
 */
const PIECE_CHARACTERS = 8192;

/** Collects numbers, which must be added in ascending order, and formats them like ` 1-3 5`. */
class Ranges {
  readonly #pieces: Buffer[] = [];
  #piece = '';
  #first = 0;
  #last = 0;

  add(number: number): void {
    if (this.#last !== number - 1 || this.#last === 0) {
      this.#end();
      this.#first = number;
    }
    this.#last = number;
  }

  /** Returns the text. It may be called only once, after all numbers are added. */
  text(): Buffer {
    this.#end();
    return Buffer.concat([...this.#pieces, Buffer.from(this.#piece)]);
  }

  #end(): void {
    if (this.#last === 0) return;
    this.#piece += this.#first === this.#last ? ` ${this.#first}` : ` ${this.#first}-${this.#last}`;
    if (this.#piece.length < PIECE_CHARACTERS) return;
    this.#pieces.push(Buffer.from(this.#piece));
    this.#piece = '';
  }
}

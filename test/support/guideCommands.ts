/** The command blocks of a page of the guide, by the heading above them. */
import { readFileSync } from 'node:fs';

export interface Section {
  readonly heading: string;
  /** The blocks that are marked `sh`: the commands that a reader types. */
  readonly blocks: readonly string[];
}

export function sectionsOf(page: URL): Section[] {
  const parts = readFileSync(page, 'utf8').split(/^## /m).slice(1);
  return parts.map((part) => ({
    heading: part.slice(0, part.indexOf('\n')),
    blocks: [...part.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block]) => block ?? ''),
  }));
}

/** How many commands a block has: its lines, as none is continued. */
export function commandCount(blocks: readonly string[]): number {
  return blocks.join('').split('\n').filter(Boolean).length;
}

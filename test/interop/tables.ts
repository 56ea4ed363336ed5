/** The two tables of docs/reference/interop.md, as Markdown, and their place in it. */
import { kinds, type Kind, type Said } from './said.ts';

export interface Column {
  /** As the master's greeting has it. */
  readonly version: string;
  /** By the name of the row. */
  readonly cells: ReadonlyMap<string, string>;
  readonly said: Said;
}

const BEGIN = '<!-- made by test/interop/matrix.ts -->';
const END = '<!-- end of what is made -->';

/** The page with new tables between its marks. */
export function withTables(page: string, tables: string): string {
  const [before, after] = [page.split(BEGIN)[0], page.split(END)[1]];
  if (before === undefined || after === undefined) throw new Error(`no ${BEGIN} ... ${END}`);
  return `${before}${BEGIN}\n\n${tables}\n\n${END}${after}`;
}

export function tablesOf(columns: readonly Column[], rows: readonly string[]): string {
  const sections = [matrix(columns, rows), '## What each version says', ...saidTables(columns)];
  return sections.join('\n\n');
}

function matrix(columns: readonly Column[], rows: readonly string[]): string {
  const notes: string[] = [];
  const shown = (outcome: string): string => {
    if (/^ok(, .*)?$/.test(outcome)) return outcome;
    if (!notes.includes(outcome)) notes.push(outcome);
    return `${outcome.startsWith('ok') ? 'ok ' : ''}(${notes.indexOf(outcome) + 1})`;
  };
  const cells = rows.map((row) => [
    row,
    ...columns.map((column) => shown(column.cells.get(row) ?? 'not run')),
  ]);
  const footnotes = notes.map((note, index) => `${index + 1}. ${inOneLine(note)}`);
  const shownTable = table(['', ...columns.map(({ version }) => version)], cells);
  return [shownTable, ...(footnotes.length === 0 ? [] : ['', ...footnotes])].join('\n');
}

function saidTables(columns: readonly Column[]): string[] {
  return (Object.keys(kinds) as Kind[]).flatMap((kind) => {
    const words = [...new Set(columns.flatMap(({ said }) => [...said[kind]]))].toSorted();
    const isOfAll = (word: string): boolean => columns.every(({ said }) => said[kind].has(word));
    const some = words.filter((word) => !isOfAll(word));
    const all = words.filter(isOfAll).join(', ');
    const heading = `${kinds[kind]}, of all: ${all === '' ? 'none' : all}.`;
    if (some.length === 0) return [heading];
    const cells = some.map((word) => [word, ...columns.map(({ said }) => (said[kind].has(word) ? 'x' : ''))]);
    return [heading, table(['of some', ...columns.map(({ version }) => version)], cells)];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim();
}

/**
 * `node dist/test/interop/matrix.js FOLDER ...`: each family of commands on masters of several versions of Cyrus, whose
 * programs, sync_client among them, are (or are linked) in a folder each; `debian` for the installed one. Writes the tables
 * of docs/reference/interop.md.
 *
 * A cell is `ok` where the real sync_client was content, every record of ours is the master's by UID, flags, modseq, date and SHA-1
 * of the message, and one more sync_client -A, which compares its CRCs with ours, finds nothing to send.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Family } from './family.ts';
import { loginFamilies } from './loginFamilies.ts';
import { mailFamilies } from './mailFamilies.ts';
import { listenTo, nothingSaid } from './said.ts';
import { restoreFamilies } from './restoreFamilies.ts';
import { Site } from './site.ts';
import { tablesOf, withTables, type Column } from './tables.ts';
import { userFamilies } from './userFamilies.ts';

const PAGE = 'docs/reference/interop.md';
const families: readonly Family[] = [...mailFamilies, ...userFamilies, ...loginFamilies, ...restoreFamilies];

async function column(bin: string | undefined): Promise<Column> {
  const cells = new Map<string, string>();
  const said = nothingSaid();
  const site = await Site.start(bin);
  try {
    const version = await site.master.version();
    for (const family of families) {
      const own = family.own === undefined ? undefined : await Site.start(bin, family.own);
      const outcome = await cell(own ?? site, family);
      process.stderr.write(`${version}: ${family.name}: ${outcome}\n`);
      cells.set(family.name, outcome);
      if (own === undefined) continue;
      await listenTo(own, said);
      await own.stop();
    }
    await listenTo(site, said);
    return { version, cells, said };
  } finally {
    await site.stop();
  }
}

async function cell(site: Site, family: Family): Promise<string> {
  try {
    const word = await family.run(site);
    const found = await site.differences();
    if (found.length === 0) return word === undefined ? 'ok' : `ok, ${word}`;
    const later = await site.differences();
    if (later.length > 0) return shortly(later);
    return `ok after one more run, which sends ${shortly(found)}`;
  } catch (error) {
    return error instanceof Error ? error.message.slice(0, 400) : String(error);
  }
}

withTables(readFileSync(PAGE, 'utf8'), ''); // throws now, where it has no place for tables
/** Commands by their verb and mailbox, without their many keys. */
function shortly(found: readonly string[]): string {
  const commands = found.map((line) => {
    const [, verb, name] = /^(APPLY \S+) %\(.*?MBOXNAME (\S+)/.exec(line) ?? [];
    return verb === undefined ? line.slice(0, 100) : `${verb} ${name}`;
  });
  const first = commands
    .filter((line) => line.startsWith('APPLY '))
    .map((line) => line.replace(/: OK .*/, ''));
  return (first.length > 0 ? first.slice(0, 5) : commands.slice(0, 3)).join('; ');
}

const columns: Column[] = [];
for (const bin of process.argv.slice(2)) columns.push(await column(bin === 'debian' ? undefined : bin));
const rows = families.map(({ name }) => name);
writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8'), tablesOf(columns, rows)));

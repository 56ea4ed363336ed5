/**
 * `node dist/test/interop/matrix.js VERSION=FOLDER ... > table.md`: each family of commands on masters of several versions of
 * Cyrus, whose programs are in a folder each; `debian` for the installed one. A cell is `ok` where the real sync_client was
 * content, every record and every CRC of ours is the master's, and another sync_client found nothing to send.
 */
import { BackupServer } from '../support/backupdDaemon.ts';
import { differences } from '../support/convergence.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { LoggingProxy } from '../support/proxy.ts';
import { families, type Family, type Site } from './families.ts';

interface Column {
  readonly version: string;
  /** By family. */
  readonly cells: Map<string, string>;
}

async function column(version: string, bin: string | undefined): Promise<Column> {
  const cells = new Map<string, string>();
  const extraConf = 'allowusermoves: yes\nsync_timeout: 60\n';
  const master = await CyrusMaster.start(bin === undefined ? { extraConf } : { extraConf, bin });
  const backup = await BackupServer.start();
  const site = { master, backup, users: [], sync: (...args: string[]) => sync(master, backup, args) };
  try {
    for (const family of families) {
      const said = await cell(site, family);
      process.stderr.write(`${version}: ${family.name}: ${said}\n`);
      cells.set(family.name, said);
    }
  } finally {
    await Promise.all([master.stop(), backup.stop()]);
  }
  return { version, cells };
}

async function cell(site: Site, family: Family): Promise<string> {
  try {
    await family.run(site);
    const found = await differences(site.master, site.backup, site.users);
    if (found.length === 0) return 'ok';
    const second = await differences(site.master, site.backup, site.users);
    return second.length === 0 ? 'ok after the next run' : second.join('; ').slice(0, 600);
  } catch (error) {
    return (error as Error).message.split('\n').slice(0, 3).join(' ').slice(0, 300);
  }
}

/** Runs it content: exit code 0. What was refused meanwhile may be asked for again (IMAP_SYNC_CHECKSUM). */
async function sync(master: CyrusMaster, backup: BackupServer, args: readonly string[]): Promise<void> {
  const proxy = await LoggingProxy.start(backup.address.port);
  try {
    const { code, stdout, stderr } = await master.syncClient(args, { ...backup.address, port: proxy.port });
    const refused = (await proxy.take())
      .filter(({ reply }) => !/^(OK|NO IMAP_SYNC_CHECKSUM)/.test(reply ?? ''))
      .map(({ command, reply }) => `${command.slice(0, 80)}: ${reply}`);
    if (code !== 0) throw new Error(`sync_client ${args.join(' ')}: ${code} ${stderr}${stdout}`);
    if (refused.length > 0) throw new Error(`refused: ${refused.join('; ')}`);
  } finally {
    await proxy.stop();
  }
}

function table(columns: readonly Column[]): string {
  const notes: string[] = [];
  const shown = (said: string): string => {
    if (said.startsWith('ok')) return said;
    if (!notes.includes(said)) notes.push(said);
    return `[${notes.indexOf(said) + 1}]`;
  };
  const rows = families.map(({ name }) => {
    const cells = columns.map(({ cells: of }) => shown(of.get(name) ?? 'not run'));
    return `| ${name} | ${cells.join(' | ')} |`;
  });
  const head = `| | ${columns.map(({ version }) => version).join(' | ')} |`;
  const rule = `| --- |${columns.map(() => ' --- |').join('')}`;
  const footnotes = notes.map((note, index) => `${index + 1}. ${note}`);
  return [head, rule, ...rows, '', ...footnotes].join('\n');
}

const columns: Column[] = [];
for (const argument of process.argv.slice(2)) {
  const [version = '', bin] = argument.split('=');
  try {
    columns.push(await column(version, bin === 'debian' ? undefined : bin));
  } catch (error) {
    process.stderr.write(`${version}: ${(error as Error).message}\n`);
    const said = `the master did not start: ${(error as Error).message.slice(0, 200)}`;
    columns.push({ version, cells: new Map(families.map(({ name }) => [name, said])) });
  }
}
process.stdout.write(`${table(columns)}\n`);

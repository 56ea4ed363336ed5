/**
 * A typical mistake of an administrator, with the exit code and the message that must answer it.
 * The message is exact: DIR stands for the site's folder, ... for what differs from run to run.
 */
import { spawnSync } from 'node:child_process';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runCtlBackups } from '../../../src/cli/ctl_backups/main.ts';
import { runCyrBackup } from '../../../src/cli/cyr_backup/main.ts';
import { runCyrusBackups } from '../../../src/cli/cyrus-backups/main.ts';
import { runRestore } from '../../../src/cli/restore/main.ts';
import { Capture } from '../../backup/sampleBackup.ts';
import type { SampleSite } from '../../backup/sampleBackup.ts';

export interface Mistake {
  /** The command line, without -C, which the test adds; DIR stands for the site's folder. */
  readonly types: string;
  readonly code: number;
  /** Standard error; or what stands on standard output, if standard error is empty. */
  readonly says: string;
  /** Makes the mistake that is not on the command line. */
  readonly prepare?: (site: SampleSite) => void;
  readonly stdin?: string;
  /** True if the command line names its own configuration. */
  readonly hasOwnConfig?: true;
}

/** Splits a command line at blanks; '...' keeps them. */
function wordsOf(line: string): string[] {
  return (line.match(/'[^']*'|[^\s']+/g) ?? []).map((word) => word.replaceAll("'", ''));
}

interface Answer {
  readonly code: number | null;
  readonly err: string;
}

export async function answerTo(mistake: Mistake, site: SampleSite): Promise<Answer> {
  const [program = '', ...words] = wordsOf(mistake.types.replaceAll('DIR', site.folder));
  const config = mistake.hasOwnConfig === true ? [] : ['-C', site.config];
  // The subcommand of cyrus-backups comes first.
  const argv =
    program === 'cyrus-backups'
      ? [...words.slice(0, 1), ...config, ...words.slice(1)]
      : [...config, ...words];
  const { code, err } = await run(program, argv, mistake.stdin ?? '');
  // Times, and the ends of data files' names, differ from run to run.
  return {
    code,
    err: err
      .replaceAll(site.folder, 'DIR')
      .replaceAll(/_[A-Za-z0-9]{6}\b/g, '_...')
      .replaceAll(/^time=\S+ /gm, ''),
  };
}

async function run(program: string, argv: readonly string[], stdin: string): Promise<Answer> {
  const io = new Capture();
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      io.stdout.write(chunk);
      done();
    },
  });
  const all = { stdout, stderr: io.stderr, stdin: Readable.from([Buffer.from(stdin)]) };
  // Some commands report each backup on standard output.
  if (program === 'ctl_backups') {
    const code = await runCtlBackups(argv, all);
    return { code, err: io.err === '' ? io.out : io.err };
  }
  if (program === 'cyr_backup') return { code: await runCyrBackup(argv, all), err: io.err };
  if (program === 'restore') return { code: await runRestore(argv, all), err: io.err };
  if (program === 'cyrus-backups' && argv[0] !== 'mount') {
    return { code: await runCyrusBackups(argv, all), err: io.err };
  }
  return runProcess(program, argv, stdin);
}

/** A program that would keep running is ended after some seconds; its code is then null. */
function runProcess(program: string, argv: readonly string[], stdin: string): Answer {
  const path = fileURLToPath(new URL(`../../../bin/${program}`, import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [path, ...argv], {
    encoding: 'utf8',
    input: stdin,
    timeout: 20_000,
  });
  return { code: status, err: stderr };
}

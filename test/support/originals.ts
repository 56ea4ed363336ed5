/**
 * Runs the original tools (Debian's) over a COPY of a data file, to check that they can read ours.
 * They get a configuration, a partition and a backups.db with that one backup, made with their own
 * cyr_dbtool.
 *
 * Debian's build cannot read literals in a data file at all: its backport of CVE-2024-34055 dropped
 * prot_setisclient from the backup readers. So it can check only data without literals.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asCyrus, CYRUS_BIN, cyrusEnv, giveToCyrus } from './cyrus.ts';
import { makeFolder, run, type Outcome } from './machine.ts';

export class OriginalTools {
  readonly #folder: string;
  readonly #user: string;

  private constructor(folder: string, user: string) {
    this.#folder = folder;
    this.#user = user;
  }

  /** Copies the data file; with `withIndex` also the index, if there is one. */
  static async over(user: string, dataFile: string, { withIndex = false } = {}): Promise<OriginalTools> {
    const folder = makeFolder('originals');
    for (const name of ['conf', 'tmp', 'part']) mkdirSync(join(folder, name));
    const copy = join(folder, 'part', `${user}_COPY01`);
    copyFileSync(dataFile, copy);
    if (withIndex && existsSync(`${dataFile}.index`)) copyFileSync(`${dataFile}.index`, `${copy}.index`);
    const conf = [
      `configdirectory: ${folder}/conf`,
      'defaultpartition: default',
      `partition-default: ${folder}/part`,
      `backuppartition-default: ${folder}/part`,
      `temp_path: ${folder}/tmp`,
      'servername: backup.example',
      'unixhierarchysep: on',
      'virtdomains: userid',
      'defaultdomain: internal.example',
    ];
    writeFileSync(join(folder, 'imapd.conf'), `${conf.join('\n')}\n`);
    giveToCyrus(folder);
    const tools = new OriginalTools(folder, user);
    const args = [
      '-n',
      '-C',
      join(folder, 'imapd.conf'),
      join(folder, 'conf/backups.db'),
      'twoskip',
      'set',
      user,
      copy,
    ];
    const { code, stderr } = await tools.#run('cyr_dbtool', args);
    if (code !== 0) throw new Error(`cyr_dbtool: ${stderr}`);
    return tools;
  }

  /**
   * Runs `ctl_backups -v COMMAND -u USER`: verify, reindex, list, stat or compact. Exit code 0
   * means success, 75 failure.
   */
  ctlBackups(command: string): Promise<Outcome> {
    return this.#run('ctl_backups', [
      '-C',
      join(this.#folder, 'imapd.conf'),
      '-v',
      command,
      '-u',
      this.#user,
    ]);
  }

  /** Runs `cyr_backup -u USER ARGS`, such as `json mailboxes`. */
  cyrBackup(...args: string[]): Promise<Outcome> {
    return this.#run('cyr_backup', ['-C', join(this.#folder, 'imapd.conf'), '-u', this.#user, ...args]);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #run(tool: string, args: string[]): Promise<Outcome> {
    return run(...asCyrus(`${CYRUS_BIN}/${tool}`, args), { env: cyrusEnv });
  }
}

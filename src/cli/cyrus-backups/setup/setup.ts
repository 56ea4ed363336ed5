/**
 * `cyrus-backups setup`: makes a backup server ready in one run: configuration, folders, the
 * password of masters, a test, and what to put on the masters.
 *
 * What is there already stays as it is, so that a second run changes nothing. A configuration that
 * differs is shown as a difference. It is replaced only after a yes on a terminal, or with --force.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../../../config/imapdConf.ts';
import { PasswordFile, setPassword } from '../../../config/passwordFile.ts';
import { BackupError } from '../../../errors.ts';
import { asOwnerOf } from '../../../fs/actAsOwner.ts';
import { lstatOf, readTextFile } from '../../../fs/inspect/look.ts';
import { makeOwnedFolder } from '../../../fs/owners/ownedFiles.ts';
import type { Parsed } from '../../common/commandLine/parse.ts';
import { runProgram } from '../../common/run.ts';
import { readLine } from '../passwd.ts';
import type { PasswdIo } from '../passwd.ts';
import { setupProgram } from '../programs/setup.ts';
import { configChange, presentConfig, writeConfig } from './configFile.ts';
import type { ConfigChange } from './configFile.ts';
import { testLogin } from './loginTest.ts';
import { masterText } from './masterLines.ts';
import { configPath, makePlan } from './plan.ts';
import type { Plan, SetupValues } from './plan.ts';
import { Questions } from './questions.ts';

/** Resolves to the exit code. `argv` holds the arguments after `setup`. */
export function runSetup(argv: readonly string[], io: PasswdIo): Promise<number> {
  return runProgram(setupProgram, argv, io, (parsed) => setUp(parsed, io));
}

/** Resolves to the exit code. Throws a BackupError; what was done until then stays. */
export async function setUp(
  { values }: Parsed<(typeof setupProgram)['options']>,
  io: PasswdIo,
): Promise<number> {
  const questions = new Questions(io);
  const file = configPath(values);
  const present = presentConfig(file);
  if (questions.canAsk) io.stdout.write(`Setting up ${file}. Enter takes the answer in brackets.\n\n`);
  const plan = await makePlan(values, file, present, questions);
  const change = configChange(plan);
  await requireConsent(plan, change, values, questions, io);
  const password = await passwordOf(plan, values, present.config, questions, io);
  if (values.isDryRun) {
    describe(plan, change, password, io);
    return 0;
  }
  await makeFolders(plan, io);
  const aside = writeConfig(plan, change);
  io.stdout.write(wroteText(plan, change, aside));
  await storePassword(plan, password, io);
  if (!values.skipsTest) io.stdout.write(`tested: ${await testLogin(plan, password.text)}\n`);
  io.stdout.write(nextText(plan));
  io.stdout.write(masterText(plan));
  if (password.isMadeUp)
    io.stdout.write(`\nTHE PASSWORD is ${password.text ?? ''}\nIt is shown this once only.\n`);
  return 0;
}

/** Throws 'refused' if a configuration would be replaced, and nobody has allowed that. */
async function requireConsent(
  plan: Plan,
  change: ConfigChange,
  values: SetupValues,
  questions: Questions,
  io: PasswdIo,
): Promise<void> {
  if (change.kind !== 'replaced') return;
  io.stdout.write(`${plan.file} would change:\n${change.differences.map((line) => `  ${line}\n`).join('')}`);
  if (values.isForced || values.isDryRun) return;
  if (await questions.confirm('Replace it? The former file is kept.')) return;
  const text = `${plan.file} is there, and differs: nothing was changed: --force replaces it and keeps the former file`;
  throw new BackupError('refused', text, { subject: plan.file });
}

interface Password {
  /** undefined: one was set before, and is not known. */
  readonly text: string | undefined;
  readonly isSet: boolean;
  readonly isMadeUp: boolean;
}

const passwdFileOf = ({ state }: Plan, present: Config | undefined): string =>
  present?.backup_passwd_file ?? join(state, 'backup.passwd');

/** Finds the password to set. Throws 'usage' if there is none, 'refused' if another one is set. */
async function passwordOf(
  plan: Plan,
  values: SetupValues,
  present: Config | undefined,
  questions: Questions,
  io: PasswdIo,
): Promise<Password> {
  const path = passwdFileOf(plan, present);
  const given = values.passwordFile === undefined ? undefined : await readPassword(values.passwordFile, io);
  const known = await asOwnerOf([plan.state, path], async () => storedPassword(path, plan.admin, given));
  if (known === 'same') return { text: given, isSet: true, isMadeUp: false };
  if (known === 'other' && !values.isForced) {
    if (given === undefined) return { text: undefined, isSet: true, isMadeUp: false };
    const cure = `--force sets this one, and masters must be told; so does cyrus-backups passwd ${plan.admin}`;
    throw new BackupError('refused', `another password is set for ${plan.admin} in ${path}: ${cure}`);
  }
  if (given !== undefined) return { text: given, isSet: false, isMadeUp: false };
  if (known === 'other') return { text: undefined, isSet: true, isMadeUp: false };
  if (values.isDryRun) return { text: undefined, isSet: false, isMadeUp: false };
  if (!questions.canAsk) {
    throw new BackupError(
      'usage',
      `no password for ${plan.admin}: give --password-file FILE, or - for standard input`,
    );
  }
  const typed = await questions.askPassword(`Password for ${plan.admin} (Enter makes one up)`);
  const text = typed === '' ? randomBytes(18).toString('base64url') : typed;
  return { text, isSet: false, isMadeUp: typed === '' };
}

async function storedPassword(
  path: string,
  admin: string,
  given: string | undefined,
): Promise<'none' | 'same' | 'other'> {
  if (lstatOf(path) === undefined) return 'none';
  const file = new PasswordFile(path);
  if (file.lookup(admin) === null) return 'none';
  return given !== undefined && (await file.verify(admin, given)) ? 'same' : 'other';
}

async function readPassword(path: string, io: PasswdIo): Promise<string> {
  const line = path === '-' ? await readLine(io) : (readTextFile(path).split('\n')[0] ?? '');
  if (line === '') throw new BackupError('usage', `--password-file ${path}: the first line is empty`);
  return line;
}

async function makeFolders({ state, partition, account }: Plan, io: PasswdIo): Promise<void> {
  for (const path of [state, partition]) {
    const isNew = await makeOwnedFolder(path, account);
    io.stdout.write(`${isNew ? 'made' : 'unchanged'}: ${path}\n`);
  }
}

function wroteText({ file }: Plan, change: ConfigChange, aside: string | undefined): string {
  if (change.kind === 'none') return `unchanged: ${file}\n`;
  return `wrote: ${file}${aside === undefined ? '' : ` (the former one is ${aside})`}\n`;
}

async function storePassword(plan: Plan, { text, isSet }: Password, io: PasswdIo): Promise<void> {
  const path = passwdFileOf(plan, presentConfig(plan.file).config);
  if (!isSet && text !== undefined) {
    await asOwnerOf([plan.state], () => setPassword(path, plan.admin, text));
    io.stdout.write(`set: the password of ${plan.admin}, in ${path}\n`);
  } else io.stdout.write(`unchanged: the password of ${plan.admin}, in ${path}\n`);
}

function describe(plan: Plan, change: ConfigChange, password: Password, io: PasswdIo): void {
  const folders = [plan.state, plan.partition].filter((path) => lstatOf(path) === undefined);
  const lines = [
    ...folders.map((path) => `would make ${path}, for ${plan.account.name}`),
    ...(change.kind === 'none' ? [] : [`would write ${plan.file}`]),
    ...(password.isSet ? [] : [`would set the password of ${plan.admin}`]),
  ];
  io.stdout.write(lines.length === 0 ? 'nothing to do\n' : lines.map((line) => `${line}\n`).join(''));
  if (change.kind === 'new') io.stdout.write(`\n${change.text}`);
}

function nextText({ file, account }: Plan): string {
  const isRoot = process.geteuid?.() === 0;
  const byHand = isRoot ? `setpriv --reuid ${account.name} --regid ${account.gid} --init-groups ` : '';
  return `
Start it: systemctl enable --now backupd, or without systemd: ${byHand}backupd -C ${file}
Look at it: cyrus-backups check -C ${file}
`;
}

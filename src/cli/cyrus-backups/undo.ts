/** `cyrus-backups undo SERVER USER --between T1 T2`: prints a plan, then does it. */
import { openCatalog } from '../common/select.ts';
import { loginOf } from '../common/commandLine/loginOptions.ts';
import { loadConfig } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError } from '../../errors.ts';
import { nowSeconds, parsePast, timestampText } from '../../mailbox/timestamp.ts';
import { UNDO_KINDS, undoUser } from '../../proof/undo/undoUser.ts';
import type { UndoKind, UndoStep } from '../../proof/undo/undoUser.ts';
import { parseAddress } from '../../restore/connection/address.ts';
import { SyncClient } from '../../restore/cyrus/syncClient.ts';
import type { Parsed } from '../common/commandLine/parse.ts';
import { wrongUsage } from '../common/commandLine/parse.ts';
import { writeJson } from '../common/json.ts';
import { TRY_AGAIN } from '../common/exitCodes.ts';
import { bytesOf, textOf } from '../common/text.ts';
import { clientOptions } from '../restore/connect.ts';
import type { PasswdIo } from './passwd.ts';
import { undoProgram } from './programs/undo.ts';

/**
 * Resolves to the exit code: 0, 64 usage, 66 if the backup does not know the first time, 75 if a
 * step failed, 77 wrong password, 78 configuration.
 */
export async function undoChanges(
  { values, operands }: Parsed<(typeof undoProgram)['options']>,
  io: PasswdIo,
): Promise<number> {
  const [server = '', user = ''] = operands;
  const [from, to] = spanOf(values.between);
  const only = kindsIn(values.only);
  const config = loadConfig(values.config);
  const path = dataFileOf(config, user);
  const address = parseAddress(server);
  const login = { ...loginOf(values), compress: false, timeoutSeconds: values.timeout };
  const options = await clientOptions(login, config, address, io);
  const run = async (isPlan: boolean): Promise<UndoStep[]> => {
    const client = await SyncClient.connect(address, options);
    const { deletedprefix: deletedPrefix } = config;
    try {
      return await undoUser({ client, userid: bytesOf(user), path, from, to, only, isPlan, deletedPrefix });
    } finally {
      await client.close();
    }
  };
  io.stderr.write(`undo: ${user}: what happened after ${timestampText(from)}, up to ${timestampText(to)}\n`);
  const plan = await run(true);
  const isOver = values.isDryRun || plan.length === 0;
  if (!values.json) io.stdout.write(linesOf(plan, 'would be done'));
  const steps = isOver ? plan : await run(false);
  if (values.json) writeJson(io, steps.map(withTexts));
  else if (!isOver) io.stdout.write(linesOf(steps, 'done'));
  return steps.some(({ isFailure }) => isFailure) ? TRY_AGAIN : 0;
}

function spanOf(between: readonly [string, string] | undefined): [from: number, to: number] {
  if (between === undefined) throw wrongUsage(undoProgram, '--between TIME TIME is missing');
  const now = nowSeconds();
  const [from, to] = between.map((text) => parsePast(text, now, '--between')) as [number, number];
  if (from >= to) throw wrongUsage(undoProgram, '--between: the first time must be before the second');
  return [from, to];
}

function kindsIn(text: string): ReadonlySet<UndoKind> {
  const kinds = new Set<UndoKind>();
  for (const word of text.split(',')) {
    const kind = UNDO_KINDS.find((each) => each === word.trim());
    if (kind === undefined)
      throw wrongUsage(undoProgram, `--only: ${JSON.stringify(word)} is none of ${UNDO_KINDS.join(', ')}`);
    kinds.add(kind);
  }
  return kinds;
}

function dataFileOf(config: Config, user: string): string {
  const catalog = openCatalog(config);
  try {
    const path = catalog.find(bytesOf(user));
    if (path === null)
      throw new BackupError('not-found', `${user}: not found in backups.db`, { subject: user });
    return path;
  } finally {
    catalog.close();
  }
}

function withTexts({ kind, mailbox, text, isFailure }: UndoStep): object {
  return {
    kind,
    mailbox: mailbox === undefined ? undefined : textOf(mailbox),
    text: textOf(text),
    failed: isFailure,
  };
}

function linesOf(steps: readonly UndoStep[], what: string): string {
  if (steps.length === 0) return 'nothing to take back\n';
  const lines = steps.map(({ kind, mailbox, text, isFailure }) => {
    const place = mailbox === undefined ? '' : `${textOf(mailbox)}: `;
    return `  ${isFailure ? 'failed ' : ''}${kind.padEnd(8)}${place}${textOf(text)}\n`;
  });
  return `${what}:\n${lines.join('')}`;
}

/**
 * `restore [options] server [mode] backup [mboxname | uniqueid | guid]...`: restores mail and
 * everything else from backups, to a Cyrus server or, with --to, to another destination. Users are
 * restored in parallel. Each failure is reported, and the remaining work continues.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupError, exitCodeOf, messageOf } from '../../errors.ts';
import { loadConfig } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { countFailures, failUser, newUser } from '../../restore/report/outcome.ts';
import type { UserOutcome } from '../../restore/report/outcome.ts';
import { restoreUser } from '../../restore/restoreUser.ts';
import { intoLevels } from '../../restore/select/targetName.ts';
import { runInParallel } from '../../restore/parallel.ts';
import { timestampText } from '../../mailbox/timestamp.ts';
import { TRY_AGAIN, worse } from '../common/exitCodes.ts';
import { runProgram } from '../common/run.ts';
import { internalOf, selectTargets } from '../common/select.ts';
import type { FoundTarget } from '../common/select.ts';
import { openerFor } from './connect.ts';
import type { Opener, RestoreIo } from './connect.ts';
import { interpretRestore } from './options.ts';
import { restore } from './program/program.ts';
import type { RestoreArguments } from './options.ts';
import { RestoreProgress, writeReport } from './report.ts';
import { processIo } from '../common/standardOutput.ts';

export function main(args: string[]): Promise<number> {
  return runRestore(args, processIo);
}

/** Resolves to the exit code (src/cli/common/exitCodes.ts). */
export function runRestore(argv: readonly string[], io: RestoreIo): Promise<number> {
  return runProgram(restore, argv, io, async (line) => {
    const args = interpretRestore(line, Math.floor(Date.now() / 1000));
    const config = loadConfig(args.config);
    if (args.waitSeconds > 0) await sleep(args.waitSeconds * 1000);
    if (args.time !== null) io.stderr.write(`restore: as of ${timestampText(args.time)}\n`);
    const opener = await openerFor(args, config, io);
    let users: UserOutcome[];
    try {
      users = await restoreAll(args, config, opener, io);
    } catch (error) {
      opener.abandon?.();
      throw error;
    }
    await opener.finish();
    // If an archive is written to standard output, the report goes to standard error.
    const report = /^(?:tar|zip):-$/.test(args.destination) ? { stdout: io.stderr, stderr: io.stderr } : io;
    writeReport(report, users, {
      isPlan: args.isPlan,
      isJson: args.isJson,
      withTable: args.isPlan || args.verbose > 0,
    });
    return users.map(exitCodeOfUser).reduce(worse, 0);
  });
}

async function restoreAll(
  args: RestoreArguments,
  config: Config,
  opener: Opener,
  io: RestoreIo,
): Promise<UserOutcome[]> {
  const progress = new RestoreProgress(io, {
    isTerminal: process.stderr.isTTY && !args.isJson,
    isQuiet: args.isPlan || args.isJson,
  });
  const naming = {
    mailbox: args.mailbox === undefined ? undefined : internalOf(args.mailbox, config),
    into: intoLevels(args.into, new Date()),
    keepsDeleted: args.keepsDeleted,
    deletedPrefix: config.deletedprefix,
  };
  /** Set once the server is found to be away: then no further user is tried. */
  let away: BackupError | undefined;
  const left: string[] = [];
  const one = async (target: FoundTarget): Promise<UserOutcome | undefined> => {
    try {
      if (away === undefined) return await restoreOne(target);
    } catch (error) {
      if (!(error instanceof BackupError) || error.kind !== 'unreachable') throw error;
      away = error;
    }
    left.push(target.label);
    return undefined;
  };
  const restoreOne = ({ userid, path, label }: FoundTarget): Promise<UserOutcome> => {
    const name = userid ?? label;
    return restoreUser({
      userid,
      path,
      time: args.time,
      selection: {
        objects: args.objects.map((object) => objectOf(object, config)),
        isRecursive: args.isRecursive,
        withDeleted: args.withDeleted,
        expunged: args.expunged,
        filter: args.filter,
        between: args.between,
        deletedPrefix: config.deletedprefix,
        mailOnly: !args.isCyrus && !args.allTypes,
      },
      naming,
      what: args.what,
      open: (owner) => opener.open(owner, (outcome) => progress.update(name, outcome)),
      onStart: (messages) => progress.expect(messages),
      onMailbox: (outcome) => progress.finish(name, outcome),
    });
  };
  const users: UserOutcome[] = [];
  const found: FoundTarget[] = [];
  const paths = new Set<string>();
  for (const { userid, path, label, fault } of selectTargets(config, args.mode, args.backups)) {
    if (path !== null) {
      // A backup that is named twice is restored once.
      if (!paths.has(path)) found.push({ userid, path, label });
      paths.add(path);
    } else {
      const user = newUser(label);
      failUser(user, fault === undefined ? 'no-user' : 'damaged', fault ?? 'no such backup');
      users.push(user);
    }
  }
  // All users of an archive write to one stream, so they are restored one after another.
  const jobs = /^(?:tar|zip):/.test(args.destination) ? 1 : args.jobs;
  const restored = await runInParallel(found, jobs, one);
  progress.end();
  if (away !== undefined) users.push(notRestored(away, left));
  return [...users, ...restored.filter((user) => user !== undefined)];
}

const NAMES_TOLD = 5;

/** One outcome for all users that were not restored because the server is away. */
function notRestored(error: BackupError, labels: readonly string[]): UserOutcome {
  const names = labels.slice(0, NAMES_TOLD).join(', ');
  const more = labels.length > NAMES_TOLD ? `, and ${labels.length - NAMES_TOLD} more users` : '';
  const user = newUser(`${names}${more}`);
  failUser(user, error.kind, `not restored: ${messageOf(error)}: run it again when the server answers`);
  return user;
}

/** What could not be restored of a mailbox, or in a mailbox, is worth another try. */
function exitCodeOfUser(user: UserOutcome): number {
  const isPartial = countFailures(user) > user.failures.length;
  return user.kinds.map((kind) => exitCodeOf[kind]).reduce(worse, isPartial ? TRY_AGAIN : 0);
}

function objectOf(object: string, config: Config): string {
  if (/^[0-9a-f]{40}$/i.test(object) || /^[0-9a-z]{24}$/.test(object) || /^[0-9a-f-]{36}$/i.test(object))
    return object;
  return internalOf(object, config);
}

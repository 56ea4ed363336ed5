/**
 * `restore [options] server [mode] backup [mboxname | uniqueid | guid]...`: restores mail and
 * everything else from backups, to a Cyrus server or, with --to, to another destination. Users are
 * restored in parallel. Each failure is reported, and the remaining work continues.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { countFailures, newUser } from '../../restore/report/outcome.ts';
import type { UserOutcome } from '../../restore/report/outcome.ts';
import { restoreUser } from '../../restore/restoreUser.ts';
import { intoLevels } from '../../restore/select/targetName.ts';
import { runInParallel } from '../../restore/parallel.ts';
import { timestampText } from '../../mailbox/timestamp.ts';
import { BACKUP_FAILED, runProgram } from '../common/run.ts';
import { internalOf, selectTargets } from '../common/select.ts';
import type { FoundTarget } from '../common/select.ts';
import { bytesOf } from '../common/text.ts';
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

/**
 * Resolves to the exit code:
 * - 0: success
 * - 64: usage
 * - 75: something failed
 * - 77: wrong password
 * - 78: configuration
 */
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
    return users.some((user) => countFailures(user) > 0) ? BACKUP_FAILED : 0;
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
    mailbox: args.mailbox === undefined ? undefined : internalMailbox(args.mailbox, config),
    into: intoLevels(args.into, new Date()),
    keepsDeleted: args.keepsDeleted,
    deletedPrefix: config.deletedprefix,
  };
  const one = ({ userid, path, label }: FoundTarget): Promise<UserOutcome> => {
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
    } else users.push({ ...newUser(label), failures: [fault ?? 'no such backup'] });
  }
  // All users of an archive write to one stream, so they are restored one after another.
  const jobs = /^(?:tar|zip):/.test(args.destination) ? 1 : args.jobs;
  const restored = await runInParallel(found, jobs, one);
  progress.end();
  return [...users, ...restored];
}

/** Accepts an administrator's name or, like the original's -M, an internal one. */
function internalMailbox(name: string, config: Config): string {
  return /^user\.|^DELETED\.|!/.test(name) ? bytesOf(name) : internalOf(name, config);
}

function objectOf(object: string, config: Config): string {
  if (/^[0-9a-f]{40}$/i.test(object) || /^[0-9a-z]{24}$/.test(object) || /^[0-9a-f-]{36}$/i.test(object))
    return object;
  return internalMailbox(object, config);
}

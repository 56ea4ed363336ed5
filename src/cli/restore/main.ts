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
import { BACKUP_FAILED, guarded } from '../common/run.ts';
import { DEFAULT_CONFIG } from '../common/catalogOptions.ts';
import { internalOf, selectTargets } from '../common/select.ts';
import type { FoundTarget } from '../common/select.ts';
import { bytesOf } from '../common/text.ts';
import { openerFor } from './connect.ts';
import type { Opener, RestoreIo } from './connect.ts';
import { interpretRestore } from './options.ts';
import type { RestoreArguments } from './options.ts';
import { RestoreProgress, writeReport } from './report.ts';
import { processIo } from '../common/standardOutput.ts';

const USAGE = `usage: restore [options] server [mode] backup [mboxname | uniqueid | guid]...
       restore [options] --to DESTINATION [mode] backup [mboxname | uniqueid | guid]...

The server is a Cyrus server, imapd or sync_server: HOST, HOST:PORT, imap://, imaps:// or csync://[USER@]HOST[:PORT].

What is restored:
  -a               all mailboxes
  -D               deleted mailboxes too, under their names with the deleted prefix
  --deleted        deleted mailboxes too, under the names that they had
  --all-types      with --to: calendars, address books and others without mail, too
  -F FILE          read mailboxes and messages from FILE, one a line
  -r               mailboxes below those named, too
  -x               only expunged messages
  -X               no expunged messages (default)
  --expunged       expunged messages, too
  --uid LIST       only these UIDs (1,5:9)
  --from TEXT      only messages whose From holds TEXT
  --subject TEXT   only messages whose Subject holds TEXT
  --since TIME     only messages that came at TIME or later
  --before TIME    only messages that came before TIME
  --at TIME        all as it was then (2026-11-20T12:00:00Z, 2026-11-20, yesterday, 2h)
  --between T1 T2  what was deleted between two times
  --flags-only     flags and seen state, on messages that are there
  --what LIST      of mail,flags,seen,sieve,subs,quota,annotations,acl (default: all)

Where and how:
  --to DESTINATION  instead of a Cyrus server: imap:// or imaps://[USER@]HOST[:PORT] (any IMAP server),
                   maildir:DIR, mbox:DIR, tar:FILE, zip:FILE (- for standard output)
  -A [ACL]         give restored mailboxes this ACL
  -L               change this server only, not mupdate
  -M MAILBOX       restore into this mailbox
  -P PARTITION     make mailboxes on this partition
  -U               make mailboxes exactly as they were: UIDs, flags, checksums
  --into FOLDER    restore into a folder apart, such as Restored/{date}
  --existing WAY   with what is there: skip (default), copy, replace
  --timeout SECONDS  how long the server may be silent when it owes an answer (default 300)
  --jobs N         so many users at a time (default 4)
  -n               show what would be done, and do nothing
  -v               show each mailbox's figures at the end
  --json           report as JSON
  -w SECONDS       wait before starting
  -z               compress, and give up where the server cannot
  --user NAME      log in as NAME (default: restore_authname)
  --password-file FILE  whose first line is the password
  --tls-ca FILE    certificates that vouch for the server
  --tls-no-verify  take any certificate
  --no-tls         do not use STARTTLS
  -C FILE          configuration (default ${DEFAULT_CONFIG})
  -h, --help       this text

Modes:
  -u USER          the backup of a userid (default); may be given several times
  -m MAILBOX       the backup that a mailbox belongs to
  -f FILE          the backup in a data file
  --domain DOMAIN  all backups of a domain
  --all-users      all backups
`;

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
  return guarded('restore', USAGE, io, async () => {
    if (argv.includes('--help') || argv.includes('-h')) {
      io.stdout.write(USAGE);
      return 0;
    }
    const args = interpretRestore(argv, Math.floor(Date.now() / 1000));
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

/** `cyrus-backups search`: prints the messages that match a query. */
import { loadConfig } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError } from '../../errors.ts';
import { nowSeconds, timestampText } from '../../mailbox/timestamp.ts';
import { messagePaths } from '../../../mount/tree/views/messagePaths.ts';
import type { MessagePaths } from '../../../mount/tree/views/messagePaths.ts';
import { firstMountpoint } from '../../../mount/lifecycle/mountTable.ts';
import { parseQuery } from '../../search/query/parse.ts';
import type { Hit, SearchReport } from '../../search/searchBackup.ts';
import { searchUsers } from '../../search/searchUsers.ts';
import type { SearchedUser } from '../../search/searchUsers.ts';
import type { Parsed } from '../common/commandLine/parse.ts';
import type { Values } from '../common/commandLine/program.ts';
import type { CliIo } from '../common/io.ts';
import { TRY_AGAIN } from '../common/exitCodes.ts';
import { usageError } from '../common/run.ts';
import { isFound, selectTargets } from '../common/select.ts';
import type { Target } from '../common/select.ts';
import { localTime, textOf } from '../common/text.ts';
import type { searchProgram } from './programs/search.ts';

type SearchValues = Values<(typeof searchProgram)['options']>;

/**
 * Resolves to the exit code: 0, also without a hit; 75 if a backup or message could not be
 * searched.
 */
export async function searchMail(
  { values, operands }: Parsed<(typeof searchProgram)['options']>,
  io: CliIo,
): Promise<number> {
  const query = parseQuery(operands.join(' '), nowSeconds());
  const config = loadConfig(values.config);
  const report: SearchReport = { scanned: 0, unreadable: [], cut: 0 };
  let isComplete = true;
  const users = foundUsers(targets(config, values), io, () => (isComplete = false));
  const paths = new Map<string, MessagePaths>();
  const search = {
    query,
    deletedPrefix: config.deletedprefix,
    withText: !values.isCount && !values.isFiles,
    limit: values.limit,
    ...(!values.isCount && {
      onOpen: (userid: string, index: Parameters<typeof messagePaths>[0]) =>
        paths.set(userid, messagePaths(index, userid, query.at, config.deletedprefix)),
    }),
    onFailure: (userid: string, reason: string) => {
      isComplete = false;
      io.stderr.write(`cyrus-backups search: ${textOf(userid)}: ${reason}\n`);
    },
  };
  const mountpoint = values.isFiles ? await mountpointOf(values) : undefined;
  const print = printer(values, mountpoint, io);
  let count = 0;
  for (const hit of searchUsers(users, search, report)) {
    const path = paths.get(hit.userid)?.(hit.mailbox.id, hit.record.uid, hit.isDeleted);
    if (print(hit, path)) count += 1;
    else isComplete = false;
  }
  if (values.isCount) io.stdout.write(`${count}\n`);
  reportGaps(report, io);
  return isComplete && report.unreadable.length === 0 ? 0 : TRY_AGAIN;
}

function targets(config: Config, values: SearchValues): Target[] {
  const { users, domains, isAll } = values;
  if (isAll && users.length + domains.length > 0)
    throw usageError('--all goes with neither --user nor --domain');
  if (isAll) return [...selectTargets(config, 'all', [])];
  if (users.length + domains.length === 0) throw usageError('whose mail? Give --user, --domain or --all');
  return [...selectTargets(config, 'user', users), ...selectTargets(config, 'domain', domains)];
}

function* foundUsers(targets: readonly Target[], io: CliIo, onMissing: () => void): Generator<SearchedUser> {
  for (const target of targets) {
    if (isFound(target, io)) yield { userid: target.userid ?? '', path: target.path };
    else onMissing();
  }
}

async function mountpointOf({ mountpoint }: SearchValues): Promise<string> {
  const found = mountpoint ?? (await firstMountpoint());
  if (found !== undefined) return found.replace(/\/+$/, '');
  throw new BackupError('usage', 'no backups are mounted: mount them, or say where with --mountpoint FOLDER');
}

/** Returns a function that prints a hit. It returns false if there is no path to print. */
function printer(
  values: SearchValues,
  mountpoint: string | undefined,
  io: CliIo,
): (hit: Hit, path: string | undefined) => boolean {
  if (values.isCount) return () => true;
  if (values.json) {
    return (hit, path) => {
      io.stdout.write(`${JSON.stringify(hitObject(hit, path))}\n`);
      return true;
    };
  }
  if (mountpoint === undefined) {
    return (hit, path) => {
      io.stdout.write(`${hitLine(hit, path)}\n`);
      return true;
    };
  }
  return (hit, path) => {
    if (path !== undefined) io.stdout.write(`${mountpoint}/${path}\0`);
    else io.stderr.write(`cyrus-backups search: ${placeOf(hit)}: the mount does not show it\n`);
    return path !== undefined;
  };
}

const placeOf = ({ userid, mailboxText, record }: Hit): string =>
  `${textOf(userid)} ${mailboxText} ${record.uid}`;

function hitObject({ userid, mailboxText, record, isDeleted, text }: Hit, path: string | undefined): object {
  return {
    user: textOf(userid),
    mailbox: mailboxText,
    uid: record.uid,
    guid: record.guid,
    date: timestampText(record.internaldate),
    size: record.size,
    deleted: isDeleted,
    from: text?.fields.from[0],
    subject: text?.fields.subject[0],
    path,
  };
}

/** TAB-separated: a subject or name cannot contain one. */
function hitLine(hit: Hit, path: string | undefined): string {
  const { userid, mailboxText, record, isDeleted, text } = hit;
  return [
    textOf(userid),
    mailboxText,
    `${record.uid}${isDeleted ? ' deleted' : ''}`,
    localTime(record.internaldate),
    text?.fields.from[0] ?? '',
    text?.fields.subject[0] ?? '',
    path ?? '',
  ]
    .map(oneLine)
    .join('\t');
}

/** Mail is hostile: no control character reaches the terminal. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}

function reportGaps({ scanned, unreadable, cut }: SearchReport, io: CliIo): void {
  const note = (text: string): void => void io.stderr.write(`cyrus-backups search: ${text}\n`);
  if (scanned > 0) {
    note(`${scanned} messages were read because no search index has them: see cyrus-backups search-index`);
  }
  for (const guid of new Set(unreadable))
    note(`message ${guid} cannot be read, and may be a hit: see ctl_backups verify`);
  if (cut > 0)
    note(`${cut} messages are too large or too deep to be searched as a whole, and were searched in part`);
}

/**
 * Writes a configuration with comments. The comments come from the table of options, so that they
 * say what the reference says. Options that are not set stand there as comments, if they matter to
 * most sites.
 */
import { KEYS } from '../../../config/keys.ts';
import type { KeySpec } from '../../../config/keySpec.ts';
import type { Setting } from '../../../config/lines.ts';
import type { Plan } from './plan.ts';

const COLUMNS = 98;

/** Options that decide what names mean. They must be equal on the master and here. */
export const SHARED_KEYS: readonly string[] = [
  'unixhierarchysep',
  'altnamespace',
  'virtdomains',
  'defaultdomain',
  'deletedprefix',
];

interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

/**
 * An option. `set` is what setup answers for, `suggested` the value for a file that has none, and
 * without either the option stands there as a comment.
 */
interface Line {
  readonly key: string;
  readonly set?: string | undefined;
  readonly suggested?: string;
}

/** Returns the options that setup answers for, with their values. */
export function wantedSettings(plan: Plan): Map<string, string> {
  const lines = sections(plan).flatMap((section) => section.lines);
  return new Map(lines.flatMap(({ key, set }) => (set === undefined ? [] : [[key, set] as const])));
}

/**
 * `present`: the settings of the file that this text replaces. Those that setup does not answer for
 * are kept.
 */
export function configText(plan: Plan, present: readonly Setting[]): string {
  const before = new Map(present.map(({ key, value }) => [key, value]));
  const all = sections(plan);
  const parts = all.map(({ title, lines }) => {
    const texts = lines.map(({ key, set, suggested }) => entry(key, set ?? before.get(key) ?? suggested));
    return `\n# ${title}\n${texts.join('')}`;
  });
  const shown = new Set(all.flatMap(({ lines }) => lines.map(({ key }) => key)));
  const kept = present.filter(({ key }) => !shown.has(key));
  const rest = kept.length === 0 ? '' : `\n# Kept from the former file.\n\n${kept.map(settingLine).join('')}`;
  return `${HEAD}${parts.join('')}${rest}`;
}

const HEAD = `# Configuration of cyrus-backups, made by cyrus-backups setup. Change it as you like, then run
# "cyrus-backups check". The manual page imapd.conf(5) of Cyrus describes the syntax, and
# docs/reference/configuration.md all options. Lines that begin with #KEY: show defaults.
`;

function sections(plan: Plan): Section[] {
  const shared = new Map(plan.fromMaster.map(({ key, value }) => [key, value]));
  return [
    {
      title: 'Where the backups are',
      lines: [
        { key: 'configdirectory', set: plan.state },
        { key: `backuppartition-${plan.partitionName}`, set: plan.partition },
        { key: 'backup_disk_reserve' },
        { key: 'backup_staging_path', suggested: `${plan.state}/uploads` },
      ],
    },
    {
      title: 'Who may replicate, and where backupd listens',
      lines: [
        { key: 'admins', set: plan.admins },
        { key: 'backup_listen', set: plan.listen.join(' ') },
        { key: 'tls_server_cert', set: plan.tlsCert },
        { key: 'tls_server_key', set: plan.tlsKey },
        plan.tlsCert === undefined ? { key: 'tls_required' } : { key: 'tls_required', suggested: 'yes' },
        { key: 'allowplaintext' },
      ],
    },
    {
      title: 'How long history is kept',
      lines: [
        { key: 'backup_retention', set: plan.retention },
        { key: 'backup_compact_minsize', suggested: '1024' },
        { key: 'backup_keep_previous' },
      ],
    },
    {
      title: 'As on the master: set here what its imapd.conf sets',
      lines: SHARED_KEYS.map((key) => ({ key, set: shared.get(key) })),
    },
    { title: 'The log', lines: [{ key: 'debug' }] },
  ];
}

function entry(key: string, value: string | undefined): string {
  const spec = (KEYS as readonly KeySpec[]).find(({ name }) => name === key);
  const meaning =
    spec?.meaning.replace(/^Ours\. /, '') ??
    'Directory for data files; another backuppartition-NAME is a second one, such as on another disk.';
  const line = value === undefined ? `#${key}: ${spec?.default ?? ''}` : `${key}: ${value}`;
  return `\n${wrapped(meaning)}${line.trimEnd()}\n`;
}

function wrapped(text: string): string {
  const lines = ['#'];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) ?? '';
    if (line.length + 1 + word.length > COLUMNS) lines.push(`# ${word}`);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.map((line) => `${line}\n`).join('');
}

const settingLine = ({ key, value }: Setting): string => `${key}: ${value}\n`;

/**
 * Reads imapd.conf into a plain object. The command line or the daemon reads the file once when it
 * starts, and passes plain options to the other modules.
 *
 * - An unknown option is no error, because the file is shared with Cyrus.
 * - A bad value of a known option is an error that names file, line and option.
 * - An option given twice is an error, too, as in cyrus-imapd lib/libconfig.c.
 * - Loading does not check required options. The code that needs them does, with
 *   requireServerConfig and the like.
 */
import { BackupError } from '../errors.ts';
import { KEYS, type ConfigValues } from './keys.ts';
import type { KeySpec } from './keySpec.ts';
import { configError, readSettings, type Setting } from './lines.ts';
import { parseValue, type ConfigValue } from './values.ts';

const PARTITION_PREFIX = 'backuppartition-';
const CONFIG_DIRECTORY = '{configdirectory}';

export interface Config extends ConfigValues {
  readonly backup_staging_path: string;
  /** The file that was read. */
  readonly file: string;
  /** The backuppartition-NAME options: maps each name to its directory. */
  readonly backuppartitions: ReadonlyMap<string, string>;
}

export interface LoadOptions {
  /** The service's name in cyrus.conf. An option SERVICE_KEY takes precedence over KEY. */
  service?: string;
}

const specs = new Map<string, KeySpec>(KEYS.map((spec) => [spec.name, spec]));

/**
 * Returns the effective settings by key. For a known option, the service's own setting takes
 * precedence. Throws if a setting is given twice.
 */
function collect(path: string, service: string | undefined): Map<string, Setting> {
  const prefix = service === undefined ? null : `${service.toLowerCase()}_`;
  const general = new Map<string, Setting>();
  const special = new Map<string, Setting>();
  for (const setting of readSettings(path)) {
    const stripped =
      prefix !== null && setting.key.startsWith(prefix) ? setting.key.slice(prefix.length) : null;
    const isSpecial = stripped !== null && specs.has(stripped);
    const target = isSpecial ? special : general;
    const key = isSpecial ? stripped : setting.key;
    const earlier = target.get(key);
    if (earlier !== undefined) {
      const text = `${setting.key} was given before, in ${earlier.file}, line ${earlier.line}`;
      throw configError(setting.file, setting.line, text);
    }
    target.set(key, setting);
  }
  return new Map([...general, ...special]);
}

function describe(spec: KeySpec): string {
  const kinds: Record<KeySpec['type'], string> = {
    switch: 'yes or no',
    int: 'an integer',
    duration: 'a duration like 7d or 1h30m',
    bytes: 'a size like 64K',
    enum: `one of ${spec.values?.join(', ')}`,
    list: 'a list',
    string: 'text',
  };
  const { least, most } = spec;
  if (least === undefined) return kinds[spec.type];
  return `${kinds[spec.type]}, ${least} or more${most === undefined ? '' : ` and at most ${most}`}`;
}

function isWithin({ least, most }: KeySpec, value: ConfigValue): boolean {
  return typeof value !== 'number' || (value >= (least ?? -Infinity) && value <= (most ?? Infinity));
}

function valueFrom(spec: KeySpec, setting: Setting): ConfigValue {
  const value = parseValue(spec, setting.value);
  if (value !== null && isWithin(spec, value)) return value;
  const text = `${setting.key}: ${JSON.stringify(setting.value)} is not ${describe(spec)}`;
  throw configError(setting.file, setting.line, text);
}

function defaultOf(spec: KeySpec): ConfigValue | null {
  if (spec.default !== null) return parseValue(spec, spec.default);
  return spec.type === 'list' ? [] : null;
}

/**
 * Returns an option's value. If it is not set, returns the value set under its older name, else the
 * default.
 */
function resolveValue(spec: KeySpec, settings: Map<string, Setting>): ConfigValue | null {
  const own = settings.get(spec.name);
  if (own !== undefined) return valueFrom(spec, own);
  for (const older of KEYS as readonly KeySpec[]) {
    const setting = older.replacedBy === spec.name ? settings.get(older.name) : undefined;
    if (setting !== undefined) return valueFrom(spec, setting);
  }
  return defaultOf(spec);
}

/**
 * Inserts configdirectory into a value that begins with it. Returns null if configdirectory is not
 * set.
 */
function expand(value: ConfigValue | null, configDirectory: string | null): ConfigValue | null {
  if (typeof value !== 'string' || !value.toLowerCase().startsWith(CONFIG_DIRECTORY)) return value;
  return configDirectory === null ? null : configDirectory + value.slice(CONFIG_DIRECTORY.length);
}

/** Reads the file. Throws BackupError 'config'. */
export function loadConfig(path: string, options: LoadOptions = {}): Config {
  const settings = collect(path, options.service);
  const configDirectory = settings.get('configdirectory')?.value ?? null;
  const values: Record<string, ConfigValue | null> = {};
  for (const spec of KEYS as readonly KeySpec[]) {
    const value = resolveValue(spec, settings);
    values[spec.name] = spec.name === 'configdirectory' ? value : expand(value, configDirectory);
  }
  values['backup_staging_path'] ??= `${values['temp_path'] as string}/backup`;
  const backuppartitions = new Map<string, string>();
  for (const { key, value } of settings.values()) {
    const name = key.slice(PARTITION_PREFIX.length);
    if (key.startsWith(PARTITION_PREFIX) && name !== '') backuppartitions.set(name, value);
  }
  return { ...(values as unknown as Config), file: path, backuppartitions };
}

function missing(config: Config, what: string): BackupError {
  return new BackupError('config', `${config.file}: ${what}`, { subject: config.file });
}

function requireAbsolute(config: Config, key: string, path: string): string {
  if (!path.startsWith('/')) throw missing(config, `${key} is not an absolute path: ${path}`);
  return path;
}

/** Returns configdirectory. Throws BackupError 'config' if it is not set. */
export function requireConfigDirectory(config: Config): string {
  if (config.configdirectory === null) throw missing(config, 'configdirectory is not set');
  return requireAbsolute(config, 'configdirectory', config.configdirectory);
}

/**
 * Returns the path of backups.db. Throws BackupError 'config' if no path can be derived or the
 * format is not supported.
 */
export function requireBackupDatabase(config: Config): string {
  if (config.backup_db !== 'twoskip') {
    throw missing(config, `backup_db ${config.backup_db} is not supported, only twoskip`);
  }
  const path = config.backup_db_path ?? `${requireConfigDirectory(config)}/backups.db`;
  return requireAbsolute(config, 'backup_db_path', path);
}

/**
 * Returns all backuppartition-NAME options. All paths must be absolute, and at least one partition
 * must not be excluded.
 */
export function requirePartitions(config: Config): ReadonlyMap<string, string> {
  const { backuppartitions } = config;
  for (const [name, path] of backuppartitions) requireAbsolute(config, PARTITION_PREFIX + name, path);
  const excluded = config.partition_select_exclude;
  if ([...backuppartitions.keys()].every((name) => excluded.includes(name))) {
    throw missing(config, 'no backuppartition-NAME is set, or all are excluded');
  }
  return backuppartitions;
}

export function requirePasswdFile(config: Config): string {
  const path = config.backup_passwd_file ?? `${requireConfigDirectory(config)}/backup.passwd`;
  return requireAbsolute(config, 'backup_passwd_file', path);
}

/** Checks all options that backupd needs. backupd calls this before it listens. */
export function requireServerConfig(config: Config): void {
  requireConfigDirectory(config);
  requireBackupDatabase(config);
  requirePartitions(config);
  if (config.admins.length === 0) throw missing(config, 'admins is not set, so nobody could replicate');
}

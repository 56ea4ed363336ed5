/**
 * The running backupd: its resources, the reload of its configuration, and its end.
 *
 * A reload applies the whole new configuration or nothing. If the new one is invalid, the error
 * names file, line and key, and the old one stays in force. Listening sockets always stay, and so
 * do the options of the open catalogue.
 */
import { Catalog } from '../../catalog/catalog.ts';
import { loadConfig, requireBackupDatabase, requireServerConfig } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { asBackupError, BackupError, messageOf } from '../../errors.ts';
import { makeFolders } from '../../fs/folders.ts';
import type { ListenAddress } from '../../server/bind.ts';
import { DiskSpace } from '../../server/limits/diskSpace.ts';
import { HostLimits } from '../../server/limits/hostLimits.ts';
import { Listener } from '../../server/listener.ts';
import { Memory } from '../../server/limits/memory.ts';
import { diskSpaceOptions, hostLimitOptions, memoryOptions } from './limits.ts';
import { requireUsable } from './login.ts';
import { Alarms } from '../../server/alarm/alarms.ts';
import { alarmOptions, serverOptions } from './options.ts';
import type { SharedLimits } from './options.ts';
import { writableCatalog } from '../../catalog/catalogOptions.ts';
import { createLog, isJournalStream } from '../../logging/log.ts';
import type { LogFormat } from '../../logging/log.ts';
import type { Log } from '../../logging/events.ts';
import { StatusWriter } from '../../status/statusWriter.ts';
import { startMonitor } from './monitor.ts';
import type { MonitorServer } from '../../server/metrics/monitorServer.ts';
import { StoreWatch } from './storeWatch.ts';
import { checkConfiguration } from '../cyrus-backups/check/configuration.ts';

/** Options that need a restart: the catalogue is opened once, and the log is named once. */
const FIXED_KEYS = [
  'configdirectory',
  'backup_db',
  'backup_db_path',
  'backuppartitions',
  'partition_select_mode',
  'partition_select_exclude',
  'partition_select_soft_usage_limit',
  'partition_select_usage_reinit',
  'fulldirhash',
  'syslog_prefix',
  'backup_metrics_listen',
] as const satisfies readonly (keyof Config)[];

/** How often results are written to the status store. */
const STATUS_FLUSH_MS = 5000;

export function loadServerConfig(path: string): Config {
  const config = loadConfig(path, { service: 'backupd' });
  requireServerConfig(config);
  return config;
}

export class BackupdServer {
  #config: Config;
  readonly #addresses: readonly ListenAddress[];
  readonly #catalog: Catalog;
  readonly #shared: SharedLimits;
  readonly #listener: Listener;
  readonly #watch: StoreWatch;
  #monitor: MonitorServer | undefined;
  readonly log: Log;

  /** Opens all resources, but does not listen yet. Throws BackupError. */
  constructor(config: Config, addresses: readonly ListenAddress[]) {
    this.#config = config;
    this.#addresses = addresses;
    this.log = createLog({
      prefix: config.syslog_prefix ?? 'backupd',
      format: () => logFormat(this.#config),
      withDebug: () => this.#config.debug,
      isJournal: isJournalStream(process.stderr.fd),
      write: (line) => process.stderr.write(line),
    });
    this.#warnOfConfiguration(config.file);
    const status = StatusWriter.open(requireBackupDatabase(config), {
      warn: (reason) => this.log.write('status', { reason }),
      busyTimeoutMs: 0,
    });
    makeStaging(config);
    this.#catalog = Catalog.open(writableCatalog(config));
    this.#shared = {
      hosts: new HostLimits(hostLimitOptions(config)),
      disk: new DiskSpace(diskSpaceOptions(config)),
      memory: new Memory(memoryOptions(config)),
      status,
      alarms: new Alarms(alarmOptions(config, this.#catalog, this.log, status)),
    };
    const options = serverOptions(config, this.#catalog, this.log, this.#shared);
    requireUsable(config, options, addresses);
    this.#listener = new Listener(options);
    this.#watch = new StoreWatch(this.log, this.#shared, this.#listener);
  }

  async listen(): Promise<void> {
    for (const address of this.#addresses) {
      const { text } = await this.#listener.listen(address);
      this.log.write('listening', { address: text });
    }
    this.#monitor = await startMonitor(() => this.#config, {
      log: this.log,
      listener: this.#listener,
      disk: this.#shared.disk,
    });
    this.#watch.start(() => this.#config.backuppartitions);
    this.#shared.status.flushEvery(STATUS_FLUSH_MS);
  }

  /** Reloads the configuration. Never throws. */
  reload(): void {
    try {
      const { next, fixed } = this.#nextConfig();
      makeStaging(next);
      const options = serverOptions(next, this.#catalog, this.log, this.#shared);
      requireUsable(next, options, this.#addresses);
      this.#shared.hosts.reconfigure(hostLimitOptions(next));
      this.#shared.disk.reconfigure(diskSpaceOptions(next));
      this.#shared.memory.reconfigure(memoryOptions(next));
      this.#shared.alarms.reconfigure(alarmOptions(next, this.#catalog, this.log, this.#shared.status));
      this.#config = next;
      this.#listener.reconfigure(options);
      this.log.write('reloaded', { file: next.file });
      this.#warnOfConfiguration(next.file);
      if (fixed.length > 0) this.log.write('restart-needed', { file: next.file, keys: fixed.join(', ') });
    } catch (error) {
      const text = error instanceof BackupError ? error.message : (error as Error).stack;
      this.log.write('reload-failed', { reason: text ?? messageOf(error) });
    }
  }

  /** Logs what `cyrus-backups check` finds in the configuration alone. */
  #warnOfConfiguration(file: string): void {
    for (const { level, where, message, cure } of checkConfiguration(file).findings) {
      if (level !== 'ok') {
        this.log.write('configuration', {
          where,
          reason: `${message}${cure === undefined ? '' : `: ${cure}`}`,
        });
      }
    }
  }

  /** Finishes current commands, ends all chunks, and releases all locks. */
  async stop(): Promise<void> {
    await this.#monitor?.stop();
    await this.#listener.stop();
    this.#watch.stop();
    this.#shared.status.close();
    this.#catalog.close();
  }

  /**
   * Returns the file's configuration with the fixed options unchanged, and the names of fixed
   * options that differ.
   */
  #nextConfig(): { next: Config; fixed: string[] } {
    const read = loadServerConfig(this.#config.file);
    const kept = Object.fromEntries(FIXED_KEYS.map((key) => [key, this.#config[key]]));
    const fixed = FIXED_KEYS.filter((key) => printed(read[key]) !== printed(this.#config[key]));
    const names = fixed.map((key) => (key === 'backuppartitions' ? 'backuppartition-' : key));
    return { next: { ...read, ...kept }, fixed: names };
  }
}

/** The configured format; by default, text for people and logfmt for programs. */
function logFormat({ backup_log_format: format }: Config): LogFormat {
  if (format !== 'auto') return format;
  return process.stderr.isTTY ? 'text' : 'logfmt';
}

function printed(value: Config[keyof Config]): string {
  return JSON.stringify(value instanceof Map ? [...value] : value);
}

function makeStaging({ file, backup_staging_path: path }: Config): void {
  try {
    makeFolders(path);
  } catch (error) {
    throw asBackupError(error, `${file}: cannot make the folder backup_staging_path ${path}`);
  }
}

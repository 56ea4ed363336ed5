/** Starts the HTTP server for monitoring, if backup_metrics_listen is set. */
import { requireBackupDatabase } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import type { Log } from '../../logging/events.ts';
import type { DiskSpace } from '../../server/limits/diskSpace.ts';
import type { Listener } from '../../server/listener.ts';
import type { MonitorServer } from '../../server/metrics/monitorServer.ts';
import { openBackupCount } from '../../server/openBackups.ts';
import { StatusReader } from '../../status/statusReader.ts';
import { VERSION } from '../common/version.ts';
import { partitionSpaces } from './storeWatch.ts';

export interface Monitored {
  readonly log: Log;
  readonly listener: Pick<Listener, 'connectionCount'>;
  readonly disk: Pick<DiskSpace, 'shortages'>;
}

/** Throws a BackupError that names the key or the address. */
export async function startMonitor(
  config: () => Config,
  { log, listener, disk }: Monitored,
): Promise<MonitorServer | undefined> {
  const { backup_metrics_listen: wanted, file } = config();
  if (wanted === null) return undefined;
  // prom-client takes a while to load, and not everybody wants it.
  const { MonitorServer, monitorAddress } = await import('../../server/metrics/monitorServer.ts');
  const { MetricsPage } = await import('../../server/metrics/page.ts');
  const address = monitorAddress(wanted, file);
  const page = new MetricsPage({
    reader: StatusReader.open(requireBackupDatabase(config()), (reason) => log.write('status', { reason })),
    mostUsers: () => (config().backup_metrics_all_users ? Infinity : config().backup_metrics_users),
    live: () => ({
      version: VERSION,
      connections: listener.connectionCount,
      openBackups: openBackupCount(),
      reserveBytes: config().backup_disk_reserve,
      partitions: partitionSpaces(config().backuppartitions),
    }),
  });
  const server = new MonitorServer({
    log,
    page,
    unready: () => disk.shortages().map((partition) => `${partition}: less is free than backup_disk_reserve`),
  });
  const { text } = await server.listen(address);
  log.write('metrics-listening', { address: text });
  return server;
}

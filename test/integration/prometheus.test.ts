/** Debian's Prometheus scrapes a real backupd, and the alert rules that we ship fire for the right user. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { apply } from '../server/made.ts';
import { BackupServer } from '../support/backupdDaemon.ts';
import { Daemon, freePorts, makeFolder, waitUntil } from '../support/machine.ts';
import { needs } from '../support/needs.ts';
import { SyncConnection } from '../support/syncConnection.ts';

const RULES = new URL('../../../build/monitoring/', import.meta.url).pathname;
/** The rules' 26 hours, here in seconds. */
const LATE_S = 8;

interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
}

describe('the alert rules', function () {
  this.timeout(120_000);

  before(function () {
    needs(this, 'the package prometheus');
  });

  it('pass promtool’s check and their own tests', () => {
    for (const args of [
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts.test.yml'],
    ]) {
      const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: RULES, encoding: 'utf8' });
      expect(status, stdout + stderr).to.equal(0);
    }
  });

  it('fire for a user whom the master no longer syncs, and not for an idle one whose master still rolls', async () => {
    const folder = makeFolder('prometheus');
    const backup = await BackupServer.start('backup_metrics_listen: 127.0.0.1:0\n', false, true);
    const [port = 0] = await freePorts(1);
    const url = `http://127.0.0.1:${port}/api/v1`;
    const ask = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
    let prometheus: Daemon | undefined;
    let rolling: SyncConnection | undefined;
    try {
      const metrics = /metrics on 127\.0\.0\.1:(\d+)/;
      await waitUntil(() => metrics.test(backup.log), { what: () => backup.log });
      const scraped = Number(metrics.exec(backup.log)?.[1]);
      configure(folder, scraped);
      prometheus = new Daemon('prometheus', [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ]);
      // anne's master syncs once and falls silent. bob's master, on the unix socket, has a rolling
      // client that never names bob again.
      const once = await SyncConnection.login(backup.address);
      await once.exchange(apply({ name: 'user.anne' }));
      await once.exchange('EXIT\r\n');
      once.close();
      rolling = await SyncConnection.login(backup.address, backup.socket);
      await rolling.exchange(apply({ name: 'user.bob' }));
      await rolling.exchange('RESTART\r\n');

      let alerts: readonly Alert[] = [];
      const named = (user: string): boolean =>
        alerts.some(({ labels, state }) => labels['user'] === user && state === 'firing');
      const until = Date.now() + 60_000;
      while (!named('anne') && Date.now() < until) {
        await rolling.exchange('RESTART\r\n');
        await sleep(500);
        const answer = (await ask('/alerts').catch(() => undefined)) as
          { data: { alerts: readonly Alert[] } } | undefined;
        alerts = (answer?.data.alerts ?? []).filter(
          ({ labels }) => labels['alertname'] === 'CyrusBackupsUserNotSynced',
        );
      }
      expect(named('anne'), JSON.stringify(alerts) + prometheus.output.slice(-2000)).to.equal(true);
      expect(alerts.filter(({ labels }) => labels['user'] === 'bob')).to.deep.equal([]);
      // bob is known all the same, so the rule had him to look at.
      const series = (await ask(
        '/query?query=time()-cyrus_backups_user_sync_timestamp_seconds{user="bob"}',
      )) as { data: { result: readonly { value: readonly [number, string] }[] } };
      expect(Number(series.data.result[0]?.value[1])).to.be.lessThan(LATE_S + 12);
      const targets = (await ask('/targets')) as { data: { activeTargets: readonly { health: string }[] } };
      expect(targets.data.activeTargets.map(({ health }) => health)).to.deep.equal(['up']);
    } finally {
      rolling?.close();
      await prometheus?.stop();
      await backup.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  });
});

/** The rules as they are shipped, with seconds for their hours. */
function configure(folder: string, scraped: number): void {
  mkdirSync(join(folder, 'data'));
  const rules = readFileSync(join(RULES, 'alerts.yml'), 'utf8');
  expect(rules).to.contain('26 * 3600');
  // Prometheus sees a page that is up to five seconds old, of a store that lags five seconds more.
  const shortened = rules.replaceAll('26 * 3600', String(LATE_S + 12)).replaceAll(/for: \w+/g, 'for: 0s');
  writeFileSync(join(folder, 'alerts.yml'), shortened);
  writeFileSync(
    join(folder, 'prometheus.yml'),
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [alerts.yml]
scrape_configs:
  - job_name: cyrus-backups
    static_configs: [{ targets: ['127.0.0.1:${scraped}'] }]
`,
  );
}

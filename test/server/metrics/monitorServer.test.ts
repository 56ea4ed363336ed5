import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { METRICS } from '../../../src/server/metrics/names.ts';
import { MetricsPage } from '../../../src/server/metrics/page.ts';
import { MonitorServer, monitorAddress } from '../../../src/server/metrics/monitorServer.ts';
import { StatusReader } from '../../../src/status/statusReader.ts';
import { StatusWriter } from '../../../src/status/statusWriter.ts';
import { SocketReader } from '../../support/socketReader.ts';

const ROOT = new URL('../../../../', import.meta.url).pathname;

describe('/metrics and /healthz', () => {
  const folder = mkdtempSync(join(tmpdir(), 'metrics-'));
  const backupsDb = join(folder, 'backups.db');
  const faults: string[] = [];
  const warn = (text: string): void => void faults.push(text);
  let shortages: string[] = [];
  let server: MonitorServer;
  let port: number;

  before(async () => {
    const writer = StatusWriter.open(backupsDb, { warn });
    const now = Date.now() / 1000;
    const sync = { kind: 'sync', isOk: true, at: now - 1000, master: '192.0.2.1' } as const;
    for (let n = 0; n < 150; n += 1) writer.recordResult({ ...sync, userid: `u${n}@d${n}.example` });
    writer.recordResult({ ...sync, userid: 'idle@a.example', at: now - 900_000, master: '192.0.2.9' });
    writer.recordResult({
      ...sync,
      userid: 'late"\\\n@a.example',
      at: now - 500_000,
      figures: { missing: 3 },
    });
    writer.recordResult({ ...sync, userid: 'failing@a.example', at: now - 400_000 });
    writer.recordResult({ ...sync, userid: 'failing@a.example', isOk: false, reason: 'locked' });
    writer.recordResult({ ...sync, userid: 'gone@a.example', at: now - 800_000 });
    writer.recordResult({ ...sync, userid: 'gone@a.example', at: now - 800_000, kind: 'gone' });
    writer.recordResult({ ...sync, userid: 'idle@a.example', kind: 'verify', isOk: false });
    writer.recordMaster({ host: '192.0.2.9', seenAt: now, rollingAt: now - 5 });
    writer.recordCount('refusals', 'locked', 7);
    writer.close();
    const page = new MetricsPage({
      reader: StatusReader.open(backupsDb, warn),
      mostUsers: () => 2,
      live: () => ({
        version: '1',
        connections: 3,
        openBackups: 2,
        reserveBytes: 100,
        partitions: new Map([['default', { freeBytes: 5, sizeBytes: 10 }]]),
      }),
    });
    const log = { write: (event: string) => void faults.push(event) };
    server = new MonitorServer({ log, page, unready: () => shortages });
    ({ port } = await server.listen(monitorAddress('127.0.0.1:0', 'imapd.conf')));
  });

  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
    expect(faults).to.deep.equal([]);
  });

  function ask(path: string, method = 'GET'): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path, method }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      asked.on('error', reject).end();
    });
  }

  const value = (text: string, series: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.slice(series.length + 1),
    );

  it('names the users that are late, not one who is idle while the master rolls, nor one who is gone', async () => {
    const { status, text } = await ask('/metrics');
    expect(status).to.equal(200);
    const users = [...text.matchAll(/^cyrus_backups_user_sync_timestamp_seconds\{user="(.*)"\}/gm)].map(
      ([, user]) => user,
    );
    expect(users).to.deep.equal(['late\\"\\\\\\n@a.example', 'failing@a.example']);
    expect(value(text, 'cyrus_backups_users_failing{domain="a.example"}')).to.equal(1);
    expect(value(text, 'cyrus_backups_users{domain="a.example"}')).to.equal(3);
    expect(value(text, 'cyrus_backups_missing_messages{domain="a.example"}')).to.equal(3);
    expect(value(text, 'cyrus_backups_check_failed_users{kind="verify"}')).to.equal(1);
    expect(value(text, 'cyrus_backups_refusals_total{kind="locked"}')).to.equal(7);
    expect(value(text, 'cyrus_backups_partition_free_bytes{partition="default"}')).to.equal(5);
  });

  it('has at most 101 domains, whatever users there are', async () => {
    const { text } = await ask('/metrics');
    expect(text.match(/^cyrus_backups_users\{/gm)).to.have.length(101);
    expect(value(text, 'cyrus_backups_users{domain="other"}')).to.equal(51);
  });

  it('exports the metrics of the table and no others, as promtool wants them', async function () {
    const { text } = await ask('/metrics');
    const names = [...text.matchAll(/^# TYPE (cyrus_\S+)/gm)].map(([, name]) => name);
    expect(names).to.have.members(Object.keys(METRICS));
    const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    if (promtool.error === undefined) expect(promtool.stdout + promtool.stderr).to.not.match(/cyrus_/);
  });

  it('the dashboard and the alert rules ask only for what is exported', async () => {
    const { text } = await ask('/metrics');
    const exported = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    for (const file of ['grafana.json', 'alerts.yml']) {
      const asked = readFileSync(join(ROOT, 'build/monitoring', file), 'utf8').match(
        /\b(?:cyrus_backups|nodejs|process)_[a-z0-9_]+/g,
      );
      expect(asked?.length).to.be.greaterThan(10);
      expect(
        asked?.filter((name) => !exported.has(name)),
        file,
      ).to.deep.equal([]);
    }
  });

  it('the reference is what `make docs` writes', () => {
    execFileSync(process.execPath, ['build/metricsReference.mjs', '--check'], { cwd: ROOT });
  });

  it('/healthz is 200, or 503 with the reasons', async () => {
    expect(await ask('/healthz')).to.deep.equal({ status: 200, text: '{"ready":true,"reasons":[]}\n' });
    shortages = ['/data: full'];
    expect(await ask('/healthz')).to.deep.equal({
      status: 503,
      text: '{"ready":false,"reasons":["/data: full"]}\n',
    });
    shortages = [];
  });

  it('takes GET and HEAD alone, and two paths', async () => {
    expect((await ask('/metrics', 'HEAD')).text).to.equal('');
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      expect((await ask('/metrics', method)).status, method).to.equal(405);
    }
    for (const path of ['/', '/metrics/', '//metrics', '/../metrics', '/status.db']) {
      expect((await ask(path)).status, path).to.equal(404);
    }
  });

  it('hostile clients do not keep others from an answer', async () => {
    const hostile = [
      'GET /metrics HTTP/1.1\r\nX: ',
      'POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nx',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(100_000)}`,
      '\u0000\u0001\r\n\r\n',
      '',
    ];
    const clients = await Promise.all(hostile.map(() => SocketReader.connect(port)));
    await Promise.all(clients.map((client, at) => client.send(hostile[at] ?? '').catch(() => undefined)));
    expect((await ask('/healthz')).status).to.equal(200);
    for (const client of clients) client.close();
  });

  it('listens on no address of the network', () => {
    for (const text of [
      '0.0.0.0:9905',
      ':9905',
      '192.0.2.1:9905',
      '[::]:9905',
      '127.0.0.1',
      '127.0.0.1:99999',
    ]) {
      expect(() => monitorAddress(text, 'imapd.conf'), text).to.throw(/backup_metrics_listen/);
    }
    expect(monitorAddress('[::1]:9905', 'f')).to.deep.equal({ host: '::1', port: 9905 });
    expect(monitorAddress('/run/x', 'f')).to.deep.equal({ path: '/run/x', mode: 0o660 });
  });
});

/**
 * The page /metrics: the figures of the status store and of this process, in Prometheus' text
 * format. Reading the figures of many users takes a while, so the page is kept for a few seconds,
 * and requests that arrive together share one.
 */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { StatusReader } from '../../status/statusReader.ts';
import { readSummary } from '../../status/summary.ts';
import type { Summary } from '../../status/summary.ts';
import type { Master } from '../../status/types.ts';
import { COUNTERS, METRICS } from './names.ts';
import type { MetricName } from './names.ts';

const KEPT_MS = 5000;
const MOST_MASTERS = 100;

export interface LiveFigures {
  readonly version: string;
  readonly connections: number;
  readonly openBackups: number;
  readonly reserveBytes: number;
  /** Free and total bytes by the partition's name. */
  readonly partitions: ReadonlyMap<string, { readonly freeBytes: number; readonly sizeBytes: number }>;
}

export interface PageOptions {
  readonly reader: StatusReader;
  readonly live: () => LiveFigures;
  /** How many users are named at most; Infinity for all. */
  readonly mostUsers: () => number;
}

type Labels = Record<string, string>;
type Sample = readonly [metric: MetricName, labels: Labels, value: number];

export class MetricsPage {
  readonly #options: PageOptions;
  readonly #process = new Registry();
  #kept: { readonly madeAtMs: number; readonly text: Promise<string> } | undefined;

  constructor(options: PageOptions) {
    this.#options = options;
    collectDefaultMetrics({ register: this.#process });
  }

  get contentType(): string {
    return this.#process.contentType;
  }

  /** Rejects only because of a fault in the program. */
  text(): Promise<string> {
    const now = performance.now();
    if (this.#kept !== undefined && now - this.#kept.madeAtMs < KEPT_MS) return this.#kept.text;
    const text = this.#make();
    this.#kept = { madeAtMs: now, text };
    text.catch(() => (this.#kept = undefined));
    return text;
  }

  close(): void {
    this.#process.clear();
    this.#options.reader.close();
  }

  async #make(): Promise<string> {
    const { reader, live, mostUsers } = this.#options;
    const summary = await readSummary(reader, mostUsers());
    const registry = new Registry();
    const samples = [
      ...liveSamples(live()),
      ...summarySamples(summary),
      ...masterSamples(reader.readMasters()),
      ...reader.readCounters().flatMap(({ name, label, value }): Sample[] => {
        const counter = COUNTERS.get(name);
        if (counter === undefined) return [];
        return [[counter.metric, counter.label === undefined ? {} : { [counter.label]: label }, value]];
      }),
    ];
    addSamples(registry, samples);
    return `${await registry.metrics()}\n${await this.#process.metrics()}`;
  }
}

/** Every metric of the table is exported, whether it has samples or not. */
function addSamples(registry: Registry, samples: readonly Sample[]): void {
  const metrics = new Map<string, (labels: Labels, value: number) => void>();
  for (const [name, { type, labels, help }] of Object.entries(METRICS)) {
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (type === 'counter') {
      const counter = new Counter<string>(options);
      metrics.set(name, (labels, value) => counter.inc(labels, value));
    } else {
      const gauge = new Gauge<string>(options);
      metrics.set(name, (labels, value) => gauge.set(labels, value));
    }
  }
  for (const [name, labels, value] of samples) metrics.get(name)?.(labels, value);
}

function liveSamples(live: LiveFigures): Sample[] {
  return [
    ['cyrus_backups_build_info', { version: live.version }, 1],
    ['cyrus_backups_connections', {}, live.connections],
    ['cyrus_backups_open_backups', {}, live.openBackups],
    ['cyrus_backups_disk_reserve_bytes', {}, live.reserveBytes],
    ...[...live.partitions].flatMap(([partition, { freeBytes, sizeBytes }]): Sample[] => [
      ['cyrus_backups_partition_free_bytes', { partition }, freeBytes],
      ['cyrus_backups_partition_size_bytes', { partition }, sizeBytes],
    ]),
  ];
}

function summarySamples({ domains, checks, stalest, mostMissing }: Summary): Sample[] {
  const samples: Sample[] = [];
  for (const [domain, sums] of domains) {
    samples.push(
      ['cyrus_backups_users', { domain }, sums.users],
      ['cyrus_backups_users_failing', { domain }, sums.failing],
      ['cyrus_backups_users_never_compared', { domain }, sums.neverCompared],
      ['cyrus_backups_missing_messages', { domain }, sums.missing],
      ['cyrus_backups_oldest_sync_timestamp_seconds', { domain }, sums.oldestSync],
    );
    if (Number.isFinite(sums.oldestCompare)) {
      samples.push(['cyrus_backups_oldest_compare_timestamp_seconds', { domain }, sums.oldestCompare]);
    }
  }
  for (const [kind, { failed, oldestSuccess, lastSuccess }] of checks) {
    samples.push(['cyrus_backups_check_failed_users', { kind }, failed]);
    if (lastSuccess === 0) continue;
    samples.push(
      ['cyrus_backups_check_oldest_success_timestamp_seconds', { kind }, oldestSuccess],
      ['cyrus_backups_check_last_success_timestamp_seconds', { kind }, lastSuccess],
    );
  }
  for (const { userid: user, syncedAt, failingSince } of stalest) {
    samples.push(['cyrus_backups_user_sync_timestamp_seconds', { user }, syncedAt]);
    if (failingSince !== undefined) {
      samples.push(['cyrus_backups_user_failing_since_timestamp_seconds', { user }, failingSince]);
    }
  }
  for (const { userid: user, missing } of mostMissing) {
    samples.push(['cyrus_backups_user_missing_messages', { user }, missing]);
  }
  return samples;
}

function masterSamples(masters: readonly Master[]): Sample[] {
  const recent = masters.toSorted((a, b) => b.seenAt - a.seenAt).slice(0, MOST_MASTERS);
  return recent.flatMap(({ host: master, seenAt, rollingAt, lagSeconds }): Sample[] => [
    ['cyrus_backups_master_seen_timestamp_seconds', { master }, seenAt],
    ...(rollingAt === undefined
      ? []
      : [['cyrus_backups_master_rolling_timestamp_seconds', { master }, rollingAt] as const]),
    ...(lagSeconds === undefined
      ? []
      : [['cyrus_backups_master_lag_seconds', { master }, lagSeconds] as const]),
  ]);
}

/**
 * Writes docs/reference/metrics.md from the table of metrics (src/server/metrics/names.ts), so that
 * page and code cannot differ.
 *
 * Run `node build/metricsReference.mjs` after a build. With --check it only compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { METRICS } from '../dist/src/server/metrics/names.js';

const PAGE = new URL('../docs/reference/metrics.md', import.meta.url);

const rows = Object.entries(METRICS).map(
  ([name, { type, labels, help }]) =>
    `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ') || '–'} | ${help} |`,
);

const text = `# Metrics of backupd

<!-- Written by \`make docs\` from src/server/metrics/names.ts. Change the table, not this page. -->

backupd serves these at \`/metrics\` if \`backup_metrics_listen\` is set.
[Monitoring](../guide/monitoring.md) says what to watch. All times are unix seconds. The number of
series is bounded:

* \`domain\`: the 100 domains with the most users; the others are summed up as \`other\`, users without
  a domain as \`none\`.
* \`user\`: \`backup_metrics_users\` users, or all with \`backup_metrics_all_users\`.
* \`master\`: the 100 hosts that were seen last. An IPv6 host is its /64 network.

The page also has the metrics of every Node.js process: \`process_*\` and \`nodejs_*\`.

| Name | Type | Labels | Meaning |
| --- | --- | --- | --- |
${rows.join('\n')}
`;

if (process.argv.includes('--check')) {
  if (readFileSync(PAGE, 'utf8') !== text) {
    console.error('docs/reference/metrics.md differs from src/server/metrics/names.ts: make docs');
    process.exitCode = 1;
  }
} else writeFileSync(PAGE, text);

/** `cyrus-backups reports [FILE...]`: checks, lists and shows signed reports. */
import { basename, join } from 'node:path';
import { loadConfig } from '../../config/imapdConf.ts';
import { BackupError, exitCodeOf } from '../../errors.ts';
import { storeOf } from '../common/select.ts';
import { asOwnerOf } from '../../fs/actAsOwner.ts';
import { reportPaths } from '../../proof/report/report.ts';
import { PUBLIC_NAME, SigningKey, readPublicKey } from '../../proof/report/signingKey.ts';
import type { PublicKey } from '../../proof/report/signingKey.ts';
import { readReport, verifyChain, verifyReport } from '../../proof/report/verifyReport.ts';
import type { Parsed } from '../common/commandLine/parse.ts';
import type { CliIo } from '../common/io.ts';
import { proofFolder } from '../common/proofFolder.ts';
import type { reportsProgram } from './programs/reports.ts';

/** Resolves to 0, or to 65 if a report is not what was signed, or is missing. */
export async function checkReports(
  { values, operands }: Parsed<(typeof reportsProgram)['options']>,
  io: CliIo,
): Promise<number> {
  const config = loadConfig(values.config);
  const folder = proofFolder(config);
  return asOwnerOf(storeOf(config, 'all', []), async () => {
    if (values.publicKey) {
      io.stdout.write(SigningKey.open(folder).publicPem);
      return 0;
    }
    const key = readPublicKey(values.key ?? join(folder, PUBLIC_NAME));
    return operands.length === 0 ? listAll(folder, key, io) : show(operands, key, io);
  });
}

function listAll(folder: string, key: PublicKey, io: CliIo): number {
  for (const path of reportPaths(folder)) io.stdout.write(`${lineOf(path)}\n`);
  const { checked, faults } = verifyChain(folder, key);
  for (const fault of faults) io.stderr.write(`cyrus-backups reports: ${fault}\n`);
  io.stdout.write(`${checked} reports, ${faults.length} faults; key ${key.fingerprint}\n`);
  return faults.length === 0 ? 0 : exitCodeOf.damaged;
}

function lineOf(path: string): string {
  try {
    const { head, lines } = readReport(path);
    const { ended: _ended, ...figures } = lines.at(-1) ?? {};
    const shown = Object.entries(figures).filter(([, value]) => typeof value === 'number' && value > 0);
    return [path, head.report, ...shown.map(([name, value]) => `${name} ${String(value)}`)].join('\t');
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return `${path}\tnot readable`;
  }
}

function show(paths: readonly string[], key: PublicKey, io: CliIo): number {
  let isWell = true;
  for (const path of paths) {
    const report = readReport(path);
    for (const line of [report.head, ...report.lines]) io.stdout.write(`${JSON.stringify(line)}\n`);
    try {
      verifyReport(report, key);
      io.stderr.write(`${basename(path)}: the signature is right (key ${key.fingerprint})\n`);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      io.stderr.write(`cyrus-backups reports: ${error.message}\n`);
      isWell = false;
    }
  }
  return isWell ? 0 : exitCodeOf.damaged;
}

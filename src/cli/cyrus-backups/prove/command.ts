/** `cyrus-backups prove SERVER [USER...]`: turns the command line into the options of a run. */
import { loginOf } from '../../common/commandLine/loginOptions.ts';
import { loadConfig } from '../../../config/imapdConf.ts';
import { asOwnerOf } from '../../../fs/actAsOwner.ts';
import { parseAddress } from '../../../restore/connection/address.ts';
import type { Parsed } from '../../common/commandLine/parse.ts';
import { wrongUsage } from '../../common/commandLine/parse.ts';
import { storeOf } from '../../common/select.ts';
import { clientOptions } from '../../restore/connect.ts';
import type { PasswdIo } from '../passwd.ts';
import { proveProgram } from '../programs/prove.ts';
import { runProve } from './runProve.ts';

const MIB = 1 << 20;
/** A user who differs is looked at twice more. */
const RETRIES = 2;

/**
 * Resolves to the exit code: 0 if all is proved or only behind, 64 usage, 75 if something is wrong
 * or not backed up, 76 if the server breaks off, 77 wrong password, 78 configuration.
 */
export async function proveBackups(
  { values, operands }: Parsed<(typeof proveProgram)['options']>,
  io: PasswdIo,
): Promise<number> {
  const [server = '', ...users] = operands;
  const config = loadConfig(values.config);
  const address = parseAddress(server);
  const login = { ...loginOf(values), compress: false, timeoutSeconds: values.timeout };
  const client = await clientOptions(login, config, address, io);
  const options = {
    address,
    client,
    users,
    sampleSize: sampleSize(values.sample),
    isThorough: values.isThorough,
    rate: values.rate,
    bytesPerSecond: values.bytes * MIB,
    staleHours: values.stale,
    forMinutes: values.minutes ?? Infinity,
    retries: RETRIES,
    settleSeconds: values.settle,
    graceHours: values.grace,
    isJson: values.json,
  };
  return asOwnerOf(storeOf(config, 'all', []), () => runProve(config, options, io));
}

function sampleSize(text: string): number {
  if (text === 'all') return Infinity;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw wrongUsage(proveProgram, `--sample: a number or 'all' is expected, not ${JSON.stringify(text)}`);
}

/**
 * `cyrus-backups passwd [-C imapd.conf] [-d] USER`: adds, changes or (-d) deletes a user in
 * backupd's password file.
 *
 * On a terminal it asks for the password twice and does not show it. Otherwise it reads one line of
 * standard input. The password is never an argument, because every user of the machine could see it
 * there.
 */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { BackupError } from '../../errors.ts';
import { loadConfig, requirePasswdFile } from '../../config/imapdConf.ts';
import { removePassword, setPassword } from '../../config/passwordFile.ts';
import type { Parsed } from '../common/commandLine/parse.ts';
import { runProgram } from '../common/run.ts';
import { passwdProgram } from './programs/passwd.ts';

export interface PasswdIo {
  stdin: Readable & { isTTY?: boolean; setRawMode?: (isRaw: boolean) => unknown };
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown };
}

const ENTER = new Set(['\r', '\n', '\x04']);
const ERASE = new Set(['\x7f', '\b']);
const INTERRUPT = '\x03';

/** Reads a line in raw mode, in which the terminal does not show what is typed. */
export function askHidden(io: PasswdIo, prompt: string): Promise<string> {
  io.stdout.write(prompt);
  io.stdin.setRawMode?.(true);
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const finish = (settle: () => void): void => {
      io.stdin.off('data', take);
      io.stdin.setRawMode?.(false);
      io.stdin.pause();
      io.stdout.write('\n');
      settle();
    };
    const take = (data: Buffer): void => {
      const characters = Array.from(data.toString());
      for (const [index, character] of characters.entries()) {
        if (ENTER.has(character)) {
          finish(() => resolve(typed.join('')));
          const rest = characters.slice(index + 1).join('');
          if (rest !== '') io.stdin.unshift(Buffer.from(rest));
          return;
        }
        if (character === INTERRUPT) {
          finish(() => reject(new BackupError('usage', 'interrupted')));
          return;
        }
        typed = ERASE.has(character) ? typed.slice(0, -1) : [...typed, character];
      }
    };
    io.stdin.on('data', take);
    io.stdin.resume();
  });
}

async function askTwice(io: PasswdIo): Promise<string> {
  const first = await askHidden(io, 'New password: ');
  const second = await askHidden(io, 'Again: ');
  if (first !== second) throw new BackupError('usage', 'the two passwords differ');
  return first;
}

/** Reads the first line of standard input. Throws 'usage' if there is none. */
export async function readLine(io: PasswdIo): Promise<string> {
  const lines = createInterface({ input: io.stdin });
  for await (const line of lines) {
    lines.close();
    return line;
  }
  throw new BackupError('usage', 'no password on standard input');
}

/** Resolves to the exit code. `argv` holds the arguments after `passwd`. */
export function runPasswd(argv: readonly string[], io: PasswdIo): Promise<number> {
  return runProgram(passwdProgram, argv, io, (parsed) => changePassword(parsed, io));
}

export async function changePassword(
  { values, operands }: Parsed<(typeof passwdProgram)['options']>,
  io: PasswdIo,
): Promise<number> {
  const [user = ''] = operands;
  const config = loadConfig(values.config);
  const path = requirePasswdFile(config);
  if (values.isDelete) {
    removePassword(path, user);
    return 0;
  }
  await setPassword(path, user, await (io.stdin.isTTY === true ? askTwice(io) : readLine(io)));
  if (!config.admins.includes(user)) {
    const cure = `add ${user} to admins in ${config.file}`;
    io.stderr.write(
      `cyrus-backups passwd: the password is set, but ${user} may not replicate yet: ${cure}\n`,
    );
  }
  return 0;
}

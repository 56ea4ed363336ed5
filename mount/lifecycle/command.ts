/** Runs a system program (mount, umount, stat) without a shell and without blocking. */
import { spawn } from 'node:child_process';

export interface CommandResult {
  /** The exit status. Undefined: the program could not be started, or did not end in time. */
  readonly status: number | undefined;
  /** The program's error output, or the reason why it could not be run. */
  readonly complaint: string;
}

export interface CommandOptions {
  /** Passed to the program as descriptor 3. 'pipe' is a socket that never delivers anything. */
  readonly fd?: number | 'pipe';
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const env = { ...process.env, LC_ALL: 'C', ...options.env };
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe', options.fd ?? 'ignore'], env });
    let complaint = '';
    const finish = (status: number | undefined, why: string): void => {
      clearTimeout(timer);
      resolve({ status, complaint: why.trim() });
    };
    // A program that hangs in the kernel cannot be killed, so it is abandoned.
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      child.unref();
      finish(undefined, `${command} did not end in time`);
    }, options.timeoutMs ?? 60_000);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    child.on('error', (error) => finish(undefined, error.message));
    child.on('close', (status) => finish(status ?? undefined, complaint));
  });
}

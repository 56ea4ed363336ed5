/**
 * Places where tests kill the process, to check that the files on disk are whole at every step.
 * CYRUS_BACKUPS_KILL_AT names one of them. The signal is SIGKILL, after which nothing can be
 * cleaned up. Without the variable this does nothing.
 */
const killAt = process.env['CYRUS_BACKUPS_KILL_AT'];

/** `name`: the command and the step that was just done, such as `move:copied`. */
export function faultPoint(name: string): void {
  if (killAt === name) process.kill(process.pid, 'SIGKILL');
}

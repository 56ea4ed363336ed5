/**
 * Marks places at which tests kill the process, to check that the files on disk are intact after
 * every step. The environment variable CYRUS_BACKUPS_KILL_AT names one of these places. The signal
 * is SIGKILL, so the process cannot clean up. Without the variable, faultPoint() does nothing.
 */
const killAt = process.env['CYRUS_BACKUPS_KILL_AT'];

/**
 * Kills the process here if a test asks for it. `name`: the command and the step that was just
 * completed, such as `move:copied`.
 */
export function faultPoint(name: string): void {
  if (killAt === name) process.kill(process.pid, 'SIGKILL');
}

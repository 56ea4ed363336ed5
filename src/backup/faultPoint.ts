/**
 * Places where tests kill the process, to see that what is on disk is whole at every step: CYRUS_BACKUPS_KILL_AT names one of
 * them. It is SIGKILL, which nothing can clean up after. Without the variable this does nothing.
 */
const killAt = process.env['CYRUS_BACKUPS_KILL_AT'];

/** `name`: the command and the step that was just done, `move:copied`. */
export function faultPoint(name: string): void {
  if (killAt === name) process.kill(process.pid, 'SIGKILL');
}

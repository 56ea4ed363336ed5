/**
 * Skips a test that needs what this machine does not have, and says so: a test that is silently
 * skipped looks like one that passed.
 */
import type { Context } from 'mocha';

export function skipLoudly(context: Context, missing: string): never {
  const title = context.currentTest?.fullTitle() ?? context.test?.fullTitle() ?? 'a test';
  process.stderr.write(`SKIPPED: ${title}: missing ${missing}\n`);
  return context.skip();
}

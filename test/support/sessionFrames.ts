/**
 * Reads the recorded session in test/fixtures/session: frames that a real sync_client sent (format:
 * see its README).
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** The folder in the sources, because compiled tests run from dist. */
const FOLDER = new URL('../../../test/fixtures/session/', import.meta.url);

export type CaptureName = `${'01-initial' | '02-changes' | '03-noop'}-${'anne' | 'bethany' | 'shared'}`;

export function sessionFrames(name: CaptureName): Buffer[] {
  const bytes = gunzipSync(readFileSync(new URL(`${name}.frames.gz`, FOLDER)));
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    frames.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return frames;
}

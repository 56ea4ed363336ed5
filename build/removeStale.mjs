/**
 * Removes compiled files from dist whose source is gone. The compiler leaves them there, and mocha would run the tests
 * of a file that was moved a second time.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';

const root = new URL('../', import.meta.url);

for (const folder of ['src', 'mount', 'test']) {
  const compiled = new URL(`dist/${folder}/`, root);
  if (!existsSync(compiled)) continue;
  for (const name of readdirSync(compiled, { recursive: true })) {
    const stem = /^(.*?)(?:\.js|\.js\.map|\.d\.ts)$/.exec(name)?.[1];
    if (stem === undefined || existsSync(new URL(`${folder}/${stem}.ts`, root))) continue;
    rmSync(new URL(name, compiled));
  }
}

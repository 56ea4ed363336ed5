/**
 * Replays recorded sync_client sessions to a backup server: `replay.mjs PORT FILE.frames.gz...`
 * (file format: test/fixtures/session/README.md).
 *
 * Opens one connection per file, in the order of the file names. Stops at the first reply that is
 * not OK.
 */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';

const [port, ...files] = process.argv.slice(2);

function* framesOf(file) {
  const bytes = gunzipSync(readFileSync(file));
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    yield bytes.subarray(at + 4, end);
    at = end;
  }
}

/** Reads replies from a socket. Each call resolves to the first text that matches its pattern. */
function replies(socket) {
  let text = '';
  let ended = null;
  let check = () => undefined;
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    check();
  });
  const end = (error) => {
    ended = error ?? new Error(`the server closed the connection after: ${text.slice(-200)}`);
    check();
  };
  socket.on('error', end);
  socket.on('close', () => end());
  return (pattern) =>
    new Promise((resolve, reject) => {
      check = () => {
        const match = pattern.exec(text);
        if (match !== null) {
          text = '';
          resolve(match[0].trim());
        } else if (ended !== null) reject(ended);
      };
      check();
    });
}

for (const file of files.toSorted()) {
  const socket = net.connect(Number(port), '127.0.0.1');
  const next = replies(socket);
  await next(/^\* OK .*\r\n$/m);
  let commands = 0;
  let bytes = 0;
  for (const frame of framesOf(file)) {
    socket.write(frame);
    const answer = await next(/^(?:OK|NO|BAD) .*\r\n$/m);
    if (!answer.startsWith('OK'))
      throw new Error(`${basename(file)}: ${frame.toString('latin1', 0, 60)}: ${answer}`);
    commands += 1;
    bytes += frame.length;
  }
  socket.destroy();
  console.log(
    `${basename(file, '.frames.gz').padEnd(20)} ${String(commands).padStart(3)} commands ${String(bytes).padStart(7)} bytes, all OK`,
  );
}

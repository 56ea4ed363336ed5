/**
 * Notifications to the kernel: that a name or a file's content must not be believed any longer although
 * its time has not run out. They are plain writes to the descriptor, and must not be made by the thread
 * that serves requests: the kernel may wait, inside the write, for a request that is still to be answered.
 *
 * False: the kernel did not know the name or node, or the mount is gone; nothing needs to be done.
 */
import { writeSync } from 'node:fs';
import { NOTIFY, OUT_HEADER_BYTES } from './protocol.ts';
import { writeNodeId } from './structs.ts';

export interface NodeNumbers {
  readonly place: number;
  readonly child: number;
}

/** NOTIFY_INVAL_ENTRY: `name` in the folder has to be looked up again. */
export function invalidateEntry(fd: number, parent: NodeNumbers, name: Buffer): boolean {
  const message = notification(NOTIFY.INVAL_ENTRY, 16 + name.length + 1);
  writeNodeId(message, OUT_HEADER_BYTES, parent.place, parent.child);
  message.writeUInt32LE(name.length, OUT_HEADER_BYTES + 8);
  name.copy(message, OUT_HEADER_BYTES + 16);
  return send(fd, message);
}

/** NOTIFY_INVAL_INODE: attributes and content (or, of a folder, the list) have to be asked for again. */
export function invalidateNode(fd: number, node: NodeNumbers): boolean {
  const message = notification(NOTIFY.INVAL_INODE, 24);
  writeNodeId(message, OUT_HEADER_BYTES, node.place, node.child);
  return send(fd, message);
}

/** NOTIFY_DELETE: `name` is gone; unlike invalidateEntry, those who watch the folder are told. */
export function announceDeletion(fd: number, parent: NodeNumbers, node: NodeNumbers, name: Buffer): boolean {
  const message = notification(NOTIFY.DELETE, 24 + name.length + 1);
  writeNodeId(message, OUT_HEADER_BYTES, parent.place, parent.child);
  writeNodeId(message, OUT_HEADER_BYTES + 8, node.place, node.child);
  message.writeUInt32LE(name.length, OUT_HEADER_BYTES + 16);
  name.copy(message, OUT_HEADER_BYTES + 24);
  return send(fd, message);
}

/** A notification is an answer to request 0 whose error is the kind. Offset and length 0 mean all of a file. */
function notification(code: number, payloadBytes: number): Buffer {
  const message = Buffer.alloc(OUT_HEADER_BYTES + payloadBytes);
  message.writeUInt32LE(message.length, 0);
  message.writeInt32LE(code, 4);
  return message;
}

function send(fd: number, message: Buffer): boolean {
  try {
    writeSync(fd, message);
    return true;
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENODEV' || code === 'ENOTEMPTY') return false;
    throw error;
  }
}

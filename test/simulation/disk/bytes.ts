/** Views of the buffers that a call is given. */

export const bytesOf = (
  view: NodeJS.ArrayBufferView,
  offset = 0,
  length = view.byteLength - offset,
): Buffer => Buffer.from(view.buffer as ArrayBuffer, view.byteOffset + offset, length);

/** What a short call does. */
export const halfOf = (bytes: Buffer): Buffer => bytes.subarray(0, Math.max(1, bytes.length >> 1));

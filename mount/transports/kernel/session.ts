/**
 * Answers requests of the kernel: bytes in, bytes out, no descriptor. A request that fails costs itself
 * only: whatever is thrown becomes an errno.
 */
import { constants } from 'node:os';
import { messageOf } from '../../../src/errors.ts';
import type { Filesystem } from '../../filesystem.ts';
import { errnoOfError, isWorthLogging } from '../../fsError.ts';
import { NO_REPLY, operations } from './operations.ts';
import { OPCODE, OUT_HEADER_BYTES } from './protocol.ts';
import { Registry } from './registry.ts';
import { writeOutHeader } from './structs.ts';

const NAME_OF = new Map<number, string>(Object.entries(OPCODE).map(([name, code]) => [code, name]));

export class Session {
  readonly filesystem: Filesystem;
  readonly registry: Registry;
  readonly #generation: number;
  readonly #log: (line: string) => void;

  /** `generation`, such as the second of the mount, tells its nodeids from those of an earlier mount. */
  constructor(filesystem: Filesystem, generation: number, log: (line: string) => void) {
    this.filesystem = filesystem;
    this.registry = new Registry(filesystem.root.place);
    this.#generation = generation;
    this.#log = log;
  }

  /** Writes the answer into `reply` and returns its bytes; 0: there is none to send. */
  answer(request: Buffer, requestBytes: number, reply: Buffer): number {
    const opcode = request.readUInt32LE(4);
    const operation = operations.get(opcode);
    if (operation === undefined) return this.#fail(request, reply, constants.errno.ENOSYS);
    const { filesystem, registry } = this;
    try {
      const generation = this.#generation;
      const payloadBytes = operation({ filesystem, registry, generation, request, requestBytes, reply });
      if (payloadBytes === NO_REPLY) return 0;
      writeOutHeader(reply, payloadBytes, 0, request);
      return OUT_HEADER_BYTES + payloadBytes;
    } catch (error) {
      if (isWorthLogging(error)) this.#log(`mount: ${NAME_OF.get(opcode) ?? opcode}: ${messageOf(error)}`);
      return this.#fail(request, reply, errnoOfError(error));
    }
  }

  #fail(request: Buffer, reply: Buffer, errno: number): number {
    writeOutHeader(reply, 0, errno, request);
    return OUT_HEADER_BYTES;
  }
}

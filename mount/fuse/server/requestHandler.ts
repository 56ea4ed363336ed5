/**
 * Answers the kernel's requests. A request and its answer are buffers; this file uses no
 * descriptor. A failing request does not affect others, because every exception becomes an errno.
 */
import { constants } from 'node:os';
import { NotInMemory } from '../../content/stored.ts';
import { faultLog } from '../../faultLog.ts';
import type { FaultLog } from '../../faultLog.ts';
import type { Filesystem } from '../../vfs/filesystem.ts';
import { errnoOfError } from '../../vfs/fsError.ts';
import { NO_REPLY, operations } from './operations.ts';
import type { Call, Operation } from './operations.ts';
import { OPCODE, OUT_HEADER_BYTES } from '../wire/protocol.ts';
import type { Aside } from './deferredRequests.ts';
import { ListPrefetch } from '../prefetch/listPrefetch.ts';
import type { PrefetchPlanner } from '../prefetch/prefetcher.ts';
import { Registry } from '../wire/registry.ts';
import { writeOutHeader } from '../wire/structs.ts';

const NAME_OF = new Map<number, string>(Object.entries(OPCODE).map(([name, code]) => [code, name]));

export class Session {
  readonly filesystem: Filesystem;
  readonly registry: Registry;
  readonly #listPrefetch: ListPrefetch;
  readonly #readAhead: PrefetchPlanner | undefined;
  readonly #aside: Aside | undefined;
  readonly #generation: number;
  readonly #faults: FaultLog;

  /**
   * `generation` distinguishes this mount's nodeids from those of an earlier mount. The time of
   * mounting in seconds is suitable.
   */
  constructor(
    filesystem: Filesystem,
    generation: number,
    log: (line: string) => void,
    readAhead?: PrefetchPlanner,
    aside?: Aside,
  ) {
    this.filesystem = filesystem;
    this.registry = new Registry(filesystem.root.place);
    this.#listPrefetch = new ListPrefetch(filesystem, this.registry, generation);
    this.#readAhead = readAhead;
    this.#aside = aside;
    this.#generation = generation;
    this.#faults = faultLog(log);
  }

  /** Writes the answer into `reply` and returns its length; 0 if there is none to send. */
  answer(request: Buffer, requestBytes: number, reply: Buffer): number {
    const opcode = request.readUInt32LE(4);
    const operation = operations.get(opcode);
    if (operation === undefined) return this.#fail(request, reply, constants.errno.ENOSYS);
    const call = {
      filesystem: this.filesystem,
      registry: this.registry,
      generation: this.#generation,
      listPrefetch: this.#listPrefetch,
      readAhead: this.#readAhead,
      request,
      requestBytes,
      reply,
    };
    try {
      const payloadBytes = this.#perform(operation, call);
      if (payloadBytes === NO_REPLY) return 0;
      writeOutHeader(reply, payloadBytes, 0, request);
      return OUT_HEADER_BYTES + payloadBytes;
    } catch (error) {
      if (error instanceof NotInMemory && this.#aside !== undefined) {
        this.#aside.put(request.subarray(0, requestBytes), error);
        return 0;
      }
      this.#faults(NAME_OF.get(opcode) ?? String(opcode), error);
      return this.#fail(request, reply, errnoOfError(error));
    }
  }

  #perform(operation: Operation, call: Call): number {
    this.filesystem.begin();
    try {
      return operation(call);
    } catch (error) {
      if (!this.filesystem.goesOnWithout(error)) throw error;
      this.#faults('going on without the index', error);
      this.filesystem.begin();
      return operation(call);
    }
  }

  /**
   * Does the work that could wait until the answer was sent, while the kernel processes the answer.
   */
  afterReply(): void {
    this.#listPrefetch.afterReply();
    this.#readAhead?.afterReply();
  }

  #fail(request: Buffer, reply: Buffer, errno: number): number {
    writeOutHeader(reply, 0, errno, request);
    return OUT_HEADER_BYTES;
  }
}

/** Where a command writes: the process's own streams, or those of a test. */
export interface Output {
  write(text: string | Uint8Array): unknown;
  /** True if the output is a terminal. */
  readonly isTTY?: boolean;
}

export interface CliIo {
  readonly stdout: Output;
  readonly stderr: Output;
}

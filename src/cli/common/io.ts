/** The streams that a command writes to: the process's own streams, or the streams of a test. */
export interface Output {
  write(text: string | Uint8Array): unknown;
  /** True if the output is a terminal. */
  readonly isTTY?: boolean;
}

export interface CliIo {
  readonly stdout: Output;
  readonly stderr: Output;
}

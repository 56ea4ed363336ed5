/** Where a command writes: the process's own streams, or a test's. */
export interface Output {
  write(text: string | Uint8Array): unknown;
  /** Whether somebody looks. */
  readonly isTTY?: boolean;
}

export interface CliIo {
  readonly stdout: Output;
  readonly stderr: Output;
}

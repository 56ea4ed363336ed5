/**
 * Histories that failed before a bug was mended, by seed and steps. A change of what a step does
 * makes other histories of them, so that each bug has a test of its own as well.
 */
export const recorded: readonly { readonly seed: number; readonly steps: string; readonly was: string }[] = [
  {
    seed: 20,
    steps: 'command:597772824,fault:463513631,command:2081655462',
    was: 'a lock that could not be taken left its file open',
  },
];

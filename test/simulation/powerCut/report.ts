/** What a rack has found. */
export interface Report {
  /** Crash states that were opened, by scenario. */
  readonly states: Record<string, number>;
  /** Those in which a written sector follows a missing one, and no index tells of the open chunk. */
  readonly outOfOrder: { states: number; calledDamaged: number };
  /** How many of them went wrong, by fault. */
  readonly faults: Record<string, number>;
  /** The first few, in words, each with what it takes to have it again. */
  readonly examples: string[];
}

export const EXAMPLES = 12;

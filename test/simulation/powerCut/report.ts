/** The result of a rack. */
export interface Report {
  /** Number of crash states that were opened, by scenario. */
  readonly states: Record<string, number>;
  /** States in which a written sector follows a missing one, and no index knows the open chunk. */
  readonly outOfOrder: { states: number; calledDamaged: number };
  /** Number of failed states, by fault. */
  readonly faults: Record<string, number>;
  /** The first few faults in words, each with what is needed to reproduce it. */
  readonly examples: string[];
}

export const EXAMPLES = 12;

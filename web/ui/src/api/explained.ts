/** Why something is told, and what people say of it (docs/api.md: Explanation, Answer). */
import type { Maybe } from './types.ts';

/** Why something is an anomaly or incident; the sentence is made of the other members. */
export interface Explanation {
  sentence: string;
  subject: Partial<Record<'kind' | 'service' | 'caller' | 'version' | 'instance', Maybe<string>>>;
  signal: string;
  unit: 's' | 'ratio' | '1/s' | '';
  seen: Maybe<number>;
  expected: { low: Maybe<number>; high: Maybe<number> };
  requests: Maybe<number>;
  window_seconds: Maybe<number>;
  history_windows: Maybe<number>;
  began_ms: number;
  versions: Maybe<{ affected: number; of: number }>;
  cause: Maybe<{ kind: string; text: string }>;
  evidence: string[];
}

/** What a person said of an incident. */
export interface Answer {
  id: number;
  incident: Maybe<string | number>;
  answer: 'expected' | 'wrong' | 'mute';
  culprit: Maybe<string>;
  note: Maybe<string>;
  who: Maybe<string>;
  given_ms: number;
  since_ms: number;
  until_ms: Maybe<number>;
  revoked_ms: Maybe<number>;
  in_force: boolean;
}

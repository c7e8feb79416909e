/** What came of suggestions, and what they would have done, as docs/api.md describes it. */
import type { Maybe, Range } from './types.ts';

export interface Foretold {
  predicted: Maybe<number>;
  low: Maybe<number>;
  high: Maybe<number>;
}

/** Predicted against observed, once the change was seen and the mesh had settled. */
export interface Verified {
  time_ms: number;
  verdict: 'helped' | 'no_effect' | 'harmed';
  inside: Maybe<boolean>;
  sentence: string;
  undo: Maybe<string>;
  window: Range;
  requests: number;
  predicted: { error_ratio: Maybe<Foretold>; p99_s: Maybe<Foretold> };
  before: { error_ratio: Maybe<number>; p99_s: Maybe<number> };
  observed: {
    error_ratio: Maybe<number>;
    p99_s: Maybe<number>;
    inside: { error_ratio: Maybe<boolean>; p99_s: Maybe<boolean> };
  };
}

/** How many suggestions came to what. */
export interface Fates {
  kind?: string;
  proposed: number;
  seen: number;
  verified: number;
  helped: number;
  no_effect: number;
  harmed: number;
  compared: number;
  inside: number;
}

export interface TrackRecord {
  kinds: Fates[];
  total: Fates;
  sentence: string;
}

export interface DryRun {
  possible: boolean;
  sentence: string;
  minutes: number;
  points: {
    time_ms: number;
    requests: number;
    before: { error_ratio: Maybe<number>; p99_s: Maybe<number> };
    after: { error_ratio: Foretold; p99_s: Foretold };
    beyond: boolean;
  }[];
}

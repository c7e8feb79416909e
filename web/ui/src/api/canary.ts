/** Whether one version of a service is worse than another that serves the same minutes (docs/api.md: /canary). */
import type { Maybe } from './types.ts';

export interface CanarySide {
  version: string;
  requests_seen: number;
  requests: number;
  errors: number;
  error_ratio: Maybe<number>;
  p50_s: Maybe<number>;
  p99_s: Maybe<number>;
}

export interface CanaryVerdict {
  verdict: 'pass' | 'fail' | 'not_enough_data';
  sentence: string;
  baseline: CanarySide;
  canary: CanarySide;
  compared_s: number;
}

/** Why an attempt has no whole answer, as the contract names it. */
export const ATTEMPT_ERRORS = [
  'policy',
  'dns',
  'connect',
  'tls',
  'timeout',
  'reset',
  'protocol',
  'too_large_headers',
] as const;
export type AttemptError = (typeof ATTEMPT_ERRORS)[number];

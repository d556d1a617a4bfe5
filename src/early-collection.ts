import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How much the old generation grows before it is collected again, in percent of what lived after the last time. */
const GROWTH_PERCENT = 100;

/**
 * Lets V8 collect by what the process needs, not by what the machine has: where memory is plenty, its first collection
 * comes at hundreds of megabytes, and the next at a multiple of what was left. To be called when everything is loaded,
 * for this first collection measures what lives.
 */
export function collectEarly(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  collect();
}

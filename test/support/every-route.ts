import { encodeId, newUuid } from '../../src/common/ids.js';
import { DESCRIBED_ROUTES, type DescribedRoute } from './described-routes.js';

const NAMES_OF_NOTHING = { operation: 'pay_none', type: 'nothing.here' } as const;

export interface Route extends DescribedRoute {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly pattern: string;
  /** The path with some id of the right form, which names nothing. */
  readonly path: string;
}

/** Every route of the service under its name, `POST /v1/events`. */
export const EVERY_ROUTE: readonly (readonly [name: string, route: Route])[] = Object.entries(DESCRIBED_ROUTES).map(
  ([name, described]) => {
    const [method, pattern] = name.split(' ') as [Route['method'], string];
    const { names } = described;
    const id = names === undefined ? '' : unknownId(names);
    return [name, { ...described, method, pattern, path: pathTo(pattern, id) }];
  },
);

/** The pattern's path to the object `id`. */
export function pathTo(pattern: string, id: string): string {
  return pattern.replace(/:\w+/, encodeURIComponent(id));
}

function unknownId(names: NonNullable<DescribedRoute['names']>): string {
  return names === 'operation' || names === 'type' ? NAMES_OF_NOTHING[names] : encodeId(names, newUuid(Date.now()));
}
